//! `inspect dead-letters --top`: where most of them go, of which type they are, or why they are lost.

use papyra::{
    ReadOptions,
    incident::{Top, TopBy, TopReport},
};
use serde::Serialize;

use super::{args::What, listing::tell_skipped, text};
use crate::{args::Output, console::Out, exit::ExitCode, failure::Failure, report, session::Session};

/// How many names are shown if nobody says.
const ROWS: usize = 10;

/// The counts as they are printed in JSON.
#[derive(Serialize)]
struct Counted {
    log: String,
    #[serde(flatten)]
    report: TopReport,
    skipped: u64,
}

pub(super) async fn run(by: TopBy, what: What, session: &mut Session) -> Result<ExitCode, Failure> {
    let Some((kind, range, filter)) = what.understand() else { return Ok(ExitCode::Done) };
    let (_, since, rest) = range.span.understand()?;
    let filter = filter.and(rest);
    let mut options = ReadOptions::newest_first().kind(kind);
    options.since = since;
    options.after = range.position()?;
    // Positions are those of the place in which the kind lives.
    let log = session.open().await?.for_kind(kind).clone();
    let bar = session.notes.bar("reading");
    let progress = bar.progress();
    let (mut top, mut entries) = (Top::new(by), log.read(options));
    while let Some(entry) = entries.next().await {
        let entry = entry?;
        progress.add(entry.bytes);
        if filter.accepts(&entry.fact) {
            top.take(&entry.fact);
        }
    }
    drop(bar);
    let report = top.finish(range.limit.unwrap_or(ROWS));
    let counted = Counted { log: log.address(), report, skipped: entries.skipped() };
    let (output, out) = (session.output(), &mut session.out);
    match output {
        Some(Output::Json) => out.line(&report::document("papyra.top/1", ExitCode::Done, &counted)?)?,
        Some(Output::Ndjson) => {
            counted.report.rows.iter().try_for_each(|row| out.line(&report::object(row)?))?;
        }
        Some(Output::Table) => table(&counted.report, out)?,
        None if out.is_terminal() => table(&counted.report, out)?,
        None => lines(&counted.report, out)?,
    }
    session.out.flush()?;
    if !counted.report.is_exact {
        session.notes.warning(&format!(
            "more names than can be counted apart: each count may be too small by up to {}",
            counted.report.at_most_missing
        ));
    }
    tell_skipped(session, counted.skipped);
    Ok(ExitCode::Done)
}

fn table(report: &TopReport, out: &mut Out) -> Result<(), Failure> {
    out.headline(&format!("{:>12}  SHARE  {}", "COUNT", report.by.to_uppercase()))?;
    for (name, count) in rows(report) {
        let share = 100.0 * count as f64 / report.dead_letters.max(1) as f64;
        out.line(&format!("{count:>12}  {share:>4.0}%  {name}"))?;
    }
    Ok(())
}

fn lines(report: &TopReport, out: &mut Out) -> Result<(), Failure> {
    if report.dead_letters == 0 {
        return out.line("No dead letters recorded.");
    }
    rows(report).try_for_each(|(name, count)| out.line(&format!("{count} {name}")))
}

/// The names, and a last line for all others.
fn rows(report: &TopReport) -> impl Iterator<Item = (String, u64)> {
    let named = report.rows.iter().map(|row| {
        let name = row.name.as_deref().map_or_else(|| "?".to_owned(), |name| text::name(name).into_owned());
        (name, row.count)
    });
    let others = report.others;
    let others = (others.names > 0).then(|| (format!("(others: {})", others.names), others.count));
    named.chain(others)
}
