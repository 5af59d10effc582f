//! The log's own figures.

use papyra::{Log, Stats};
use serde::Serialize;

use crate::{failure::Failure, safe, when::When};

/// The figures of a log, and that they come from the log itself.
#[derive(Serialize)]
pub(crate) struct Figures {
    /// Where the figures come from: `log`, as no running service was asked.
    source: &'static str,
    backend: String,
    log: String,
    #[serde(flatten)]
    stats: Stats,
}

impl Figures {
    pub(crate) async fn of(log: &Log) -> Result<Figures, Failure> {
        let stats = log.stats().await?;
        Ok(Figures { source: "log", backend: log.backend().name().to_owned(), log: log.address(), stats })
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let stats = &self.stats;
        let time = |seconds: Option<f64>| match (seconds, When::in_zone("UTC")) {
            (Some(seconds), Ok(utc)) => utc.rfc3339(seconds),
            (Some(seconds), Err(_)) => seconds.to_string(),
            (None, _) => "-".to_owned(),
        };
        let mut lines = vec![
            format!("source: {} (the log itself; no running service was asked)", self.source),
            format!("backend: {}", safe::text(&self.backend)),
            format!("entries: {}", stats.entries),
        ];
        lines.extend(stats.by_kind.iter().map(|(kind, count)| format!("entries_{kind}: {count}")));
        lines.extend([
            format!("bytes: {}", stats.bytes),
            format!("oldest: {}", time(stats.oldest)),
            format!("newest: {}", time(stats.newest)),
            format!("anomalies: {}", stats.anomalies),
        ]);
        if let Some(waiting) = stats.backlog {
            lines.extend([
                format!("spool_facts: {}", waiting.facts),
                format!("spool_bytes: {}", waiting.bytes),
                format!("spool_oldest: {}", time(waiting.oldest)),
                format!("spool_shipped: {}", waiting.shipped),
                format!("spool_lost: {}", waiting.lost),
                format!("spool_stalled: {}", waiting.stalled),
            ]);
        }
        lines
    }
}
