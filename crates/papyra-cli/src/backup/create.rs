//! `backup create`: copy the log.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use papyra::{
    Kind,
    backup::{BackupOptions, Made},
    config::Config,
};

use super::part;
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
    must_be_outside(&args.to, &settings)?;
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

/// Among the files of a rotating log a backup would be a stranger, and the next one would find it there.
fn must_be_outside(to: &Path, settings: &Config) -> Result<(), Failure> {
    let kinds = Kind::KNOWN.into_iter().filter_map(|kind| settings.kind_url(kind));
    let mut logs =
        settings.url().into_iter().chain(kinds).filter_map(|url| fs::canonicalize(url.value.path().ok()?).ok());
    let mut above = to.ancestors();
    // What is not there yet will be below the first directory that is.
    let to =
        above.find_map(|path| fs::canonicalize(if path.as_os_str().is_empty() { Path::new(".") } else { path }).ok());
    match to {
        Some(to) if logs.any(|log| log.is_dir() && to.starts_with(&log)) => Err(Failure::Usage {
            message: "the backups would lie in the directory of the log itself".to_owned(),
            cure: Some("name a directory elsewhere, best on another disk".to_owned()),
        }),
        _ => Ok(()),
    }
}

fn print(made: &Made, out: &mut Out) -> Result<(), Failure> {
    out.headline("Backup completed")?;
    out.line(&format!("  backup: {}", safe::text(&made.path.display().to_string())))?;
    let manifest = &made.manifest;
    let files = (manifest.parts.is_empty()).then_some(manifest.pieces.len() as u64);
    for (name, figure) in [
        ("entries", Some(manifest.figures.entries)),
        ("bytes", Some(manifest.bytes)),
        ("copied_bytes", Some(made.copied_bytes)),
        ("files", files),
        ("shared_files", Some(made.shared_pieces)),
    ] {
        if let Some(figure) = figure {
            out.line(&format!("  {name}: {figure}"))?;
        }
    }
    part::print(&manifest.parts, "", out)
}
