//! The conformance suite, on each kind of server. A server is shared by the checks of one program run, which differ in
//! their prefix.

use std::path::Path;

use papyra::{RedisConfig, RedisLog};

use crate::lab::{Cluster, Pair, Server};

/// The prefix of a check's own keys: its directory's name, used once in the world.
fn prefix(dir: &Path) -> String {
    dir.file_name().unwrap().to_string_lossy().into_owned()
}

fn log(config: RedisConfig, dir: &Path) -> RedisLog {
    RedisLog::new(config.with_prefix(prefix(dir)).unwrap())
}

/// A server for as long as the check runs.
struct Kept<T>(std::cell::OnceCell<T>);

impl<T> Kept<T> {
    const fn new() -> Self {
        Kept(std::cell::OnceCell::new())
    }
}

mod alone {
    use super::*;

    papyra::conformance!({
        let server = Kept::<Server>::new();
        move |dir: &Path| {
            let server = server.0.get_or_init(Server::start);
            log(RedisConfig::new("127.0.0.1", server.port()), dir)
        }
    });
}

mod clustered {
    use super::*;

    papyra::conformance!({
        let cluster = Kept::<Cluster>::new();
        move |dir: &Path| {
            let cluster = cluster.0.get_or_init(Cluster::start);
            let config = RedisConfig::cluster(cluster.addresses());
            RedisLog::new(config.with_prefix(format!("{{{}}}", prefix(dir))).unwrap())
        }
    });
}

mod watched {
    use super::*;

    papyra::conformance!({
        let pair = Kept::<Pair>::new();
        move |dir: &Path| {
            let pair = pair.0.get_or_init(Pair::start);
            log(RedisConfig::sentinel([("127.0.0.1", pair.port())], "main"), dir)
        }
    });
}
