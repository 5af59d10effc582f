//! The log's own figures.

use serde::Serialize;

use crate::{Log, Result, Stats};

/// The figures of a log, and that they come from the log itself.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Figures {
    /// Where the figures come from: `log`, as no counter of a process was asked.
    pub source: &'static str,
    /// The technology that keeps the log.
    pub backend: String,
    /// The log's address, without any password.
    pub log: String,
    /// The figures.
    #[serde(flatten)]
    pub stats: Stats,
}

impl Figures {
    /// Looks at the whole log; it costs a scan.
    ///
    /// # Errors
    /// Those of [`Log::stats`].
    pub async fn of(log: &Log) -> Result<Figures> {
        let stats = log.stats().await?;
        Ok(Figures { source: "log", backend: log.backend().name().to_owned(), log: log.address(), stats })
    }

    /// How a command ends that shows them: the highest exit code of the parts that could not be looked at.
    pub fn exit_code(&self) -> u8 {
        self.stats.parts.iter().filter_map(|part| part.failure()).map(|error| error.kind.exit_code()).max().unwrap_or(0)
    }
}
