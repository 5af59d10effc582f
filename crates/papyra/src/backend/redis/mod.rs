//! A log on Redis streams: one stream for each kind of fact, shared by any number of writers and readers.
//!
//! Writing goes through one script per batch, which adds it exactly once. Whatever only looks goes through the
//! one connection for commands that a `Server` keeps. Nothing here knows the client beyond `connection`, `reply`, `script`,
//! `trouble` and the commands themselves.

mod announce;
mod apart;
mod aside;
mod backoff;
mod backup;
mod batch;
mod checks;
mod compact;
mod config;
mod connection;
mod findings;
mod flight;
mod floors;
mod groups;
mod held;
mod id;
mod judge;
mod keys;
mod lane;
mod link;
mod marks;
mod merge;
mod news;
mod page;
mod pass;
mod plain;
mod promise;
mod quick;
mod reader;
mod recover;
mod reply;
mod restore;
mod script;
mod sequence;
mod server;
mod setback;
mod ship;
mod state;
mod stored;
mod stored_log;
mod trouble;
mod writer;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::time::Instant;

pub use config::RedisConfig;
pub(crate) use stored_log::StoredLog;

use self::{
    apart::apart, batch::Encoded, groups::RedisGroups, news::News, pass::How, server::Server, ship::Ship,
    writer::Writer,
};
use crate::{
    Appended, Backend, Backups, CompactionConfig, CompactionReport, Connections, ConsumerGroups, Copied, EntryStream,
    Error, ErrorKind, Fact, PieceSink, Position, ReadOptions, RecoveryConfig, RecoveryReport, Restored, Result,
    ScanOptions, ScanReport, Stored,
    checkup::{Check, Checkup},
    shipping::Shipping,
};

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
    groups: RedisGroups,
    news: News,
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
        RedisLog {
            ship: Ship::new(server.clone()),
            groups: RedisGroups::new(server.clone()),
            news: News::new(server.clone()),
            server,
            writer: Mutex::new(State::Idle),
        }
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

    fn report(&self) -> ScanReport {
        ScanReport::new(self.name(), self.address())
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

    async fn news(&self, after: Option<Position>) {
        self.news.wait(after).await;
    }

    async fn scan(&self, options: ScanOptions) -> Result<ScanReport> {
        let how = How { deep: options.deep, sample: options.sample, progress: options.progress.clone() };
        let report = ScanReport { deep: options.deep, ..self.report() };
        pass::pass(&self.server, how, report, None).await.map(|passed| passed.report)
    }

    async fn recover(&self, config: &RecoveryConfig) -> Result<RecoveryReport> {
        recover::recover(&self.server, config, &self.report()).await
    }

    async fn compact(&self, config: &CompactionConfig) -> Result<CompactionReport> {
        compact::compact(&self.server, config, self.report()).await
    }

    async fn close(&self) -> Result<()> {
        let before = std::mem::replace(&mut *self.state(), State::Closed);
        if let State::Writing(writer) = before {
            writer.close().await;
        }
        Ok(())
    }

    fn has_quarantine(&self) -> bool {
        true
    }

    fn checkup(&self) -> Option<&dyn Checkup> {
        Some(self)
    }

    fn shipping(&self) -> Option<&dyn Shipping> {
        // A spool has one mark, which has to stand beside all that it counts.
        (self.server.keys().lanes().len() == 1).then_some(&self.ship as &dyn Shipping)
    }

    fn consumer_groups(&self) -> Option<&dyn ConsumerGroups> {
        Some(&self.groups)
    }

    fn backups(&self) -> Option<&dyn Backups> {
        Some(self)
    }

    fn connections(&self) -> Option<Connections> {
        Some(self.server.connections())
    }
}

#[async_trait]
impl Backups for RedisLog {
    async fn copy(&self, mut sink: Box<dyn PieceSink>) -> Result<Copied> {
        let work = move |server: Server| async move { backup::copy(&server, &mut *sink).await };
        apart("papyra-backup", &self.server, work).await
    }

    async fn restore(&self, from: Stored) -> Result<Restored> {
        let report = self.report();
        let work = move |server: Server| async move { restore::restore(&server, &from, report).await };
        apart("papyra-restore", &self.server, work).await
    }
}

#[async_trait]
impl Checkup for RedisLog {
    async fn checks(&self) -> Result<Vec<Check>> {
        checks::all(&self.server).await
    }
}
