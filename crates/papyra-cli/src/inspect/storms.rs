//! `inspect storms`: what happens again and again in a short time.

use papyra::{
    document::StormFigures,
    incident::{Storm, StormReport},
    units::When,
};

use super::{args::StormsArgs, listing::tell_skipped, text};
use crate::{
    args::Output, console::Out, exit::ExitCode, failure::Failure, parts::Unread, report, safe, session::Session,
};

pub(super) async fn run(args: StormsArgs, session: &mut Session) -> Result<ExitCode, Failure> {
    let (when, since, span) = args.span.understand()?;
    let (rules, filter) = (args.rules(), args.filter().and(span));
    let log = session.open().await?;
    let bar = session.notes.bar("reading");
    let mut found = StormFigures::of(&log, rules, since, &filter, &bar.progress()).await?;
    let unread = Unread::from(std::mem::take(&mut found.unread));
    drop(bar);
    print(&found, &when, unread.verdict(), session)?;
    session.out.flush()?;
    let StormReport { smaller, not_followed, .. } = found.report;
    if smaller > 0 {
        session.notes.warning(&format!("others: {smaller} smaller storms are not shown"));
    }
    if not_followed > 0 {
        session.notes.warning(&format!(
            "others: {not_followed} crashes, restarts and dead letters came from more actors at once than can be followed"
        ));
    }
    tell_skipped(session, found.skipped);
    unread.tell(&session.notes);
    Ok(unread.verdict())
}

fn print(found: &StormFigures, when: &When, verdict: ExitCode, session: &mut Session) -> Result<(), Failure> {
    let (output, out) = (session.output(), &mut session.out);
    let storms = &found.report.storms;
    match output {
        Some(Output::Json) => out.line(&report::document("papyra.storms/1", verdict, found)?),
        Some(Output::Ndjson) => storms.iter().try_for_each(|storm| out.line(&report::object(storm)?)),
        _ if storms.is_empty() => out.line("No storms."),
        Some(Output::Table) => table(storms, when, out),
        None if out.is_terminal() => table(storms, when, out),
        None => storms.iter().try_for_each(|storm| out.line(&line(storm))),
    }
}

fn table(storms: &[Storm], when: &When, out: &mut Out) -> Result<(), Failure> {
    const WIDTH: usize = When::WIDTH;
    out.headline(&format!(
        "{:<WIDTH$}  {:>9}  {:<17}  {:>9}  {:<28}  ABOUT",
        "SINCE", "LASTED", "STORM", "COUNT", "ACTOR"
    ))?;
    for storm in storms {
        let (since, lasted) = (when.rfc3339(storm.since), lasted(storm));
        let (actor, about) = (actor(storm), about(storm).join(" "));
        let row = format!("{since:<WIDTH$}  {lasted:>9}  {:<17}  {:>9}  {actor:<28}  {about}", storm.kind, storm.count);
        out.line(row.trim_end())?;
    }
    Ok(())
}

/// A storm as a line of plain text, in the form of the listings.
fn line(storm: &Storm) -> String {
    let head = format!("[{:.3}] {} {} count={}", storm.since, storm.kind, actor(storm), storm.count);
    let words = [head, format!("until={:.3}", storm.until)].into_iter().chain(about(storm));
    words.collect::<Vec<_>>().join(" ")
}

/// Whom it concerns; `*` are several.
fn actor(storm: &Storm) -> String {
    storm.actor.as_deref().map_or_else(|| "*".to_owned(), |actor| text::name(actor).into_owned())
}

fn about(storm: &Storm) -> Vec<String> {
    let message_type = storm.message_type.as_ref().map(|name| format!("type={}", text::name(name)));
    let reason = storm.reason.as_ref().map(|reason| format!("reason={}", safe::text(reason)));
    message_type.into_iter().chain(reason).collect()
}

fn lasted(storm: &Storm) -> String {
    match storm.until - storm.since {
        s if s < 120.0 => format!("{s:.1}s"),
        s if s < 7_200.0 => format!("{:.1}min", s / 60.0),
        s => format!("{:.1}h", s / 3_600.0),
    }
}
