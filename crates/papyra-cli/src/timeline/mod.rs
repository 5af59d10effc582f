//! `papyra timeline ACTOR`: one actor's life, and the messages that missed it.

mod life;
mod moment;

use clap::Args;
use papyra::ReadOptions;

use self::life::Life;
use crate::{
    args::Output,
    exit::ExitCode,
    failure::Failure,
    help,
    inspect::{Span, document, tell_skipped},
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
    let table = match session.output() {
        Some(Output::Table) => true,
        Some(_) => false,
        None => session.out.is_terminal(),
    };
    // Without a limit every moment is printed as it comes: a long life costs no memory.
    let streams = args.limit.is_none() && !matches!(session.output(), Some(Output::Json));
    while let Some(entry) = entries.next().await {
        let entry = entry?;
        if !filter.accepts(&entry.fact) {
            continue;
        }
        let since_before = life.take(&entry);
        if !streams {
            life.keep(entry, since_before);
        } else if session.output() == Some(Output::Ndjson) {
            session.out.line(&document::object(&entry))?;
        } else {
            moment::print(&mut session.out, &entry, since_before, table.then_some(&when), life.moments == 1)?;
        }
    }
    let skipped = entries.skipped();
    if session.output() == Some(Output::Json) {
        let json = report::document("papyra.timeline/1", ExitCode::Done, &life.document(skipped))?;
        session.out.line(&json)?;
    } else {
        for (at, (entry, since_before)) in life.kept().enumerate() {
            if session.output() == Some(Output::Ndjson) {
                session.out.line(&document::object(entry))?;
            } else {
                moment::print(&mut session.out, entry, *since_before, table.then_some(&when), at == 0)?;
            }
        }
        if session.output() != Some(Output::Ndjson) {
            session.out.line(&life.in_words(&when))?;
        }
    }
    session.out.flush()?;
    tell_skipped(&session, skipped);
    Ok(ExitCode::Done)
}
