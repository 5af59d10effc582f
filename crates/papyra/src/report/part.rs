//! What is said of the parts of a log whose kinds live in different places, and what they come to together.

use serde::{Serialize, Serializer};

use super::{Anomaly, Backlog, CompactionReport, RecoveryReport, ScanReport};
use crate::{Error, ErrorKind, Kind, Result};

/// What became of one part of a log: a report, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PartReport<T> {
    /// The kinds of facts that live in this part.
    #[serde(serialize_with = "words")]
    pub kinds: Vec<Kind>,
    /// The part's address, without any password.
    pub log: String,
    /// What was found or done there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<T>,
    /// Why there is no report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<PartError>,
}

/// Why nothing could be found or done in a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PartError {
    /// What must be done about it.
    #[serde(serialize_with = "word")]
    pub kind: ErrorKind,
    /// What failed, and why.
    pub message: String,
    /// What helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cure: Option<String>,
}

impl<T> PartReport<T> {
    /// What an operation came to in the part of these kinds.
    pub fn new(kinds: &[Kind], log: impl Into<String>, result: Result<T>) -> Self {
        let (report, error) = match result {
            Ok(report) => (Some(report), None),
            Err(error) => (None, Some(PartError::of(&error))),
        };
        PartReport { kinds: kinds.to_vec(), log: log.into(), report, error }
    }

    /// The part failed at what it can do. What a backend does not offer is no failure, and neither is a part that nothing
    /// was written to yet.
    pub fn failure(&self) -> Option<&PartError> {
        self.error.as_ref().filter(|error| !matches!(error.kind, ErrorKind::Unsupported | ErrorKind::NotFound))
    }

    /// `event, audit`: the kinds in words.
    pub fn kinds_in_words(&self) -> String {
        in_words(&self.kinds)
    }
}

impl PartError {
    fn of(error: &Error) -> Self {
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(deeper) = cause
            && message.len() < 1000
        {
            message = format!("{message}: {deeper}");
            cause = deeper.source();
        }
        PartError { kind: error.kind(), message, cure: error.cure().map(str::to_owned) }
    }

    /// The same as an error.
    pub fn to_error(&self) -> Error {
        let error = Error::new(self.kind, self.message.clone());
        match &self.cure {
            Some(cure) => error.with_cure(cure),
            None => error,
        }
    }
}

/// `event, audit`.
pub(crate) fn in_words(kinds: &[Kind]) -> String {
    kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
}

/// The parts if at least one of them has a report; else the error that the whole comes to.
///
/// # Errors
/// The first failure; if there is none, that there is no log; if there is one, that nobody offers this.
pub(crate) fn any_done<T>(parts: Vec<PartReport<T>>) -> Result<Vec<PartReport<T>>> {
    if parts.iter().any(|part| part.report.is_some()) {
        return Ok(parts);
    }
    let errors = || parts.iter().filter_map(|part| part.error.as_ref());
    let failed = parts.iter().find_map(PartReport::failure);
    let missing = || errors().find(|error| error.kind == ErrorKind::NotFound);
    match failed.or_else(missing).or_else(|| errors().next()) {
        Some(error) => Err(error.to_error()),
        None => Ok(parts),
    }
}

impl ScanReport {
    /// What the scans of all parts come to together; a part that could not be scanned leaves the whole unclean.
    ///
    /// # Errors
    /// If no part was scanned: why.
    pub fn of_parts(backend: &str, log: impl Into<String>, parts: Vec<PartReport<ScanReport>>) -> Result<Self> {
        Ok(ScanReport::sum(backend, log.into(), any_done(parts)?))
    }

    fn sum(backend: &str, log: String, parts: Vec<PartReport<ScanReport>>) -> Self {
        let mut whole = ScanReport::new(backend, log);
        for part in &parts {
            let Some(found) = &part.report else { continue };
            found.anomalies.iter().cloned().for_each(|anomaly: Anomaly| whole.add(anomaly));
            // Those that the part itself only counted.
            whole.anomalies_total += found.anomalies_total - found.anomalies.len() as u64;
            for (kind, count) in &found.entries {
                *whole.entries.entry(kind).or_default() += count;
            }
            whole.bytes += found.bytes;
            found.timestamps.iter().flat_map(|(oldest, newest)| [oldest, newest]).for_each(|at| whole.time(*at));
            whole.legacy_lines += found.legacy_lines;
            whole.live_writer |= found.live_writer;
            whole.deep |= found.deep;
            whole.backlog = Backlog::of_all([whole.backlog, found.backlog]);
            whole.notes.extend(found.notes.iter().map(|note| format!("{}: {note}", part.log)));
            for kind in Kind::KNOWN.into_iter().filter(|kind| !part.kinds.contains(kind)) {
                if let Some(count) = found.entries.get(kind.as_str()).filter(|count| **count > 0) {
                    whole.notes.push(format!(
                        "{}: {count} facts of the kind {kind} stand here, though {kind}s live elsewhere: \
                         only a look at this part alone shows them",
                        part.log
                    ));
                }
            }
        }
        whole.parts = parts;
        whole
    }
}

