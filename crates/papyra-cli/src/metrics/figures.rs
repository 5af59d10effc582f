//! The log's own figures.

use papyra::{Log, PartReport, Stats};
use serde::Serialize;

use crate::{console::Notes, exit::ExitCode, failure::Failure, parts, safe, when::When};

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

    /// How a command ends that shows them.
    pub(crate) fn verdict(&self) -> ExitCode {
        parts::verdict(&self.stats.parts, ExitCode::Done)
    }

    /// Says of which parts there are no figures.
    pub(crate) fn tell_failures(&self, notes: &Notes) {
        parts::tell(&self.stats.parts, notes);
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("source: {} (the log itself; no running service was asked)", self.source),
            format!("backend: {}", safe::text(&self.backend)),
        ];
        lines.extend(figures(&self.stats));
        for part in &self.stats.parts {
            lines.push(format!("{}: {}", parts::name(part), safe::text(&part.log)));
            lines.extend(of_part(part).into_iter().map(|line| format!("  {line}")));
        }
        lines
    }
}

fn of_part(part: &PartReport<Stats>) -> Vec<String> {
    match (&part.report, &part.error) {
        (Some(stats), _) => figures(stats),
        (None, Some(error)) => vec![format!("no figures: {}", safe::text(&error.message))],
        (None, None) => Vec::new(),
    }
}

fn figures(stats: &Stats) -> Vec<String> {
    let time = |seconds: Option<f64>| match (seconds, When::in_zone("UTC")) {
        (Some(seconds), Ok(utc)) => utc.rfc3339(seconds),
        (Some(seconds), Err(_)) => seconds.to_string(),
        (None, _) => "-".to_owned(),
    };
    let mut lines = vec![format!("entries: {}", stats.entries)];
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
