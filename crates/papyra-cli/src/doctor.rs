//! `papyra doctor`: is this log fit to start on?

use clap::{Args, Subcommand};

use crate::{
    exit::ExitCode,
    failure::Failure,
    help,
    session::Session,
    startup::{self, CheckArgs, Looks},
};

/// Check a log, and make it sound if that is wanted
#[derive(Debug, Args)]
#[command(
    after_help = help::after(
        &["papyra doctor run --path facts.ndjson"],
        &[help::OF_A_CHECK, &[ExitCode::GateClosed, ExitCode::Anomalies]]
    )
)]
pub(crate) struct DoctorArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Scan, decide, recover if that is the mode, and scan again
    #[command(after_help = help::after(
        &["papyra doctor run --path facts.ndjson",
          "papyra doctor run --mode recover --recovery-mode quarantine --quarantine-dir q --path facts.ndjson",
          "papyra doctor run --path facts.ndjson --mode ignore -o json --report report.json"],
        &[help::OF_A_CHECK, &[ExitCode::GateClosed, ExitCode::Anomalies]]
    ))]
    Run(CheckArgs),
}

/// Runs the command.
pub(crate) async fn run(args: DoctorArgs, session: Session) -> Result<ExitCode, Failure> {
    let What::Run(args) = args.what;
    startup::run(args, session, Looks::Around, ExitCode::Anomalies).await
}
