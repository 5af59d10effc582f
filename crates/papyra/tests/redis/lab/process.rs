//! Child processes, and what they need.

use std::{
    collections::HashSet,
    fs::File,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Mutex,
};

/// A program that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts a program that writes what it has to say into `<directory>/<name>.log`.
    pub(crate) fn start(program: &str, arguments: &[String], directory: &Path, name: &str) -> Process {
        let log = File::options().create(true).append(true).open(directory.join(format!("{name}.log"))).unwrap();
        let mut command = Command::new(program);
        command.args(arguments).current_dir(directory).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        Process(command.spawn().unwrap_or_else(|error| panic!("cannot start {program}: {error}")))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Ends it as a power cut would: nothing it has not handed to the system survives.
    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Sends it a signal by name: `STOP` and `CONT` make it slow.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(Some(_)))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether a program is there. It must be where nothing may be skipped.
pub(crate) fn is_installed(program: &str) -> bool {
    let there = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !there {
        let required = std::env::var("PAPYRA_REQUIRE_ALL").is_ok_and(|value| value == "1");
        assert!(!required, "{program} is not installed, and nothing may be skipped");
        eprintln!("skipped: {program} is not installed");
    }
    there
}

/// A port of the loopback interface that nobody uses now. The port 10,000 above is free as well: a cluster's node takes it.
pub(crate) fn free_port() -> u16 {
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let mut given = GIVEN.lock().unwrap();
    let given = given.get_or_insert_default();
    for _ in 0..1000 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let bus = port.checked_add(10_000).filter(|bus| TcpListener::bind(("127.0.0.1", *bus)).is_ok());
        if bus.is_some() && given.insert(port) {
            return port;
        }
    }
    panic!("no port is free");
}
