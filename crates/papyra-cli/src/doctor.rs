//! `papyra doctor`: is this log fit to start on, and is all well with what it records?

mod check;
mod finding;
mod limits;
mod nagios;

use clap::{Args, Subcommand};

use crate::{
    exit::ExitCode,
    failure::Failure,
    help,
    session::Session,
    startup::{self, CheckArgs, Looks},
};

/// Check a log, and make it sound if that is wanted; check what it records against limits
#[derive(Debug, Args)]
#[command(
    after_help = help::after(
        &["papyra doctor run --path facts.ndjson", "papyra doctor check --max-crashes 5/1h --path facts.ndjson"],
        &[help::OF_A_CHECK, &[ExitCode::GateClosed, ExitCode::Anomalies, ExitCode::Threshold]]
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
    /// Compare what the log tells with limits; for cron, probes and monitoring
    #[command(after_help = help::after(
        &["papyra doctor check --max-dead-letters 100/1h --max-anomalies 0 --path facts.ndjson",
          "papyra doctor check --max-crashes 5/10m --max-restarts 20/1h --path facts.ndjson -o json",
          "papyra doctor check --max-dropped 0/1d --nagios --path facts.ndjson"],
        &[&[
            ExitCode::Threshold,
            ExitCode::Unavailable,
            ExitCode::Permission,
            ExitCode::Interrupted,
            ExitCode::Terminated,
        ]]
    ))]
    Check(check::LimitArgs),
}

/// Runs the command.
pub(crate) async fn run(args: DoctorArgs, session: Session) -> Result<ExitCode, Failure> {
    match args.what {
        What::Run(args) => startup::run(args, session, Looks::Around, ExitCode::Anomalies).await,
        What::Check(args) => check::run(args, session).await,
    }
}
