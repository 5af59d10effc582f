//! `backup create`: copy the log.

use std::path::PathBuf;

use clap::Args;
use papyra::backup::{BackupOptions, Made};

use crate::{console::Out, exit::ExitCode, failure::Failure, report, safe, session::Session};

/// Where to put the copy.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The directory of backups; it is created if it is not there
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Write the report as JSON into this file as well
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

const SCHEMA: &str = "papyra.backup_create/1";

pub(super) async fn run(args: CreateArgs, mut session: Session) -> Result<ExitCode, Failure> {
    let settings = session.config()?;
    report::must_be_possible(args.report.as_deref(), &settings)?;
    let log = session.open_configured(&settings).await?;
    let bar = session.notes.bar("backing up");
    let options = BackupOptions::default().with_progress(bar.progress());
    let made = session.schemes().backups(&args.to).create(&log, &options).await?;
    drop(bar);
    // The copy was made, and whoever makes one of a damaged log before repairing it wants to go on: the damage is said
    // aloud, and is no failure of the backup.
    let told =
        report::deliver(&mut session, SCHEMA, ExitCode::Done, &made, args.report.as_deref(), |out| print(&made, out));
    for note in made.notes.iter().chain(&made.manifest.left_out) {
        session.notes.warning(&format!("note: {note}"));
    }
    match made.manifest.anomalies_total {
        Some(0) => {}
        None => session.notes.warning("note: nobody could scan the copy; its bytes are proven, its facts are not"),
        Some(anomalies) => {
            session.notes.warning(&format!(
                "warning: the log is damaged ({anomalies} anomalies) and was backed up as it is: keep earlier backups"
            ));
            session.notes.warning("  cure: look with `papyra persistence scan`, then run `papyra persistence recover`");
        }
    }
    told
}

fn print(made: &Made, out: &mut Out) -> Result<(), Failure> {
    out.headline("Backup completed")?;
    out.line(&format!("  backup: {}", safe::text(&made.path.display().to_string())))?;
    let manifest = &made.manifest;
    for (name, figure) in [
        ("entries", manifest.figures.entries),
        ("bytes", manifest.bytes),
        ("copied_bytes", made.copied_bytes),
        ("files", manifest.parts.len() as u64),
        ("shared_files", made.shared_parts),
    ] {
        out.line(&format!("  {name}: {figure}"))?;
    }
    Ok(())
}
