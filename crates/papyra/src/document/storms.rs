//! What happened again and again in a short time, and what was looked for.

use serde::Serialize;

use super::{Filter, Unread};
use crate::{
    Kind, Log, Progress, ReadOptions, Result,
    incident::{StormReport, StormRules, Storms},
};

/// The storms of a log, as they are written in JSON.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct StormFigures {
    /// The log's address, without any password.
    pub log: String,
    /// The rules: how long the window is.
    pub window_seconds: f64,
    /// How many crashes within it are a storm.
    pub crashes: u64,
    /// How many restarts are.
    pub restarts: u64,
    /// How many dead letters are.
    pub dead_letters: u64,
    /// What was found.
    #[serde(flatten)]
    pub report: StormReport,
    /// Damaged entries that were passed over.
    pub skipped: u64,
    /// What could not be read.
    #[serde(skip)]
    pub unread: Unread,
}

impl StormFigures {
    /// Reads the log and looks for storms.
    ///
    /// # Errors
    /// If the log cannot be read. That a part of it cannot be is in [`unread`](StormFigures::unread).
    pub async fn of(
        log: &Log,
        rules: StormRules,
        since: Option<f64>,
        filter: &Filter,
        progress: &Progress,
    ) -> Result<StormFigures> {
        let mut options = ReadOptions::oldest_first().kind(Kind::Event).kind(Kind::DeadLetter);
        options.since = since;
        let (mut storms, mut unread) = (Storms::new(rules), Unread::default());
        let mut entries = log.read(options);
        while let Some(entry) = entries.next().await {
            let Some(entry) = unread.sort_out(log, entry)? else { continue };
            progress.add(entry.bytes);
            if filter.accepts(&entry.fact) {
                storms.take(&entry.fact);
            }
        }
        let StormRules { window, crashes, restarts, dead_letters } = rules;
        Ok(StormFigures {
            log: log.address(),
            window_seconds: window.as_secs_f64(),
            crashes,
            restarts,
            dead_letters,
            report: storms.finish(),
            skipped: entries.skipped(),
            unread,
        })
    }
}
