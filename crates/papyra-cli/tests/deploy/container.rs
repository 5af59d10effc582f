//! The container file.

use std::{
    env, fs,
    os::unix::fs::{MetadataExt as _, chown},
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    read,
    tool::{find, run},
};

/// Instructions, each with its arguments.
type Instructions = Vec<(String, String)>;

/// Those of the last stage, and all of them.
fn instructions() -> (Instructions, Instructions) {
    let text = read("container/Containerfile");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let all: Instructions = lines
        .map(|line| line.split_once(' ').map(|(word, rest)| (word.to_owned(), rest.to_owned())).unwrap())
        .collect();
    let last = all.iter().rposition(|(word, _)| word == "FROM").unwrap();
    (all[last..].to_vec(), all)
}

#[test]
fn the_image_holds_nothing_but_the_program_and_runs_as_nobody() {
    let (last, all) = instructions();
    let of =
        |word: &str| last.iter().filter(|(name, _)| name == word).map(|(_, rest)| rest.as_str()).collect::<Vec<_>>();
    assert_eq!(of("FROM"), ["scratch"]);
    assert_eq!(of("ENTRYPOINT"), [r#"["papyra"]"#]);
    let user: u32 = of("USER")[0].split_once(':').unwrap().0.parse().unwrap();
    assert_ne!(user, 0);
    assert!(of("RUN").is_empty(), "there is no shell in it");
    // The program is copied from where it is built to where the path leads.
    assert_eq!(of("ENV"), ["PATH=/usr/local/bin"]);
    assert!(of("COPY").contains(&"--from=build /src/target/release/papyra /usr/local/bin/papyra"), "{last:?}");
    let build = "cargo build --locked --release --package papyra-cli --bin papyra";
    assert!(all.contains(&("RUN".to_owned(), build.to_owned())), "{all:?}");
}

#[test]
fn the_toolchain_is_that_of_the_workspace_and_what_is_built_here_stays_out() {
    let (_, all) = instructions();
    // The newest 1.x, which is not older than what `Cargo.toml` asks for.
    assert_eq!(all[0], ("FROM".to_owned(), "rust:1-alpine AS build".to_owned()));
    let ignored = read("container/Containerfile.dockerignore");
    assert!(ignored.lines().any(|line| line == "target"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    assert!(root.join("Cargo.lock").is_file(), "--locked needs it");
}

/// The program as the first stage makes it, whose C library here is another one: a static binary.
fn static_binary() -> PathBuf {
    let own = env::current_exe().unwrap();
    let target = own.ancestors().nth(3).unwrap();
    // Named, so that its flags are not those of build scripts and macros too.
    let triple = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--locked", "--offline", "--package", "papyra-cli", "--bin", "papyra", "--target", &triple]);
    cargo.args(["--target-dir".as_ref(), target.as_os_str()]).current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.env("RUSTFLAGS", "-C target-feature=+crt-static").env_remove("CARGO_ENCODED_RUSTFLAGS");
    run(&mut cargo);
    target.join(triple).join("debug/papyra")
}

#[test]
fn the_image_needs_no_file_of_a_system_and_a_user_who_owns_nothing_can_work_in_it() {
    let Some(unshare) = find("PAPYRA_UNSHARE", "unshare") else { return };
    if !fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        assert!(env::var_os("PAPYRA_REQUIRE_ALL").is_none_or(|value| value != "1"), "this needs root");
        eprintln!("skipped: only root can run a program in a directory as if it were all there is");
        return;
    }
    let (last, _) = instructions();
    let of = |word: &str| last.iter().find(|(name, _)| name == word).map(|(_, rest)| rest.as_str()).unwrap();
    let image = tempfile::tempdir().unwrap();
    let within = |path: &str| image.path().join(path.trim_start_matches('/'));
    // What the last stage does, by hand.
    for (_, copy) in last.iter().filter(|(name, _)| name == "COPY") {
        let paths: Vec<&str> = copy.strip_prefix("--from=build ").unwrap().split(' ').collect();
        let [from, to] = paths[..] else { panic!("{copy}") };
        let from = if from == "/src/target/release/papyra" { static_binary() } else { PathBuf::from(from) };
        fs::create_dir_all(within(to).parent().unwrap()).unwrap();
        run(Command::new("cp").arg("-a").args([&from, &within(to)]));
    }
    let user = of("USER");
    // Whatever runs images lends them its devices.
    fs::create_dir(within("/dev")).unwrap();
    let script = r#"mount --rbind /dev "$1/dev" && shift && exec "$(command -v env)" -i "$@""#;
    let papyra = |args: &[&str]| {
        let mut command = Command::new(&unshare);
        command.args(["--mount", "sh", "-c", script, "sh"]).arg(image.path());
        command.args([of("ENV"), "/usr/sbin/chroot", "--groups=", &format!("--userspec={user}")]);
        command.arg(image.path()).arg("papyra").args(args);
        command
    };
    // A volume that belongs to the service, as in the command at the head of the file.
    fs::create_dir(within("/volume")).unwrap();
    let id = user.split_once(':').unwrap().0.parse().unwrap();
    chown(within("/volume"), Some(id), Some(id)).unwrap();
    run(&mut papyra(&["demo", "--path", "/volume/log", "--seconds", "1"]));
    run(&mut papyra(&["persistence", "scan", "--path", "/volume/log"]));
    let told = run(&mut papyra(&[
        "inspect",
        "events",
        "--path",
        "/volume/log",
        "--limit",
        "1",
        "-o",
        "table",
        "--tz",
        "Asia/Tokyo",
    ]));
    assert!(told.contains("+09:00"), "{told}");
    // It owns nothing but what it was given.
    let refused = papyra(&["append", "--path", "/elsewhere/log"]).output().unwrap();
    assert!(!refused.status.success() && !within("/elsewhere").exists());
}
