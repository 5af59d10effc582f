//! The command line inside this process, as a program with its own backend has it.

use std::{
    io::{Cursor, Write},
    sync::{Arc, Mutex},
};

use papyra::Schemes;
use papyra_cli::{Console, run_with};

/// What a run left.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: u8,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command with these schemes. It must not be called within a tokio runtime.
pub(crate) fn run(schemes: Schemes, args: &[&str], stdin: &str) -> Said {
    let config = tempfile::NamedTempFile::new().unwrap();
    // An empty configuration, so that none of the machine's counts.
    let config = config.path().to_str().unwrap();
    let (stdout, stderr) = (Kept::default(), Kept::default());
    let console = Console::new(Cursor::new(stdin.to_owned()), stdout.clone(), stderr.clone());
    let args = [&["papyra"], args, &["--config", config]].concat();
    let code = run_with(schemes, args, console).code();
    Said { code, stdout: stdout.text(), stderr: stderr.text() }
}

/// A stream of which the test keeps the other end.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