impl RecoveryReport {
    /// What the recoveries of all parts come to together.
    ///
    /// # Errors
    /// If there was none of any part: why.
    pub fn of_parts(backend: &str, log: &str, parts: Vec<PartReport<RecoveryReport>>) -> Result<Self> {
        let parts = any_done(parts)?;
        let done = || parts.iter().filter_map(|part| part.report.as_ref());
        let scans = |of: fn(&RecoveryReport) -> &ScanReport| {
            let scans = parts.iter().map(|part| PartReport {
                kinds: part.kinds.clone(),
                log: part.log.clone(),
                report: part.report.as_ref().map(|report| of(report).clone()),
                error: part.error.clone(),
            });
            ScanReport::sum(backend, log.to_owned(), scans.collect())
        };
        let changed = done().any(|report| report.after.is_some());
        Ok(RecoveryReport {
            before: scans(|report| &report.before),
            // A part that was left as it was is as it was before.
            after: changed.then(|| scans(|report| report.after.as_ref().unwrap_or(&report.before))),
            repaired: done().flat_map(|report| report.repaired.clone()).collect(),
            quarantined: done().flat_map(|report| report.quarantined.clone()).collect(),
            lost: done().map(|report| report.lost).sum(),
            proven: done().all(|report| report.after.is_none() || report.proven),
            parts,
        })
    }
}

impl CompactionReport {
    /// What the compactions of all parts come to together.
    ///
    /// # Errors
    /// If no part was compacted: why.
    pub fn of_parts(backend: &str, parts: Vec<PartReport<CompactionReport>>) -> Result<Self> {
        let parts = any_done(parts)?;
        let done = || parts.iter().filter_map(|part| part.report.as_ref());
        Ok(CompactionReport {
            backend: backend.to_owned(),
            before_records: done().map(|report| report.before_records).sum(),
            after_records: done().map(|report| report.after_records).sum(),
            before_bytes: done().map(|report| report.before_bytes).sum(),
            after_bytes: done().map(|report| report.after_bytes).sum(),
            held_by_groups: done().map(|report| report.held_by_groups).sum(),
            changed: done().any(|report| report.changed),
            parts,
        })
    }
}

fn words<S: Serializer>(kinds: &[Kind], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(kinds.iter().map(|kind| kind.as_str()))
}

/// `not_found`.
fn word<S: Serializer>(kind: &ErrorKind, serializer: S) -> Result<S::Ok, S::Error> {
    let mut word = String::new();
    for letter in format!("{kind:?}").chars() {
        if letter.is_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.extend(letter.to_lowercase());
    }
    serializer.serialize_str(&word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AnomalyKind;

    fn part(kind: Kind, result: Result<ScanReport>) -> PartReport<ScanReport> {
        PartReport::new(&[kind], format!("json:{kind}"), result)
    }

    #[test]
    fn a_part_that_could_not_be_scanned_leaves_the_whole_unclean() {
        let failed = part(Kind::Audit, Err(Error::new(ErrorKind::Io, "no")));
        let whole =
            ScanReport::sum("hybrid", String::new(), vec![part(Kind::Event, Ok(ScanReport::default())), failed]);
        assert_eq!(whole.anomalies_total, 0);
        assert!(!whole.is_clean());
        let missing = part(Kind::Audit, Err(Error::new(ErrorKind::NotFound, "not yet")));
        let whole =
            ScanReport::sum("hybrid", String::new(), vec![part(Kind::Event, Ok(ScanReport::default())), missing]);
        assert!(whole.is_clean());
    }

    #[test]
    fn a_part_in_json_has_a_report_or_an_error() {
        let error = Error::new(ErrorKind::NotFound, "no").with_source(std::io::Error::other("deep")).with_cure("look");
        let part = PartReport::<u8>::new(&[Kind::Event, Kind::DeadLetter], "json:a", Err(error));
        let expected = r#"{"kinds":["event","dead_letter"],"log":"json:a","error":{"kind":"not_found","message":"no: deep","cure":"look"}}"#;
        assert_eq!(serde_json::to_string(&part).unwrap(), expected);
        let part = PartReport::new(&[Kind::Audit], "json:a", Ok(7));
        assert_eq!(serde_json::to_string(&part).unwrap(), r#"{"kinds":["audit"],"log":"json:a","report":7}"#);
    }

    #[test]
    fn figures_are_summed_and_strays_are_named() {
        let mut events = ScanReport::new("json", "json:event");
        events.count(Kind::Event);
        events.count(Kind::Audit);
        events.add(Anomaly::new(AnomalyKind::TruncatedLine, "event", "torn"));
        let mut audits = ScanReport::new("json", "json:audit");
        audits.count(Kind::Audit);
        let parts = vec![part(Kind::Event, Ok(events)), part(Kind::Audit, Ok(audits))];
        let whole = ScanReport::sum("hybrid", String::new(), parts);
        assert_eq!((whole.entries["event"], whole.entries["audit"], whole.anomalies_total), (1, 2, 1));
        assert_eq!(whole.notes.len(), 1);
        assert!(whole.notes[0].starts_with("json:event: 1 facts of the kind audit"), "{:?}", whole.notes);
    }

    #[test]
    fn the_whole_fails_only_if_no_part_was_done() {
        let error = |kind| Err(Error::new(kind, "x"));
        let kind_of = |parts: Vec<PartReport<ScanReport>>| any_done(parts).map_err(|error| error.kind()).map(drop);
        let ok = || part(Kind::Event, Ok(ScanReport::default()));
        assert_eq!(kind_of(vec![ok(), part(Kind::Audit, error(ErrorKind::Io))]), Ok(()));
        let two = |a, b| kind_of(vec![part(Kind::Event, error(a)), part(Kind::Audit, error(b))]);
        assert_eq!(two(ErrorKind::NotFound, ErrorKind::Io), Err(ErrorKind::Io));
        assert_eq!(two(ErrorKind::Unsupported, ErrorKind::NotFound), Err(ErrorKind::NotFound));
        assert_eq!(two(ErrorKind::Unsupported, ErrorKind::Unsupported), Err(ErrorKind::Unsupported));
    }
}
