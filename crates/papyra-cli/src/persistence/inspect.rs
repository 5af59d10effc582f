//! `persistence inspect`: what keeps the log, under which retention, and a sample of what is in it.

use std::{collections::BTreeMap, time::Duration};

use clap::Args;
use papyra::{ErrorKind, Kind, Log, MetricsSnapshot, ReadOptions, Retention, Rule, document::Figures};
use serde::Serialize;

use crate::{
    args::Output, exit::ExitCode, failure::Failure, metrics::figures, parts::Unread, report, safe, session::Session,
};

/// What to look at.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// Read at most so many facts of each kind
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: usize,
    /// The log's own figures, too, and the counters of this very process
    #[arg(long)]
    show_metrics: bool,
}

/// What was found, as it is printed in JSON.
#[derive(Serialize)]
struct Found {
    backend: String,
    log: String,
    /// The whole log's rule under `all`, and those of kinds.
    retention: BTreeMap<&'static str, Limits>,
    events_sampled: usize,
    audits_sampled: usize,
    dead_letters_sampled: usize,
    /// The parts of a log whose kinds live in different places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<Place>,
    /// The kinds of which there may be more.
    capped: Vec<&'static str>,
    /// The log's own figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    figures: Option<Figures>,
    /// What this process did to the log, which is next to nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<MetricsSnapshot>,
}

/// A part: what keeps it, under which retention.
#[derive(Serialize)]
struct Place {
    kinds: Vec<&'static str>,
    backend: String,
    log: String,
    retention: BTreeMap<&'static str, Limits>,
}

#[derive(Serialize)]
struct Limits {
    max_records: Option<u64>,
    max_age_seconds: Option<f64>,
    max_total_bytes: Option<u64>,
}

pub(super) async fn run(args: InspectArgs, mut session: Session) -> Result<ExitCode, Failure> {
    let log = session.open().await?;
    let mut capped = Vec::new();
    let mut skipped = 0;
    let mut sampled = [0; Kind::KNOWN.len()];
    let mut unread = Unread::default();
    for (count, kind) in sampled.iter_mut().zip(Kind::KNOWN) {
        let Some((found, damaged)) = sample(&log, kind, args.limit, &mut unread).await? else { continue };
        *count = found;
        // Each of the reads may have met the same damage.
        skipped = damaged.max(skipped);
        if found == args.limit {
            capped.push(kind.as_str());
        }
    }
    let [events_sampled, audits_sampled, dead_letters_sampled] = sampled;
    let found = Found {
        backend: log.backend().name().to_owned(),
        log: log.address(),
        retention: retention(log.retention()),
        events_sampled,
        audits_sampled,
        dead_letters_sampled,
        parts: log.parts().map(|(kinds, part)| Place::of(kinds, part)).collect(),
        capped,
        figures: if args.show_metrics { Some(Figures::of(&log).await?) } else { None },
        metrics: args.show_metrics.then(|| log.metrics()),
    };
    let verdict = found.figures.as_ref().map_or(ExitCode::Done, figures::verdict).max(unread.verdict());
    if matches!(session.output(), Some(Output::Json | Output::Ndjson)) {
        let json = report::document("papyra.inspect/1", verdict, &found)?;
        session.out.line(&json)?;
    } else {
        for line in lines(&found) {
            session.out.line(&line)?;
        }
    }
    session.out.flush()?;
    if skipped > 0 {
        session.notes.warning(&format!("skipped {skipped} damaged lines, run papyra persistence scan"));
    }
    unread.tell(&session.notes);
    Ok(verdict)
}

impl Place {
    fn of(kinds: &[Kind], part: &Log) -> Self {
        Place {
            kinds: kinds.iter().map(|kind| kind.as_str()).collect(),
            backend: part.backend().name().to_owned(),
            log: part.address(),
            retention: retention(part.retention()),
        }
    }
}

/// How many facts of a kind there are, counted up to a limit, and how many damaged lines were met; `None` if the part of a
/// log in which they live cannot be read, or is not there yet.
async fn sample(log: &Log, kind: Kind, limit: usize, unread: &mut Unread) -> Result<Option<(usize, u64)>, Failure> {
    let mut entries = log.read(ReadOptions::newest_first().kind(kind));
    let mut found = 0;
    while found < limit
        && let Some(entry) = entries.next().await
    {
        match entry {
            Err(error) if error.kind() == ErrorKind::NotFound && exists(log).await => return Ok(None),
            entry => match unread.sort_out(log, entry)? {
                Some(_) => found += 1,
                None => return Ok(None),
            },
        }
    }
    Ok(Some((found, entries.skipped())))
}

/// Whether any part of a log is there.
async fn exists(log: &Log) -> bool {
    match log.read(ReadOptions::newest_first()).next().await {
        Some(Err(error)) => error.kind() != ErrorKind::NotFound,
        _ => true,
    }
}

