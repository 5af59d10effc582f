//! `papyra timeline ACTOR`: one actor's life, and the messages that missed it.

mod moment;

use clap::Args;
use papyra::{
    Entry, ReadOptions,
    document::{self, Life},
    units::When,
};

use crate::{
    args::Output,
    console::Out,
    exit::ExitCode,
    failure::Failure,
    help,
    inspect::{Span, tell_gaps},
    parts::Unread,
    report,
    session::Session,
};

/// One actor's life: starts, crashes with their reasons, restarts, stops, and the dead letters around them
#[derive(Debug, Args)]
#[command(after_help = help::after(
    &["papyra timeline orders://worker/3 --path facts.ndjson",
      "papyra timeline local:1 --path facts.ndjson --since 2023-11-14 -o json"],
    &[help::OF_A_LOG]
))]
pub(crate) struct TimelineArgs {
    /// The actor's whole address; local:1 and local://1 are the same
    actor: String,
    #[command(flatten)]
    span: Span,
    /// Only the newest N moments; the sums are of all
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

pub(crate) async fn run(args: TimelineArgs, mut session: Session) -> Result<ExitCode, Failure> {
    let (when, since, filter) = args.span.understand()?;
    let log = session.open().await?;
    let mut options = ReadOptions::oldest_first().about(args.actor.as_str());
    options.since = since;
    let mut entries = log.read(options);
    let mut life = Life::new(&args.actor, args.limit);
    let shape = match session.output() {
        Some(Output::Json) => Shape::Json,
        Some(Output::Ndjson) => Shape::Ndjson,
        Some(Output::Table) => Shape::Table(&when),
        None if session.out.is_terminal() => Shape::Table(&when),
        None => Shape::Text,
    };
    let mut printed = 0;
    let mut unread = Unread::default();
    while let Some(entry) = entries.next().await {
        let Some(entry) = unread.sort_out(&log, entry)? else { continue };
        if !filter.accepts(&entry.fact) {
            continue;
        }
        let since_before = life.take(&entry);
        // Without a limit every moment is printed as it comes: a long life costs no memory.
        if args.limit.is_none() {
            shape.print(&mut session.out, &entry, since_before, printed == 0)?;
            printed += 1;
        } else {
            life.keep(entry, since_before);
        }
    }
    let skipped = entries.skipped();
    for (entry, since_before) in life.kept() {
        shape.print(&mut session.out, entry, *since_before, printed == 0)?;
        printed += 1;
    }
    match shape {
        Shape::Json => {
            let sums = report::document("papyra.timeline/1", unread.verdict(), &life.document(skipped))?;
            session.out.raw(if printed == 0 { JSON_BEGINS } else { "\n" })?;
            session.out.line(&format!("],{}", sums.trim_start_matches('{')))?;
        }
        Shape::Ndjson => {}
        Shape::Table(_) | Shape::Text => session.out.line(&life.in_words(&when))?,
    }
    session.out.flush()?;
    tell_gaps(&session, &entries);
    unread.tell(&session.notes);
    Ok(unread.verdict())
}

/// A life as JSON is one document, of which the moments come first: the sums are known at the end.
const JSON_BEGINS: &str = "{\"moments\":[";

/// How moments are printed, one after another.
enum Shape<'a> {
    Text,
    Table(&'a When),
    Json,
    Ndjson,
}

impl Shape<'_> {
    fn print(&self, out: &mut Out, entry: &Entry, since_before: Option<f64>, first: bool) -> Result<(), Failure> {
        match self {
            Shape::Text => moment::print(out, entry, since_before, None, first),
            Shape::Table(when) => moment::print(out, entry, since_before, Some(when), first),
            Shape::Json => {
                out.raw(if first { JSON_BEGINS } else { "," })?;
                out.raw("\n")?;
                out.raw(&document::entry(entry))
            }
            Shape::Ndjson => out.line(&document::entry(entry)),
        }
    }
}
