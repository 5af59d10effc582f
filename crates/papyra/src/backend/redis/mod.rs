//! A log on Redis streams: one stream for each kind of fact, shared by any number of writers and readers.
//!
//! Writing goes through one script per batch, which adds it exactly once. Whatever only looks goes through the
//! one connection for commands that a `Server` keeps. Nothing here knows the client beyond `connection`, `reply`, `script`,
//! `trouble` and the commands themselves.

mod backoff;
mod batch;
mod config;
mod connection;
mod flight;
mod held;
mod id;
mod judge;
mod keys;
mod lane;
mod merge;
mod page;
mod plain;
mod promise;
mod reader;
mod reply;
mod script;
mod server;
mod setback;
mod ship;
mod state;
mod trouble;
mod writer;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::time::Instant;

pub use config::RedisConfig;

use self::{batch::Encoded, server::Server, ship::Ship, writer::Writer};
use crate::{Appended, Backend, EntryStream, Error, ErrorKind, Fact, ReadOptions, Result, shipping::Shipping};

/// A log on Redis streams.
///
/// Any number of processes may write to it. Each append is one batch, added whole; after an outage it is sent again until the
/// time is over that [`RedisConfig::with_timeout`] gives it, and is never there twice.
///
/// # Durability
/// Whatever the server promises, unless [`RedisConfig::with_durability`] or [`RedisConfig::with_replicas`] demand more.
#[derive(Debug)]
pub struct RedisLog {
    server: Server,
    ship: Ship,
    writer: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Idle,
    Writing(Arc<Writer>),
    Closed,
}

impl RedisLog {
    /// The log that is described. Nothing is connected yet: the first operation does that.
    pub fn new(config: RedisConfig) -> Self {
        let server = Server::new(config);
        RedisLog { ship: Ship::new(server.clone()), server, writer: Mutex::new(State::Idle) }
    }

    /// The same, and the server is asked whether it can give the durability that is demanded, if any is. A server that is
    /// away is asked when it is back, before anything is acknowledged.
    ///
    /// # Errors
    /// `Config` if it cannot; `Permission` if it lets nobody ask.
    pub async fn open(config: RedisConfig) -> Result<Self> {
        let log = RedisLog::new(config);
        log.server.prove().await?;
        Ok(log)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave it half-changed: each change is one assignment.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> Result<Arc<Writer>> {
        let mut state = self.state();
        match &*state {
            State::Writing(writer) => Ok(writer.clone()),
            State::Closed => Err(Error::new(ErrorKind::Closed, format!("the log `{}` is closed", self.address()))),
            State::Idle => {
                let writer = Arc::new(Writer::start(&self.server)?);
                *state = State::Writing(writer.clone());
                Ok(writer)
            }
        }
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

    async fn append(&self, facts: &[Fact]) -> Result<Appended> {
        let writer = self.writer()?;
        let facts = Encoded::all(facts, self.server.address())?;
        let written = writer.append(facts, Instant::now() + self.server.config().timeout).await?;
        let mut appended = Appended::new(written.ids.into_iter().map(Into::into).collect(), written.bytes);
        (appended.remarks, appended.lost) = (written.remarks, written.lost);
        Ok(appended)
    }

    fn read(&self, options: ReadOptions) -> EntryStream {
        reader::read(self.server.clone(), options)
    }

    async fn close(&self) -> Result<()> {
        let before = std::mem::replace(&mut *self.state(), State::Closed);
        if let State::Writing(writer) = before {
            writer.close().await;
        }
        Ok(())
    }

    fn shipping(&self) -> Option<&dyn Shipping> {
        Some(&self.ship)
    }
}
