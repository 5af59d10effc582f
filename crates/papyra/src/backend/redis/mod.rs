//! A log on Redis streams: one stream for each kind of fact, shared by any number of writers and readers.
//!
//! Writing goes through one script per batch, which adds it exactly once. Whatever only looks goes through the
//! one connection for commands that a `Server` keeps. Nothing here knows the client beyond `connection`, `reply`, `script`,
//! `trouble` and the commands themselves.

mod backoff;
mod config;
mod connection;
mod id;
mod keys;
mod reply;
mod script;
mod server;
mod ship;
mod trouble;

use async_trait::async_trait;

pub use config::RedisConfig;

use self::{server::Server, ship::Ship};
use crate::{Appended, Backend, Fact, Result, shipping::Shipping};

/// A log on Redis streams.
#[derive(Debug)]
pub struct RedisLog {
    server: Server,
    ship: Ship,
}

impl RedisLog {
    /// The log that is described. Nothing is connected yet: the first operation does that.
    pub fn new(config: RedisConfig) -> Self {
        let server = Server::new(config);
        RedisLog { ship: Ship::new(server.clone()), server }
    }
}

#[async_trait]
impl Backend for RedisLog {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn address(&self) -> String {
        self.server.address().to_owned()
    }

    async fn append(&self, _: &[Fact]) -> Result<Appended> {
        Err(crate::Error::unsupported(self.name(), "append"))
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }

    fn shipping(&self) -> Option<&dyn Shipping> {
        Some(&self.ship)
    }
}
