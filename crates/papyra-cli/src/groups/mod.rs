//! `papyra groups`: several workers share the facts of a log, and acknowledge them.

mod ack;
mod args;
mod dead;
mod deliver;
mod list;
mod manage;
mod pending;

use std::{io::Read, time::Duration};

pub(crate) use args::GroupsArgs;
use args::What;
use papyra::{Error, ErrorKind, units::format_duration};
use serde::Serialize;

use crate::{exit::ExitCode, failure::Failure, safe, session::Session};

/// Runs the command.
pub(crate) async fn run(
    args: GroupsArgs,
    mut session: Session,
    stdin: Box<dyn Read + Send>,
) -> Result<ExitCode, Failure> {
    let log = session.open().await?;
    // Who has no groups says so before anything else is looked at.
    log.consumer_groups()?;
    let done = match args.what {
        What::List(args) => list::run(args, &log, &mut session).await,
        What::Create(args) => manage::create(args, &log, &mut session).await,
        What::Delete(args) => manage::delete(args, &log, &mut session).await,
        What::Read(args) => deliver::read(args, &log, &mut session).await,
        What::Claim(args) => deliver::claim(args, &log, &mut session).await,
        What::Pending(args) => pending::run(args, &log, &mut session).await,
        What::Ack(args) => ack::run(args, &log, &mut session, stdin).await,
        What::Dead(args) => dead::run(args, &log, &mut session).await,
    };
    done?;
    session.out.flush()?;
    Ok(ExitCode::Done)
}

/// `3 entries`, `1 entry`.
fn entries(n: u64) -> String {
    if n == 1 { "1 entry".to_owned() } else { format!("{n} entries") }
}

/// A row of aligned columns; a longer cell pushes the rest.
fn row<const N: usize>(columns: &[(&str, usize); N], cells: [String; N]) -> String {
    let padded: Vec<String> = columns.iter().zip(cells).map(|((_, width), cell)| format!("{cell:width$}")).collect();
    padded.join("  ").trim_end().to_owned()
}

/// A duration as people read it: whole seconds from one second on.
fn short(duration: Duration) -> String {
    let exact = if duration.as_secs() > 0 { Duration::from_secs(duration.as_secs()) } else { duration };
    format_duration(exact)
}

/// One line of JSON.
fn json<T: Serialize>(value: &T) -> Result<String, Failure> {
    let json = serde_json::to_string(value)
        .map_err(|error| Error::new(ErrorKind::Internal, "the answer cannot be written as JSON").with_source(error))?;
    Ok(safe::json(&json).into_owned())
}
