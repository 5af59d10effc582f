//! The conformance suite on one server. Each check has a server of its own.

use std::{cell::OnceCell, path::Path};

use papyra::{RedisConfig, RedisLog};

use crate::lab::Server;

papyra::conformance!({
    let server = OnceCell::<Server>::new();
    move |dir: &Path| {
        let server = server.get_or_init(Server::start);
        let prefix = dir.file_name().unwrap().to_string_lossy().into_owned();
        RedisLog::new(RedisConfig::new("127.0.0.1", server.port()).with_prefix(prefix).unwrap())
    }
});
