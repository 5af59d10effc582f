//! Store and forward: a local log, the *spool*, in front of a remote one that can be away.
//!
//! Facts are acknowledged when they are synced in the spool. A thread of its own ships them to the remote log, in order, each
//! exactly once: the [mark](crate::shipping::Mark) that the remote log keeps of this spool is the cursor. So neither a server
//! that is away nor one that answers slowly is ever waited for, and nothing is lost with it.
//!
//! Reading merges both: what the remote log holds, then what still waits. A fact's position changes when it is shipped;
//! whoever reads on behind a position is shown no fact twice all the same.

mod care;
mod checks;
mod config;
mod cursor;
mod edition;
mod merged;
mod shared;
mod shipper;
mod stop;
mod verdict;
mod waiting;

use std::sync::Arc;

use async_trait::async_trait;

pub use config::SpoolConfig;

use self::shared::Shared;
use crate::{
    Appended, Backend, Backlog, CompactionConfig, CompactionReport, Connections, ConsumerGroups, EntryStream, Error,
    ErrorKind, Fact, ReadOptions, RecoveryConfig, RecoveryReport, Result, ScanOptions, ScanReport,
    checkup::{Check, Checkup},
};

/// A remote log with a spool in front of it.
///
/// # Durability
/// An acknowledged fact is synced in the spool, and survives there whatever becomes of the remote log. Once shipped, it is as
/// durable as the remote log makes it.
#[derive(Debug)]
pub struct Spooled(Arc<Shared>);

impl Spooled {
    /// Puts a spool in front of a log. Nothing is opened or created yet: the first append does that, and begins to ship.
    ///
    /// # Errors
    /// `Config` if the log is not one that a spool can [ship](Backend::shipping) to.
    pub fn new(remote: Arc<dyn Backend>, config: SpoolConfig) -> Result<Self> {
        if remote.shipping().is_none() {
            return Err(Error::new(
                ErrorKind::Config,
                format!("there can be no spool in front of `{}`", remote.address()),
            )
            .with_cure(
                "only a log on a server that can be away has a use for a spool; on a cluster its streams must stand together: \
                 `prefix={papyra}`",
            ));
        }
        Ok(Spooled(Arc::new(Shared::new(remote, config))))
    }
}

#[async_trait]
impl Backend for Spooled {
    fn name(&self) -> &'static str {
        "spooled"
    }

    fn address(&self) -> String {
        format!("{} behind the spool {}", self.0.remote.address(), self.0.config.path.display())
    }

    async fn append(&self, facts: &[Fact]) -> Result<Appended> {
        self.0.append(facts).await
    }

    fn read(&self, options: ReadOptions) -> EntryStream {
        merged::read(Arc::clone(&self.0), options)
    }

    async fn scan(&self, options: ScanOptions) -> Result<ScanReport> {
        care::scan(&self.0, self.name(), &self.address(), options).await
    }

    async fn recover(&self, config: &RecoveryConfig) -> Result<RecoveryReport> {
        care::recover(&self.0, self.name(), &self.address(), config).await
    }

    /// The retention is the remote log's. What waits is never dropped; what was shipped leaves the spool by itself.
    async fn compact(&self, config: &CompactionConfig) -> Result<CompactionReport> {
        self.0.remote.compact(config).await
    }

    /// Ships what it can within [`SpoolConfig::close_timeout`], or until the remote log fails to answer. The rest stays in the
    /// spool for the next time it is opened.
    async fn close(&self) -> Result<()> {
        let closed = self.0.close().await;
        self.0.remote.close().await?;
        closed
    }

    /// The remote log's settings, and what waits.
    fn checkup(&self) -> Option<&dyn Checkup> {
        Some(self)
    }

    /// Those of the remote log: what waits is not theirs yet.
    fn consumer_groups(&self) -> Option<&dyn ConsumerGroups> {
        self.0.remote.consumer_groups()
    }

    fn backlog(&self) -> Option<Backlog> {
        self.0.backlog()
    }

    fn connections(&self) -> Option<Connections> {
        self.0.remote.connections()
    }
}

#[async_trait]
impl Checkup for Spooled {
    async fn checks(&self) -> Result<Vec<Check>> {
        checks::all(&self.0).await
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

#[cfg(test)]
mod tests;
