//! `papyra backup`: copies of a log that are proven, and logs made of them.

mod create;
mod list;
mod part;
mod place;
mod restore;
mod verify;

use clap::{Args, Subcommand};

use crate::{exit::ExitCode, failure::Failure, help, session::Session};

/// Back a log up beside its service, prove what was kept, make a new log of it
#[derive(Debug, Args)]
#[command(after_help = help::after(
    &["papyra backup create --path facts.ndjson --to backups"],
    &[help::OF_A_LOG, help::OF_A_CHANGE, &[ExitCode::BackupMismatch]]
))]
pub(crate) struct BackupArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Copy the log into a directory of backups, beside whoever writes to it
    #[command(after_help = help::after(
        &["papyra backup create --path facts.ndjson --to backups"],
        &[help::OF_A_LOG, help::OF_A_CHANGE]
    ))]
    Create(create::CreateArgs),
    /// The backups in a directory, the oldest first
    #[command(after_help = help::after(
        &["papyra backup create --path facts.ndjson --to b && papyra backup list b"],
        &[&[ExitCode::NoLog, ExitCode::Permission, ExitCode::Interrupted, ExitCode::Terminated]]
    ))]
    List(list::ListArgs),
    /// Compare backups with their manifests: files, sizes, checksums, facts; change nothing
    #[command(after_help = help::after(
        &["papyra backup create --path facts.ndjson --to b && papyra backup verify b"],
        &[&[
            ExitCode::BackupMismatch,
            ExitCode::NoLog,
            ExitCode::CannotCreate,
            ExitCode::Permission,
            ExitCode::Interrupted,
            ExitCode::Terminated,
        ]]
    ))]
    Verify(verify::VerifyArgs),
    /// Make a new log of a backup; never over anything that is there
    #[command(after_help = help::after(
        &["papyra backup create --path facts.ndjson --to b && papyra backup restore b --to new.ndjson"],
        &[help::OF_A_LOG, help::OF_A_CHANGE, &[ExitCode::BackupMismatch]]
    ))]
    Restore(restore::RestoreArgs),
}

/// Runs the command.
pub(crate) async fn run(args: BackupArgs, session: Session) -> Result<ExitCode, Failure> {
    match args.what {
        What::Create(args) => create::run(args, session).await,
        What::List(args) => list::run(args, session).await,
        What::Verify(args) => verify::run(args, session).await,
        What::Restore(args) => restore::run(args, session).await,
    }
}
