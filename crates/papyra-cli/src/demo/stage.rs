//! Where the demo's log is, which commands show it, and the words around them.

use std::{
    fs::{self, DirBuilder},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use papyra::{Error, ErrorKind, Result};

use super::{DemoArgs, Runtime};

/// How many names are tried for a fresh directory.
const MAX_TRIES: u32 = 1_000;

/// A demo whose log has its place.
#[derive(Clone, Debug)]
pub struct Demo {
    /// The log's file; it does not exist yet.
    pub path: PathBuf,
    /// What the actors run on.
    pub runtime: Runtime,
    /// How long the actor system lives.
    pub lifetime: Duration,
}

/// A part of the log that is shown: what it is, and the arguments of `papyra` that show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Show {
    /// What is shown, for a headline.
    pub title: &'static str,
    /// The command without the program's own name.
    pub arguments: Vec<String>,
}

impl Demo {
    /// Chooses the log's file, in a fresh directory unless the user named it.
    ///
    /// # Errors
    /// `Create` if the file exists: a demo must not write into a log that matters. `Config` if its path is not UTF-8.
    pub fn prepare(args: DemoArgs) -> Result<Self> {
        let path = match args.path {
            Some(path) => path,
            None => fresh_directory()?.join("papyra-demo.ndjson"),
        };
        if path.to_str().is_none() {
            let message = format!("the path `{}` is not UTF-8, so no command could be shown for it", path.display());
            return Err(Error::new(ErrorKind::Config, message).with_cure("name another file"));
        }
        // A symbolic link that leads nowhere exists as well.
        if fs::symlink_metadata(&path).is_ok() {
            let message = format!("`{}` exists, and the demo writes into a new log only", path.display());
            return Err(Error::new(ErrorKind::Create, message).with_cure("name a file that does not exist yet"));
        }
        Ok(Demo { path, runtime: args.runtime, lifetime: Duration::from_secs(args.seconds) })
    }

    /// What is said before the actor system starts.
    pub fn opening(&self) -> String {
        format!(
            "A small shop, built with {} actors, lives for {} s. Papyra records what happens in\n  {}\n\n",
            self.runtime,
            self.lifetime.as_secs(),
            self.path.display()
        )
    }

    /// One turn of the story.
    pub fn line(at: Duration, what: &str) -> String {
        format!("{:5.1} s  {what}\n", at.as_secs_f64())
    }

    /// The commands that show what was recorded, in this order.
    pub fn shows(&self) -> Vec<Show> {
        let show = |title, words: &[&str]| {
            let mut arguments: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            arguments.extend(["--path".to_owned(), self.path.display().to_string()]);
            Show { title, arguments }
        };
        vec![
            show("What the actors lived through", &["inspect", "events"]),
            show("Messages that nobody took", &["inspect", "dead-letters"]),
            show("The last audit before the shop closed", &["inspect", "audits", "--limit", "1"]),
        ]
    }

    /// The headline above what a command shows: the title, and the command to copy.
    pub fn headline(program: &str, show: &Show) -> String {
        format!("\n{}:\n$ {}\n", show.title, command(program, &show.arguments))
    }

    /// What is said at the end: so many facts were recorded, what to try next, and how to break the log and mend it.
    pub fn closing(&self, program: &str, facts: u64) -> String {
        let path = self.path.display().to_string();
        let quarantine = self.path.with_extension("quarantine").display().to_string();
        let ours = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            command(program, &words)
        };
        let mut text =
            format!("\n{facts} facts were recorded. The log is plain text, one fact a line. What to try next:\n");
        let mut tell = |what: &str, command: &str| text.push_str(&format!("\n  # {what}\n  {command}\n"));
        tell("only the crashes", &ours(&["inspect", "events", "--event-type", "ActorCrashed", "--path", &path]));
        tell(
            "the lost messages, for a program",
            &ours(&["inspect", "dead-letters", "--output", "json", "--path", &path]),
        );
        tell("whatever comes next, until Ctrl-C", &ours(&["inspect", "events", "--follow", "--path", &path]));
        // Without a log there is nothing to break; whoever took it away knows.
        let Some(at) = fs::read(&self.path).ok().and_then(|log| breakable(&log)) else { return text };
        let target = quoted(&format!("of={path}"));
        tell(
            "break it, as a bad disk would: one byte in the middle becomes an X",
            &format!("printf X | dd {target} bs=1 seek={at} conv=notrunc status=none"),
        );
        tell("the scan finds it", &ours(&["persistence", "scan", "--path", &path]));
        tell(
            "nothing starts on a damaged log: the gate is closed, exit code 1",
            &ours(&["doctor", "run", "--path", &path]),
        );
        let recover = ["--mode", "recover", "--recovery-mode", "quarantine", "--quarantine-dir", &quarantine];
        tell(
            "mend it: the original is kept aside, every sound fact stays byte for byte",
            &ours(&[&["doctor", "run"], &recover[..], &["--path", &path]].concat()),
        );
        tell("and all but the broken fact are there", &ours(&["inspect", "summary", "--path", &path]));
        text
    }
}

