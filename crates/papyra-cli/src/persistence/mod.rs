//! `papyra persistence`: look after the storage of a log.

mod compact;
mod inspect;
mod recover;
mod scan;

use clap::{Args, Subcommand};

use crate::{
    exit::ExitCode,
    failure::Failure,
    help,
    session::Session,
    startup::{self, CheckArgs},
};

/// Look after the storage: is it sound, make it sound, cut it to size, see what is in it
#[derive(Debug, Args)]
#[command(
    after_help = help::after(&["papyra persistence scan --path facts.ndjson"], &[help::OF_A_LOG, help::OF_A_CHANGE, &[
        ExitCode::GateClosed,
        ExitCode::Anomalies,
        ExitCode::NotRecovered,
        ExitCode::NotReady,
    ]])
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
    /// Make a damaged log sound; what is sound stays byte for byte
    #[command(after_help = help::after(
        &["papyra persistence recover --path facts.ndjson",
          "papyra persistence recover --path facts.ndjson --mode quarantine --quarantine-dir q --dry-run",
          "papyra persistence recover --url 'json:facts.ndjson?retention.max_records=9999' --apply-retention"],
        &[help::OF_A_CHECK, &[ExitCode::Anomalies, ExitCode::NotRecovered]]
    ))]
    Recover(recover::RecoverArgs),
    /// Drop for good what retention does not keep, also beside a running service
    #[command(after_help = help::after(
        &["papyra persistence compact --path facts.ndjson --max-records 1000000 --dry-run",
          "papyra persistence compact --url 'json:facts.ndjson?retention.max_bytes=2GiB'"],
        &[help::OF_A_LOG, help::OF_A_CHANGE, &[ExitCode::Anomalies]]
    ))]
    Compact(compact::CompactArgs),
    /// The doctor's check as a gate before a start: scan, decide, recover if that is the mode, and scan again
    #[command(after_help = help::after(
        &["papyra persistence startup-check --path facts.ndjson --allow-torn-tail",
          "papyra persistence startup-check --path facts.ndjson --mode recover --timeout 60s"],
        &[help::OF_A_CHECK, &[ExitCode::GateClosed, ExitCode::NotReady]]
    ))]
    StartupCheck(CheckArgs),
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
        What::Recover(args) => recover::run(args, session).await,
        What::Compact(args) => compact::run(args, session).await,
        What::StartupCheck(args) => startup::run(args, session, startup::Looks::AtFacts, ExitCode::NotReady).await,
        What::Inspect(args) => inspect::run(args, session).await,
    }
}
