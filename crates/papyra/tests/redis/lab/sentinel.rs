//! A master with a replica, watched by a Sentinel.

use std::time::Duration;

use tempfile::TempDir;

use super::{
    process::{Process, free_port},
    resp::Client,
    server::Server,
};

/// The service's name.
const SERVICE: &str = "main";

/// A pair of servers and the Sentinel that says which of them is the master.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) master: Server,
    pub(crate) replica: Server,
    sentinel: Process,
    port: u16,
    dir: TempDir,
}

impl Pair {
    pub(crate) fn start() -> Pair {
        let master = Server::start();
        let replica = Server::with(&["--replicaof", &format!("127.0.0.1 {}", master.port())]);
        let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
        let file = dir.path().join("sentinel.conf");
        let config = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor {SERVICE} 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds {SERVICE} 500\nsentinel failover-timeout {SERVICE} 3000\n",
            master.port()
        );
        std::fs::write(&file, config).unwrap();
        let arguments = [file.to_string_lossy().into_owned(), "--sentinel".to_owned()];
        let sentinel = Process::start("redis-server", &arguments, dir.path(), "sentinel");
        let pair = Pair { master, replica, sentinel, port, dir };
        pair.until("the replica is known", |pair| {
            let info = pair.sentinel(["SENTINEL", "MASTERS"]);
            let linked = pair.replica.client().call(["INFO", "replication"]).text();
            info.contains("num-slaves\", \"1") && linked.contains("master_link_status:up")
        });
        pair
    }

    fn sentinel<const N: usize>(&self, words: [&str; N]) -> String {
        let Ok(mut client) = Client::connect(self.port) else { return String::new() };
        let Ok(reply) = client.try_call(words) else { return String::new() };
        fn flat(reply: &super::Reply) -> String {
            match reply {
                super::Reply::List(list) => {
                    list.iter().map(|part| format!("\"{}\"", flat(part))).collect::<Vec<_>>().join(", ")
                }
                other => other.text(),
            }
        }
        flat(&reply)
    }

    fn until(&self, what: &str, done: impl Fn(&Pair) -> bool) {
        for _ in 0..3000 {
            if done(self) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("not in time: {what}");
    }

    /// Kills the master and waits until the replica has taken its place.
    pub(crate) fn fail_over(&mut self) {
        self.master.kill();
        let port = self.replica.port().to_string();
        self.until("the replica is the master", |pair| {
            pair.sentinel(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE]).contains(&port)
                && pair.replica.client().call(["ROLE"]).list()[0].text() == "master"
        });
    }

    /// The Sentinel's port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The address of a log on it, with these options.
    pub(crate) fn url(&self, options: &str) -> String {
        format!("redis+sentinel://127.0.0.1:{}/{SERVICE}/0?{options}", self.port)
    }
}
