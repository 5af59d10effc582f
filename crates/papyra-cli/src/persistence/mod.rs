//! `papyra persistence`: look after the storage of a log.

mod inspect;
mod scan;

use clap::{Args, Subcommand};

use crate::{exit::ExitCode, failure::Failure, help, session::Session};

/// Look after the storage: is it sound, what is in it
#[derive(Debug, Args)]
#[command(
    after_help = help::after(&["papyra persistence scan --path facts.ndjson"], &[help::OF_A_LOG, &[ExitCode::Anomalies]])
)]
pub(crate) struct PersistenceArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Look for damage; change nothing
    #[command(after_help = help::after(
        &["papyra persistence scan --path facts.ndjson --deep",
          "papyra persistence scan --path facts.ndjson -o json --report report.json"],
        &[help::OF_A_LOG, &[ExitCode::Anomalies, ExitCode::CannotCreate]]
    ))]
    Scan(scan::ScanArgs),
    /// What keeps the log, under which retention, and a sample of what is in it
    #[command(after_help = help::after(
        &["papyra persistence inspect --path facts.ndjson --limit 100 --show-metrics"],
        &[help::OF_A_LOG]
    ))]
    Inspect(inspect::InspectArgs),
}

/// Runs the command.
pub(crate) async fn run(args: PersistenceArgs, session: Session) -> Result<ExitCode, Failure> {
    match args.what {
        What::Scan(args) => scan::run(args, session).await,
        What::Inspect(args) => inspect::run(args, session).await,
    }
}
