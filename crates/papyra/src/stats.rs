//! What stands in a log: its own figures, whoever wrote it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{Backlog, Entry, ErrorKind, Kind, Log, PartReport, ReadOptions, Result, ScanOptions, report::any_done};

/// The figures of a log, retention not applied.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Sound facts.
    pub entries: u64,
    /// Sound facts by kind; `unknown` are the kinds that this version does not know.
    pub by_kind: BTreeMap<&'static str, u64>,
    /// Bytes in storage.
    pub bytes: u64,
    /// The lowest and highest timestamp, in seconds since 1970.
    pub oldest: Option<f64>,
    /// The highest timestamp, in seconds since 1970.
    pub newest: Option<f64>,
    /// Findings of the scan that counted; damaged facts are in no other figure.
    pub anomalies: u64,
    /// The figures of each part, of a log whose kinds live in different places; else empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartReport<Stats>>,
    /// What waits in the log's spool, if it has one; it is among the entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backlog: Option<Backlog>,
}

impl Log {
    /// Counts what stands in the log. It costs a scan: everything is looked at. A backend that cannot scan is read instead.
    ///
    /// # Errors
    /// `NotFound` if there is no log yet; whatever keeps it from being looked at. That one part of several failed is in the
    /// figures.
    pub async fn stats(&self) -> Result<Stats> {
        let mut parts = Vec::new();
        for (kinds, part) in self.parts() {
            parts.push(PartReport::new(kinds, part.address(), part.own_stats().await));
        }
        if parts.is_empty() { self.own_stats().await } else { any_done(parts).map(Stats::of_parts) }
    }

    async fn own_stats(&self) -> Result<Stats> {
        let report = match self.backend().scan(ScanOptions::default()).await {
            Ok(report) => report,
            Err(error) if error.kind() == ErrorKind::Unsupported => return self.stats_by_reading().await,
            Err(error) => return Err(error),
        };
        let mut stats = Stats {
            bytes: report.bytes,
            anomalies: report.anomalies_total,
            backlog: report.backlog,
            ..Stats::default()
        };
        for kind in Kind::KNOWN.into_iter().chain([Kind::Unknown]) {
            let count = report.entries.get(kind.as_str()).copied().unwrap_or_default();
            stats.by_kind.insert(kind.as_str(), count);
            stats.entries += count;
        }
        match report.timestamps {
            Some((oldest, newest)) => (stats.oldest, stats.newest) = (Some(oldest), Some(newest)),
            None if stats.entries > 0 => {
                let read = self.stats_by_reading().await?;
                (stats.oldest, stats.newest) = (read.oldest, read.newest);
            }
            None => {}
        }
        Ok(stats)
    }

    async fn stats_by_reading(&self) -> Result<Stats> {
        let mut stats = Stats::default();
        stats.by_kind.extend(Kind::KNOWN.into_iter().chain([Kind::Unknown]).map(|kind| (kind.as_str(), 0)));
        let mut entries = self.backend().read(ReadOptions::oldest_first());
        while let Some(entry) = entries.next().await {
            stats.count(&entry?);
        }
        stats.anomalies = entries.skipped();
        Ok(stats)
    }
}

impl Stats {
    fn of_parts(parts: Vec<PartReport<Stats>>) -> Self {
        let mut whole = Stats::default();
        for part in parts.iter().filter_map(|part| part.report.as_ref()) {
            whole.entries += part.entries;
            whole.bytes += part.bytes;
            whole.anomalies += part.anomalies;
            whole.backlog = Backlog::of_all([whole.backlog, part.backlog]);
            for (kind, count) in &part.by_kind {
                *whole.by_kind.entry(kind).or_default() += count;
            }
            whole.oldest = [whole.oldest, part.oldest].into_iter().flatten().reduce(f64::min);
            whole.newest = [whole.newest, part.newest].into_iter().flatten().reduce(f64::max);
        }
        whole.parts = parts;
        whole
    }

    fn count(&mut self, entry: &Entry) {
        let at = entry.fact.timestamp().seconds();
        self.entries += 1;
        self.bytes += entry.bytes;
        *self.by_kind.entry(entry.fact.kind().as_str()).or_default() += 1;
        self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
        self.newest = Some(self.newest.map_or(at, |newest| newest.max(at)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Audit, Event, Timestamp};

    #[tokio::test]
    async fn the_figures_are_those_of_the_log_whoever_wrote_it() {
        let log = Log::memory();
        let at = |seconds| Timestamp::from_seconds(seconds).unwrap();
        let facts = [Event::new("t://a", "E").at(at(7.0)).into(), Audit::new("t").at(at(5.0)).into()];
        let bytes = log.append(&facts).await.unwrap().bytes;
        let stats = log.stats().await.unwrap();
        assert_eq!((stats.entries, stats.bytes, stats.oldest, stats.newest), (2, bytes, Some(5.0), Some(7.0)));
        assert_eq!(stats.by_kind, log.stats_by_reading().await.unwrap().by_kind);
        assert_eq!(stats.by_kind["audit"], 1);
    }
}
