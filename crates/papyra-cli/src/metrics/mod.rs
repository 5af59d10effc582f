//! `papyra metrics`: figures, and where they come from.

pub(crate) mod figures;

use clap::{Args, Subcommand};
use papyra::document::Figures;

use crate::{args::Output, exit::ExitCode, failure::Failure, help, report, session::Session};

/// Figures: how much stands in the log, since when
#[derive(Debug, Args)]
#[command(after_help = help::after(&["papyra metrics persistence --path facts.ndjson --json"], &[help::OF_A_LOG]))]
pub(crate) struct MetricsArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The log's own figures: entries by kind, bytes, oldest, newest
    #[command(after_help = help::after(&["papyra metrics persistence --path facts.ndjson --json"], &[help::OF_A_LOG]))]
    Persistence {
        /// The same as `-o json`
        #[arg(long)]
        json: bool,
    },
    /// Begin the counters of a running service anew
    #[command(after_help = help::after(&["papyra metrics reset"], &[]))]
    Reset,
}

/// Runs the command.
pub(crate) async fn run(args: MetricsArgs, mut session: Session) -> Result<ExitCode, Failure> {
    match args.what {
        What::Persistence { json } => {
            let log = session.open().await?;
            let figures = Figures::of(&log).await?;
            let verdict = figures::verdict(&figures);
            if json || matches!(session.output(), Some(Output::Json | Output::Ndjson)) {
                let json = report::document("papyra.metrics/1", verdict, &figures)?;
                session.out.line(&json)?;
            } else {
                for line in figures::lines(&figures) {
                    session.out.line(&line)?;
                }
            }
            session.out.flush()?;
            figures::tell_failures(&figures, &session.notes);
            return Ok(verdict);
        }
        What::Reset => session.out.line(
            "Nothing to reset: counters live in the process that counts, and no running service was asked. \
             The log's own figures are no counters.",
        )?,
    }
    session.out.flush()?;
    Ok(ExitCode::Done)
}