/// A byte around the middle of the log that is not yet what the demo makes of it, and no end of a line.
fn breakable(log: &[u8]) -> Option<usize> {
    let middle = log.len() / 2;
    log[middle..].iter().position(u8::is_ascii_lowercase).map(|behind| middle + behind)
}

/// A command to copy and paste.
fn command(program: &str, arguments: &[String]) -> String {
    let words = std::iter::once(program).chain(arguments.iter().map(String::as_str));
    words.map(quoted).collect::<Vec<_>>().join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A directory of our own among the temporary files, that nobody else could have prepared.
fn fresh_directory() -> Result<PathBuf> {
    let parent = std::env::temp_dir();
    for n in 0..MAX_TRIES {
        let directory = parent.join(format!("papyra-demo-{}-{n}", std::process::id()));
        match create(&directory) {
            Ok(()) => return Ok(directory),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            // A directory for it that is not there is not a log that is not there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let message = format!("cannot create the directory `{}`", directory.display());
                let error = Error::new(ErrorKind::Create, message).with_source(error);
                return Err(error.with_cure("correct TMPDIR, or name a file with --path"));
            }
            Err(error) => return Err(Error::io("create the directory", &directory, error)),
        }
    }
    let message = format!("`{}` has no free name for the demo's directory", parent.display());
    Err(Error::new(ErrorKind::Create, message).with_cure("name a file with --path"))
}

fn create(directory: &Path) -> io::Result<()> {
    #[cfg_attr(not(unix), expect(unused_mut))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demo(path: &str) -> Demo {
        Demo { path: path.into(), runtime: Runtime::Ractor, lifetime: Duration::from_secs(10) }
    }

    #[test]
    fn a_command_to_copy_survives_the_shell() {
        let show = &demo("/tmp/it's here/a log.ndjson").shows()[0];
        let line = Demo::headline("papyra", show);
        assert!(line.ends_with("$ papyra inspect events --path '/tmp/it'\\''s here/a log.ndjson'\n"), "{line}");
    }

    #[test]
    fn an_existing_file_is_not_touched() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("precious.ndjson");
        fs::write(&path, "precious").unwrap();
        let refused = Demo::prepare(DemoArgs { path: Some(path), seconds: 1, runtime: Runtime::Ractor }).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Create);
    }

    #[test]
    fn without_a_path_every_demo_has_a_directory_of_its_own() {
        let [one, two] = [(); 2]
            .map(|()| Demo::prepare(DemoArgs { path: None, seconds: 1, runtime: Runtime::Ractor }).unwrap().path);
        assert_ne!(one, two);
        for path in [one, two] {
            fs::remove_dir(path.parent().unwrap()).unwrap();
        }
    }

    #[test]
    fn every_command_to_try_names_the_real_log() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("papyra-demo.ndjson");
        fs::write(&path, "XXXXXXXXXX\nXXabc\n").unwrap();
        let path = path.display().to_string();
        let closing = demo(&path).closing("target/release/papyra", 42);
        assert_eq!(closing.matches(&format!("--path {path}")).count(), 7);
        assert_eq!(closing.matches("\n  target/release/papyra ").count(), 7);
        assert!(closing.contains(&format!("printf X | dd of={path} bs=1 seek=13 conv=notrunc")), "{closing}");
    }
}
