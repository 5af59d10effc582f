//! The commands of the documentation do what the documentation shows.
//!
//! In the README and in every page below `docs/`, a block marked `console` is run line by line, each page in a directory of
//! its own, from its first command to its last:
//!
//! ```text
//! $ papyra persistence scan --path facts.ndjson  # exit 2
//! Found 1 persistence anomalies:
//! …
//! ```
//!
//! A block marked `toml` whose first line is `# papyra.toml` becomes that file. Without `# exit N` a command must end with 0. If output is shown, it must be all of the output, stderr included; a line
//! `…` stands for any lines, and `…` within a line for any text. The digits of
//! dates and times may differ.

#[path = "../../papyra/tests/redis/lab/mod.rs"]
mod redis_lab;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A command of a page.
#[derive(Debug)]
struct Step {
    line: usize,
    command: String,
    code: i32,
    shown: Vec<String>,
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The pages whose commands are run: the README and whatever stands below `docs/`.
fn pages() -> Vec<PathBuf> {
    let root = project();
    let mut pages = vec![root.join("README.md")];
    let mut directories = vec![root.join("docs")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

/// The language of a block that is a file.
const FILE: &str = "papyra.toml";

/// The commands of a page, in order.
fn steps(text: &str) -> Vec<Step> {
    let mut steps = Vec::<Step>::new();
    let mut fence = None;
    let mut continues = false;
    for (at, line) in text.lines().enumerate() {
        if let Some(language) = line.strip_prefix("```") {
            if let Some(step) = steps.last_mut().filter(|_| fence == Some(FILE)) {
                step.command.push_str("\nEND");
            }
            fence = if fence.is_some() { None } else { Some(language) };
            continues = false;
        } else if fence == Some("toml") && line == "# papyra.toml" {
            fence = Some(FILE);
            let command = "cat > papyra.toml <<'END'".to_owned();
            steps.push(Step { line: at + 1, command, code: 0, shown: Vec::new() });
        } else if let Some(step) = steps.last_mut().filter(|_| fence == Some(FILE)) {
            step.command.push('\n');
            step.command.push_str(line);
        } else if fence == Some("console") {
            if continues {
                let step = steps.last_mut().unwrap();
                step.command.push('\n');
                step.command.push_str(line);
            } else if let Some(command) = line.strip_prefix("$ ") {
                steps.push(Step { line: at + 1, command: command.to_owned(), code: 0, shown: Vec::new() });
            } else {
                let step = steps.last_mut().unwrap_or_else(|| panic!("output without a command: {line}"));
                step.shown.push(line.to_owned());
                continue;
            }
            continues = line.ends_with('\\');
        }
    }
    for step in &mut steps {
        if let Some((_, code)) = step.command.rsplit_once("# exit ") {
            step.code = code.trim().parse().unwrap_or_else(|_| panic!("line {}: `# exit {code}`", step.line));
        }
        // In a clone this is the way to the program; here the program is built already.
        if let Some(command) = step.command.strip_prefix("cargo run --release -- ") {
            step.command = format!("papyra {command}");
        }
    }
    steps
}

/// A page's directory, and a shell in it to which no configuration of the machine leads.
fn run(step: &Step, directory: &Path) -> (Option<i32>, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_papyra")).parent().unwrap();
    let output = Command::new("/bin/sh")
        .args(["-c", &format!("exec 2>&1\n{}", step.command)])
        .current_dir(directory)
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", program.display()))
        .envs(["HOME", "XDG_CONFIG_HOME", "TMPDIR"].map(|name| (name, directory)))
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// Dates, times and seconds come from the clock: of them only the form can be shown.
fn without_times(line: &str) -> String {
    line.trim_end()
        .split(' ')
        .map(|word| if is_time(word) { word.replace(|c: char| c.is_ascii_digit(), "0") } else { word.to_owned() })
        .collect::<Vec<_>>()
        .join(" ")
}

/// `2026-11-20`, `10:45:59.833`, `[1795171559.833]`, `0.7`.
fn is_time(word: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let bare = word.trim_start_matches('[').trim_end_matches(']');
    let marks: String = bare.chars().filter(|c| !c.is_ascii_digit()).collect();
    matches!(marks.as_str(), "--" | "::" | "::." | ".") && bare.split(['-', ':', '.']).all(is_number)
}

/// Whether a line is the one that is shown; `…` in it stands for any text.
fn is_like(shown: &str, line: &str) -> bool {
    let (shown, line) = (without_times(shown), without_times(line));
    let parts: Vec<&str> = shown.split('…').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return shown == line };
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Whether these lines are those that are shown; a line `…` stands for any lines.
fn are_like(shown: &[String], lines: &[&str]) -> bool {
    match shown {
        [] => lines.is_empty(),
        [first, rest @ ..] if first == "…" => (0..=lines.len()).any(|skipped| are_like(rest, &lines[skipped..])),
        [first, rest @ ..] => lines.first().is_some_and(|line| is_like(first, line)) && are_like(rest, &lines[1..]),
    }
}

/// The ports of Redis servers that pages start. Each becomes a free one, so that no two pages, and no two runs of this test,
/// are in each other's way.
const PORTS: [&str; 2] = ["46379", "46380"];

/// What stands for the ports of a page. Servers that are left running there end with this.
struct Servers(Vec<(&'static str, u16)>);

impl Servers {
    fn of(text: &str) -> Servers {
        let named = PORTS.into_iter().filter(|port| text.contains(port));
        Servers(named.map(|port| (port, redis_lab::free_port())).collect())
    }

    /// The command with the ports that are meant.
    fn meant(&self, command: &str) -> String {
        self.0.iter().fold(command.to_owned(), |text, (shown, port)| text.replace(shown, &port.to_string()))
    }

    /// The output with the ports that are shown.
    fn shown(&self, output: &str) -> String {
        self.0.iter().fold(output.to_owned(), |text, (shown, port)| text.replace(&port.to_string(), shown))
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for (_, port) in &self.0 {
            if let Ok(mut client) = redis_lab::Client::connect(*port) {
                let _ = client.try_call(["SHUTDOWN", "NOSAVE"]);
            }
        }
    }
}

/// What of a page is not true.
fn falsehoods(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    if text.contains("$ redis-server ") && Command::new("redis-server").arg("--version").output().is_err() {
        let required = std::env::var("PAPYRA_REQUIRE_ALL").is_ok_and(|value| value == "1");
        assert!(!required, "redis-server is not installed, and nothing may be skipped");
        eprintln!("skipped: {}: redis-server is not installed", page.display());
        return Vec::new();
    }
    let directory = tempfile::tempdir().unwrap();
    let servers = Servers::of(&text);
    let mut found = Vec::new();
    for mut step in steps(&text) {
        step.command = servers.meant(&step.command);
        let (code, output) = run(&step, directory.path());
        let output = servers.shown(&output);
        let lines: Vec<&str> = output.lines().collect();
        if code != Some(step.code) || !step.shown.is_empty() && !are_like(&step.shown, &lines) {
            let (page, Step { line, command, code: wanted, .. }) = (page.display(), &step);
            found.push(format!("{page}:{line}: `{command}` must end with {wanted}, got {code:?}:\n{output}"));
        }
    }
    found
}

#[test]
fn documented_commands_do_what_is_shown() {
    let found: Vec<String> = std::thread::scope(|scope| {
        let pages: Vec<_> = pages().into_iter().map(|page| scope.spawn(move || falsehoods(&page))).collect();
        pages.into_iter().flat_map(|page| page.join().unwrap()).collect()
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_readme_and_each_page_for_operators_have_commands() {
    for page in
        pages().iter().filter(|page| page.ends_with("README.md") || page.parent().unwrap().ends_with("operations"))
    {
        let text = fs::read_to_string(page).unwrap();
        assert!(!steps(&text).is_empty(), "{} shows no command", page.display());
    }
}

#[test]
fn each_link_leads_to_a_file() {
    let others = ["CHANGELOG.md", "CONTRIBUTING.md"].map(|name| project().join(name));
    for page in pages().into_iter().chain(others) {
        let text = fs::read_to_string(&page).unwrap();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://") && !target.starts_with('#')) {
            let file = target.split('#').next().unwrap();
            assert!(page.parent().unwrap().join(file).exists(), "{}: no such file: {target}", page.display());
        }
    }
}

#[test]
fn output_is_compared_as_it_is_shown() {
    let shown = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    assert!(are_like(&shown(&["a", "…", "z"]), &["a", "b", "z"]));
    assert!(are_like(&shown(&["a", "…"]), &["a"]));
    assert!(!are_like(&shown(&["a"]), &["a", "b"]));
    assert!(!are_like(&shown(&["a", "…", "z"]), &["a", "z", "b"]));
    assert!(is_like("written 3 in … ms", "written 3 in 17 ms"));
    assert!(!is_like("written 3 in … ms", "written 4 in 17 ms"));
    assert!(is_like("12:00:01.125 crashed", "23:59:59.999 crashed"));
    assert!(is_like("  0.7 s  [1795171559.833] crashed", "  0.8 s  [1795171560.001] crashed"));
    assert!(!is_like("12:00:01 crashed 3", "12:00:01 crashed 4"));
}

#[test]
fn a_page_is_read_as_its_commands() {
    let page = "```console\n$ papyra a \\\n  b\nout\n$ cargo run --release -- c  # exit 2\n```\n```\n$ not run\n```\n\
        ```toml\n# papyra.toml\nurl = \"memory:\"\n```\n";
    let steps = steps(page);
    let [first, second, file] = steps.as_slice() else { panic!("{steps:?}") };
    assert_eq!((first.command.as_str(), first.code, first.shown.len()), ("papyra a \\\n  b", 0, 1));
    assert_eq!((second.command.as_str(), second.code, second.line), ("papyra c  # exit 2", 2, 5));
    assert_eq!(file.command, "cat > papyra.toml <<'END'\nurl = \"memory:\"\nEND");
}
