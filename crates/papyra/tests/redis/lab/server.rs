//! One server.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;

use super::{
    process::{Process, free_port},
    resp::Client,
};

/// A server on a free port of the loopback interface. It keeps nothing on disk unless its settings say so.
#[derive(Debug)]
pub(crate) struct Server {
    // The order matters: the process ends before its directory goes.
    process: Option<Process>,
    port: u16,
    settings: Vec<String>,
    dir: TempDir,
}

impl Server {
    /// A server that keeps nothing on disk.
    pub(crate) fn start() -> Server {
        Server::with(&[])
    }

    /// A server that syncs its append-only file before it answers, and never rewrites it: killed while it does, Redis 7.0 does not
    /// start any more (`the truncated file is not the last file`).
    pub(crate) fn synced() -> Server {
        Server::with(&["--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"])
    }

    /// A server with these arguments.
    pub(crate) fn with(settings: &[&str]) -> Server {
        Server::on(free_port(), settings)
    }

    pub(crate) fn on(port: u16, settings: &[&str]) -> Server {
        let settings = settings.iter().map(ToString::to_string).collect();
        let mut server = Server { process: None, port, settings, dir: tempfile::tempdir().unwrap() };
        server.revive();
        server
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The address of a log on it, with these options: `prefix=a&system=b`.
    pub(crate) fn url(&self, options: &str) -> String {
        format!("redis://127.0.0.1:{}/0?{options}", self.port)
    }

    /// Starts it, again if it was killed, on the same port with the same files, and waits until it answers.
    pub(crate) fn revive(&mut self) {
        self.launch();
        self.wait();
    }

    /// Starts it and waits for nothing.
    pub(crate) fn launch(&mut self) {
        assert!(self.process.is_none(), "the server is running");
        let port = self.port.to_string();
        let mut arguments: Vec<String> =
            ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--enable-debug-command", "yes"]
                .map(str::to_owned)
                .to_vec();
        arguments.extend(self.settings.iter().cloned());
        self.process = Some(Process::start("redis-server", &arguments, self.dir.path(), "server"));
    }

    /// Waits until it answers, and not that it is loading.
    pub(crate) fn wait(&mut self) {
        for _ in 0..2000 {
            if let Ok(mut client) = Client::connect(self.port)
                && let Ok(reply) = client.try_call(["PING"])
                && !reply.text().contains("LOADING")
            {
                return;
            }
            if self.process.as_mut().is_some_and(Process::has_ended) {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let said = std::fs::read_to_string(self.dir.path().join("server.log")).unwrap_or_default();
        panic!("the server does not answer on port {}:\n{said}", self.port);
    }

    /// Ends it as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// It takes no processor time until [`resume`](Self::resume): its connections are half-open.
    pub(crate) fn pause(&self) {
        self.process.as_ref().unwrap().signal("STOP");
    }

    pub(crate) fn resume(&self) {
        self.process.as_ref().unwrap().signal("CONT");
    }

    /// A connection for what a test does behind the library's back.
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.port).unwrap()
    }

    /// Its settings from now on, for the next start.
    pub(crate) fn settings(&mut self) -> &mut Vec<String> {
        &mut self.settings
    }

    /// A file in its directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}
