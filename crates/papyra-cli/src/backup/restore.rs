//! `backup restore`: make a new log of a backup.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use clap::{
    Args,
    builder::{OsStringValueParser, TypedValueParser as _},
};
use papyra::{
    Dsn, Error, ErrorKind, ScanReport,
    backup::{BackupOptions, BackupState, Listed, RestoredPart},
};
use serde::Serialize;

use super::{
    part,
    place::{self, Found},
};
use crate::{console::Out, exit::ExitCode, failure::Failure, report, safe, session::Session};

/// What to restore, and where to.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The directory of backups, of which the newest is taken, or one backup in it
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// A new place for the log: a path, or an address such as json:./restored.ndjson; for a log whose kinds live in different
    /// places, a new directory
    #[arg(long, value_name = "PATH", value_parser = OsStringValueParser::new().try_map(not_empty))]
    to: OsString,
    /// Write the report as JSON into this file as well
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

const SCHEMA: &str = "papyra.backup_restore/1";

/// The report as it is printed in JSON.
#[derive(Serialize)]
struct RestoredLog {
    backup: String,
    log: String,
    log_id: Option<String>,
    scan: ScanReport,
}

/// The same for a log whose kinds live in different places.
#[derive(Serialize)]
struct RestoredLogOfParts {
    backup: String,
    parts: Vec<RestoredPart>,
    /// What `papyra.toml` must say.
    configuration: String,
}

pub(super) async fn run(args: RestoreArgs, mut session: Session) -> Result<ExitCode, Failure> {
    report::must_be_creatable(args.report.as_deref())?;
    let found = place::look(&args.dir, &session).await?;
    found.must_have_finished(&session)?;
    let name = newest(&found)?.name.clone();
    if found.listed.len() > 1 {
        session.notes.note(&format!("note: the newest backup is {name}"));
    }
    let manifest = found.backups.manifest(&name).await?;
    if !manifest.parts.is_empty() {
        return parts(args, &found, name, session).await;
    }
    let kind = manifest.backend;
    let target = session.schemes().open_dsn(&address(&args.to, &kind)?).await?;
    let bar = session.notes.bar("restoring");
    let options = BackupOptions::default().with_progress(bar.progress());
    let restored = found.backups.restore(&name, &target, &options).await?;
    drop(bar);
    let (anomalies, notes) = (restored.scan.anomalies_total, restored.scan.notes.clone());
    let restored = RestoredLog { backup: name, log: target.address(), log_id: restored.log_id, scan: restored.scan };
    let told = report::deliver(&mut session, SCHEMA, ExitCode::Done, &restored, args.report.as_deref(), |out| {
        out.headline("Restore completed")?;
        out.line(&format!("  backup: {}", safe::text(&restored.backup)))?;
        out.line(&format!("  log: {}", safe::text(&restored.log)))?;
        print_figures(&restored.scan, out)
    });
    for note in notes {
        session.notes.note(&format!("note: {note}"));
    }
    tell_damage(anomalies, &session);
    told
}

fn print_figures(scan: &ScanReport, out: &mut Out) -> Result<(), Failure> {
    out.line(&format!("  entries: {}", scan.entries.values().sum::<u64>()))?;
    out.line(&format!("  bytes: {}", scan.bytes))
}

fn tell_damage(anomalies: u64, session: &Session) {
    if anomalies > 0 {
        session.notes.warning(&format!(
            "warning: the log was damaged when it was backed up ({anomalies} anomalies), and so is this one"
        ));
        session.notes.warning("  cure: run `papyra persistence recover` on it before a service starts");
    }
}

/// Restores each part into a new directory, and says how to use them.
async fn parts(args: RestoreArgs, found: &Found, name: String, mut session: Session) -> Result<ExitCode, Failure> {
    if let Some(to) = as_address(&args.to) {
        return Err(Failure::Usage {
            message: format!("the backup {name} is of a log of several parts, and `{to}` is one address"),
            cure: Some(
                "give --to a new directory for all parts, or name one part: each folder in it is a backup".into(),
            ),
        });
    }
    let bar = session.notes.bar("restoring");
    let options = BackupOptions::default().with_progress(bar.progress());
    let parts = found.backups.restore_parts(&name, &args.to, &options).await?;
    drop(bar);
    let restored = RestoredLogOfParts { backup: name, configuration: part::configuration(&parts), parts };
    let told = report::deliver(&mut session, SCHEMA, ExitCode::Done, &restored, args.report.as_deref(), |out| {
        out.headline("Restore completed")?;
        out.line(&format!("  backup: {}", safe::text(&restored.backup)))?;
        for part in &restored.parts {
            out.line(&format!("part {}: {}", part::words(&part.kinds), safe::text(&part.scan.log)))?;
            print_figures(&part.scan, out)?;
        }
        out.line("# papyra.toml")?;
        restored.configuration.lines().try_for_each(|line| out.line(line))
    });
    tell_damage(restored.parts.iter().map(|part| part.scan.anomalies_total).sum(), &session);
    told
}

/// The newest finished backup. One that is damaged is not silently passed over for an older one.
fn newest(found: &Found) -> Result<&Listed, Failure> {
    let mut sources: Vec<&String> = found.finished().filter_map(|one| one.source.as_ref()).collect();
    sources.sort();
    sources.dedup();
    if let [one, other, ..] = sources.as_slice() {
        return Err(Failure::Usage {
            message: format!("there are backups of several logs here, such as {one} and {other}"),
            cure: Some("name the one that you mean; `papyra backup list` shows them".to_owned()),
        });
    }
    match found.finished().next_back() {
        Some(damaged) if damaged.state == BackupState::Damaged => {
            let cause = damaged.cause.clone().unwrap_or_default();
            Err(Error::new(ErrorKind::Mismatch, format!("the newest backup {} is damaged: {cause}", damaged.name))
                .with_cure("name an older one; `papyra backup list` shows them")
                .into())
        }
        Some(newest) => Ok(newest),
        None => Err(Error::new(ErrorKind::NotFound, "there is no finished backup").into()),
    }
}

fn not_empty(to: OsString) -> Result<OsString, &'static str> {
    if to.is_empty() { Err("a path or an address is needed") } else { Ok(to) }
}

/// An address, if that is what was given. A path may be no text at all; an address is.
fn as_address(to: &OsStr) -> Option<&str> {
    to.to_str().filter(|to| to.contains([':', '@']) && !to.starts_with(['.', '/']))
}

/// The address of the new log: a bare path is one of the kind that was backed up.
fn address(to: &OsStr, kind: &str) -> Result<Dsn, Failure> {
    if let Some(to) = as_address(to) {
        return Ok(to.parse()?);
    }
    let path = Path::new(to);
    if kind == "rotating" {
        let mut directory = OsString::from(path);
        directory.push("/");
        return Ok(Dsn::for_path(directory));
    }
    if path.is_dir() || to.as_encoded_bytes().ends_with(b"/") {
        let message = format!("`{}` is a directory, and the backup is of one file", path.display());
        return Err(Error::new(ErrorKind::Create, message).with_cure("name a new file in it").into());
    }
    Ok(Dsn::for_path(path))
}
