//! `inspect summary`: the newest audit, and how many facts of which kind there are.

use papyra::{Kind, document::Summary, units::When};

use super::{
    args::SummaryArgs,
    listing::tell_skipped,
    text::{self, count},
};
use crate::{args::Output, exit::ExitCode, failure::Failure, parts::Unread, report, session::Session};

pub(super) async fn run(args: SummaryArgs, session: &mut Session) -> Result<ExitCode, Failure> {
    let (when, since, filter) = args.span.understand()?;
    let log = session.open().await?;
    let bar = session.notes.bar("reading");
    let mut summary = Summary::of(&log, since, &filter, &bar.progress()).await?;
    let unread = Unread::from(std::mem::take(&mut summary.unread));
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
    use papyra::{Audit, DeadLetter, Event, Fact, Log, Progress, Timestamp, document::Filter};

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
        let summary = Summary::of(&log, None, &Filter::default(), &Progress::new()).await.unwrap();
        let expected = [
            "Actors: total=2 alive=? stopping=? restarting=?",
            "Dead letters: ?",
            "Facts: events=1 audits=2 dead_letters=1",
            "Time: 1970-01-01T00:00:10.000Z to 1970-01-01T00:00:30.000Z",
            "  Actor\\u{a}Started: 1",
        ];
        assert_eq!(lines(&summary, &When::in_zone("UTC").unwrap()), expected);
    }
}
