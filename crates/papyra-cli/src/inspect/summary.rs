//! `inspect summary`: the newest audit, and how many facts of which kind there are.

use std::collections::BTreeMap;

use papyra::{Audit, Entry, Fact, Kind, Log, Progress, ReadOptions};
use serde::Serialize;

use super::{
    args::SummaryArgs,
    filter::Filter,
    listing::tell_skipped,
    text::{self, count},
};
use crate::{args::Output, exit::ExitCode, failure::Failure, parts::Unread, report, session::Session, when::When};

/// How many event types are counted each for itself: their names come from the log, and a log may hold any number.
const MAX_TYPES: usize = 1_000;
/// The name under which the others are counted.
const OTHERS: &str = "(others)";

/// The summary as it is printed in JSON.
#[derive(Default, Serialize)]
struct Summary {
    log: String,
    audit: Option<Figures>,
    counts: BTreeMap<&'static str, u64>,
    event_types: BTreeMap<String, u64>,
    /// Timestamps, in seconds since 1970.
    oldest: Option<f64>,
    newest: Option<f64>,
    skipped: u64,
}

/// The figures of the newest audit.
#[derive(Serialize)]
struct Figures {
    system_id: String,
    timestamp: f64,
    total_actors: Option<u64>,
    alive_actors: Option<u64>,
    stopping_actors: Option<u64>,
    restarting_actors: Option<u64>,
    dead_letters_count: Option<u64>,
}

pub(super) async fn run(args: SummaryArgs, session: &mut Session) -> Result<ExitCode, Failure> {
    let (when, since, filter) = args.span.understand()?;
    let log = session.open().await?;
    let bar = session.notes.bar("reading");
    let (summary, unread) = summarize(&log, since, &filter, &bar.progress()).await?;
    drop(bar);
    match session.output() {
        Some(Output::Json | Output::Ndjson) => {
            let json = report::document("papyra.summary/1", unread.verdict(), &summary)?;
            session.out.line(&json)?;
        }
        Some(Output::Table) | None => {
            for line in lines(&summary, &when) {
                session.out.line(&line)?;
            }
        }
    }
    session.out.flush()?;
    tell_skipped(session, summary.skipped);
    unread.tell(&session.notes);
    Ok(unread.verdict())
}

async fn summarize(
    log: &Log,
    since: Option<f64>,
    filter: &Filter,
    progress: &Progress,
) -> Result<(Summary, Unread), Failure> {
    let mut options = ReadOptions::newest_first();
    options.since = since;
    let mut summary = Summary { log: log.address(), ..Summary::default() };
    summary.counts = Kind::KNOWN.iter().map(|kind| (kind.as_str(), 0)).collect();
    let mut entries = log.read(options);
    let mut unread = Unread::default();
    while let Some(entry) = entries.next().await {
        let Some(Entry { fact, bytes, .. }) = unread.sort_out(log, entry)? else { continue };
        progress.add(bytes);
        if !filter.accepts(&fact) {
            continue;
        }
        *summary.counts.entry(fact.kind().as_str()).or_default() += 1;
        let at = fact.timestamp().seconds();
        summary.oldest = Some(summary.oldest.map_or(at, |oldest| oldest.min(at)));
        summary.newest = Some(summary.newest.map_or(at, |newest| newest.max(at)));
        match fact {
            Fact::Event(event) => {
                let types = &mut summary.event_types;
                let known = types.len() < MAX_TYPES || types.contains_key(&event.event_type);
                *types.entry(if known { event.event_type } else { OTHERS.to_owned() }).or_default() += 1;
            }
            // The newest comes first.
            Fact::Audit(audit) if summary.audit.is_none() => summary.audit = Some(Figures::of(audit)),
            _ => {}
        }
    }
    summary.skipped = entries.skipped();
    Ok((summary, unread))
}

impl Figures {
    fn of(audit: Audit) -> Self {
        Figures {
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

fn lines(summary: &Summary, when: &When) -> Vec<String> {
    let mut lines = Vec::new();
    match &summary.audit {
        Some(audit) => {
            lines.push(format!(
                "Actors: total={} alive={} stopping={} restarting={}",
                count(audit.total_actors),
                count(audit.alive_actors),
                count(audit.stopping_actors),
                count(audit.restarting_actors)
            ));
            lines.push(format!("Dead letters: {}", count(audit.dead_letters_count)));
        }
        None => lines.push("No audit data available.".to_owned()),
    }
    let of = |kind: Kind| summary.counts.get(kind.as_str()).copied().unwrap_or_default();
    lines.push(format!(
        "Facts: events={} audits={} dead_letters={}",
        of(Kind::Event),
        of(Kind::Audit),
        of(Kind::DeadLetter)
    ));
    if let (Some(oldest), Some(newest)) = (summary.oldest, summary.newest) {
        lines.push(format!("Time: {} to {}", when.rfc3339(oldest), when.rfc3339(newest)));
    }
    for (name, count) in &summary.event_types {
        lines.push(format!("  {}: {count}", text::name(name)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use papyra::{DeadLetter, Event, Timestamp};

    use super::*;

    #[tokio::test]
    async fn the_newest_audit_and_the_counts_are_told() {
        let log = Log::memory();
        let at = |seconds| Timestamp::from_seconds(seconds).unwrap();
        let audit = |total, seconds| {
            let mut audit = Audit::new("local").at(at(seconds));
            audit.total_actors = Some(total);
            Fact::from(audit)
        };
        let facts = [
            audit(1, 10.0),
            audit(2, 20.0),
            Event::new("local://1", "Actor\nStarted").at(at(30.0)).into(),
            DeadLetter::new("local://1", "Ping").at(at(25.0)).into(),
        ];
        log.append(&facts).await.unwrap();
        let (summary, _) = summarize(&log, None, &Filter::default(), &Progress::new()).await.unwrap();
        let expected = [
            "Actors: total=2 alive=? stopping=? restarting=?",
            "Dead letters: ?",
            "Facts: events=1 audits=2 dead_letters=1",
            "Time: 1970-01-01T00:00:10.000Z to 1970-01-01T00:00:30.000Z",
            "  Actor\\u{a}Started: 1",
        ];
        assert_eq!(lines(&summary, &When::in_zone("UTC").unwrap()), expected);
    }

    #[tokio::test]
    async fn a_log_with_any_number_of_event_types_is_summed_up_in_bounded_memory() {
        let log = Log::memory();
        let facts: Vec<Fact> =
            (0..MAX_TYPES + 50).map(|n| Event::new("local://1", format!("Type{n}")).into()).collect();
        log.append(&facts).await.unwrap();
        let (summary, _) = summarize(&log, None, &Filter::default(), &Progress::new()).await.unwrap();
        assert_eq!(summary.event_types.len(), MAX_TYPES + 1);
        assert_eq!(summary.event_types[OTHERS], 50);
    }
}
