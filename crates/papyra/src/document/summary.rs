//! What a log holds, summed up: the newest audit, and how many facts of which kind there are.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Filter, Unread};
use crate::{Audit, Entry, Fact, Kind, Log, Progress, ReadOptions, Result};

/// How many event types are counted each for itself: their names come from the log, and a log may hold any number.
const MAX_TYPES: usize = 1_000;
/// The name under which the others are counted.
const OTHERS: &str = "(others)";

/// What a log holds, as it is written in JSON.
#[derive(Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The log's address, without any password.
    pub log: String,
    /// The newest audit.
    pub audit: Option<AuditFigures>,
    /// Facts by kind.
    pub counts: BTreeMap<&'static str, u64>,
    /// Events by type.
    pub event_types: BTreeMap<String, u64>,
    /// The lowest timestamp, in seconds since 1970.
    pub oldest: Option<f64>,
    /// The highest timestamp, in seconds since 1970.
    pub newest: Option<f64>,
    /// Damaged entries that were passed over.
    pub skipped: u64,
    /// What could not be read.
    #[serde(skip)]
    pub unread: Unread,
}

/// The figures of an audit; what is not known is `None`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct AuditFigures {
    /// The actor system.
    pub system_id: String,
    /// When it was taken, in seconds since 1970.
    pub timestamp: f64,
    /// Actors that the observer knows.
    pub total_actors: Option<u64>,
    /// Of them, those that take messages.
    pub alive_actors: Option<u64>,
    /// Of them, those that are stopping.
    pub stopping_actors: Option<u64>,
    /// Of them, those that are being restarted.
    pub restarting_actors: Option<u64>,
    /// Dead letters seen so far.
    pub dead_letters_count: Option<u64>,
}

impl Summary {
    /// Reads the log and sums it up.
    ///
    /// # Errors
    /// If the log cannot be read. That a part of it cannot be is in [`unread`](Summary::unread).
    pub async fn of(log: &Log, since: Option<f64>, filter: &Filter, progress: &Progress) -> Result<Summary> {
        let mut options = ReadOptions::newest_first();
        options.since = since;
        let mut summary = Summary { log: log.address(), ..Summary::default() };
        summary.counts = Kind::KNOWN.iter().map(|kind| (kind.as_str(), 0)).collect();
        let mut entries = log.read(options);
        while let Some(entry) = entries.next().await {
            let Some(Entry { fact, bytes, .. }) = summary.unread.sort_out(log, entry)? else { continue };
            progress.add(bytes);
            if filter.accepts(&fact) {
                summary.take(fact);
            }
        }
        summary.skipped = entries.skipped();
        Ok(summary)
    }

    fn take(&mut self, fact: Fact) {
        *self.counts.entry(fact.kind().as_str()).or_default() += 1;
        let at = fact.timestamp().seconds();
        self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
        self.newest = Some(self.newest.map_or(at, |newest| newest.max(at)));
        match fact {
            Fact::Event(event) => {
                let types = &mut self.event_types;
                let known = types.len() < MAX_TYPES || types.contains_key(&event.event_type);
                *types.entry(if known { event.event_type } else { OTHERS.to_owned() }).or_default() += 1;
            }
            // The newest comes first.
            Fact::Audit(audit) if self.audit.is_none() => self.audit = Some(AuditFigures::of(audit)),
            _ => {}
        }
    }
}

impl AuditFigures {
    fn of(audit: Audit) -> Self {
        AuditFigures {
            system_id: audit.system_id,
            timestamp: audit.timestamp.seconds(),
            total_actors: audit.total_actors,
            alive_actors: audit.alive_actors,
            stopping_actors: audit.stopping_actors,
            restarting_actors: audit.restarting_actors,
            dead_letters_count: audit.dead_letters_count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;

    #[tokio::test]
    async fn a_log_with_any_number_of_event_types_is_summed_up_in_bounded_memory() {
        let log = Log::memory();
        let facts: Vec<Fact> =
            (0..MAX_TYPES + 50).map(|n| Event::new("local://1", format!("Type{n}")).into()).collect();
        log.append(&facts).await.unwrap();
        let summary = Summary::of(&log, None, &Filter::default(), &Progress::new()).await.unwrap();
        assert_eq!(summary.event_types.len(), MAX_TYPES + 1);
        assert_eq!(summary.event_types[OTHERS], 50);
    }
}