fn retention(retention: &Retention) -> BTreeMap<&'static str, Limits> {
    let kinds = [
        (Kind::Event.as_str(), &retention.event),
        (Kind::Audit.as_str(), &retention.audit),
        (Kind::DeadLetter.as_str(), &retention.dead_letter),
    ];
    let kinds = kinds.into_iter().filter(|(_, rule)| !rule.is_unlimited());
    std::iter::once(("all", &retention.all)).chain(kinds).map(|(name, rule)| (name, limits(rule))).collect()
}

fn limits(rule: &Rule) -> Limits {
    Limits {
        max_records: rule.max_records,
        max_age_seconds: rule.max_age.as_ref().map(Duration::as_secs_f64),
        max_total_bytes: rule.max_bytes,
    }
}

fn lines(found: &Found) -> Vec<String> {
    let mut lines = vec![format!("backend: {}", safe::text(&found.backend))];
    if found.parts.is_empty() {
        lines.extend(rules(&found.retention));
    }
    for part in &found.parts {
        lines.push(format!("part {}: {}", part.kinds.join(", "), safe::text(&part.log)));
        lines.extend(rules(&part.retention).into_iter().map(|line| format!("  {line}")));
    }
    let sampled = [found.events_sampled, found.audits_sampled, found.dead_letters_sampled];
    for (kind, count) in Kind::KNOWN.iter().zip(sampled) {
        let capped = if found.capped.contains(&kind.as_str()) { " (capped)" } else { "" };
        lines.push(format!("{kind}s_sampled: {count}{capped}"));
    }
    if let Some(of_log) = &found.figures {
        // The backend stands above.
        lines.extend(figures::lines(of_log).into_iter().filter(|line| !line.starts_with("backend: ")));
    }
    if let Some(metrics) = &found.metrics {
        lines.push("counters: of this process only".to_owned());
        lines.extend(counters(metrics).map(|(name, value)| format!("{name}: {value}")));
    }
    lines
}

fn rules(retention: &BTreeMap<&'static str, Limits>) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, limits) in retention {
        let name = if *name == "all" { "retention".to_owned() } else { format!("retention.{name}") };
        lines.push(format!(
            "{name}: max_records={} max_age_seconds={} max_total_bytes={}",
            or_none(limits.max_records),
            or_none(limits.max_age_seconds),
            or_none(limits.max_total_bytes)
        ));
    }
    lines
}

fn or_none(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "None".to_owned(), |value| value.to_string())
}

/// The counters under the names that existing scripts know.
fn counters(metrics: &MetricsSnapshot) -> impl Iterator<Item = (&'static str, u64)> + use<> {
    [
        ("records_written", metrics.records_written),
        ("bytes_written", metrics.bytes_written),
        ("scans", metrics.scans),
        ("anomalies_detected", metrics.anomalies_detected),
        ("recoveries", metrics.recoveries),
        ("compactions", metrics.compactions),
        ("write_errors", metrics.write_errors),
        ("scan_errors", metrics.scan_errors),
        ("recovery_errors", metrics.recovery_errors),
        ("compaction_errors", metrics.compaction_errors),
        ("reads", metrics.reads),
    ]
    .into_iter()
}

#[cfg(test)]
mod tests {
    use papyra::Event;

    use super::*;

    #[tokio::test]
    async fn a_sample_is_counted_up_to_its_limit() {
        let log = Log::memory();
        let facts: Vec<_> = (0..5).map(|n| Event::new("local://1", format!("E{n}")).into()).collect();
        log.append(&facts).await.unwrap();
        let mut unread = Unread::default();
        assert_eq!(sample(&log, Kind::Event, 3, &mut unread).await.unwrap(), Some((3, 0)));
        assert_eq!(sample(&log, Kind::Event, 9, &mut unread).await.unwrap(), Some((5, 0)));
        assert_eq!(sample(&log, Kind::Audit, 9, &mut unread).await.unwrap(), Some((0, 0)));
    }

    #[test]
    fn the_lines_are_those_that_scripts_know() {
        let kept = Retention::all(Rule::default().with_max_age(Duration::from_secs(60)).with_max_records(9))
            .with_kind(Kind::Audit, Rule::default().with_max_bytes(7));
        let found = Found {
            backend: "json".to_owned(),
            log: "json:a".to_owned(),
            retention: retention(&kept),
            events_sampled: 3,
            audits_sampled: 0,
            dead_letters_sampled: 1,
            parts: Vec::new(),
            capped: vec!["event"],
            figures: None,
            metrics: Some(MetricsSnapshot::default()),
        };
        let expected = [
            "backend: json",
            "retention: max_records=9 max_age_seconds=60 max_total_bytes=None",
            "retention.audit: max_records=None max_age_seconds=None max_total_bytes=7",
            "events_sampled: 3 (capped)",
            "audits_sampled: 0",
            "dead_letters_sampled: 1",
            "counters: of this process only",
            "records_written: 0",
        ];
        assert_eq!(lines(&found)[..8], expected);
    }
}
