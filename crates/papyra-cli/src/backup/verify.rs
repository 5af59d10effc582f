//! `backup verify`: are backups what their manifests say?

use std::path::PathBuf;

use clap::Args;
use papyra::backup::{BackupOptions, Verified};
use serde::Serialize;

use super::place;
use crate::{console::Out, exit::ExitCode, failure::Failure, report, safe, session::Session};

/// What to verify.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The directory of backups, or one backup in it
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Write the report as JSON into this file as well
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

const SCHEMA: &str = "papyra.backup_verify/1";

#[derive(Serialize)]
struct Verification {
    backups: Vec<Verified>,
}

pub(super) async fn run(args: VerifyArgs, mut session: Session) -> Result<ExitCode, Failure> {
    report::must_be_creatable(args.report.as_deref())?;
    let found = place::look(&args.dir, &session).await?;
    found.must_have_finished(&session)?;
    let names: Vec<String> = found.finished().map(|one| one.name.clone()).collect();
    let bar = session.notes.bar("verifying");
    let options = BackupOptions::default().with_progress(bar.progress());
    let backups = found.backups.verify_all(&names, &options).await?;
    drop(bar);
    let is_sound = backups.iter().all(Verified::is_sound);
    let verdict = if is_sound { ExitCode::Done } else { ExitCode::BackupMismatch };
    let verification = Verification { backups };
    let told = report::deliver(&mut session, SCHEMA, verdict, &verification, args.report.as_deref(), |out| {
        verification.backups.iter().try_for_each(|one| print(one, out))
    });
    for one in verification.backups.iter().filter(|one| one.is_sound()) {
        if let Some(anomalies) = one.anomalies_total.filter(|anomalies| *anomalies > 0) {
            session.notes.warning(&format!(
                "warning: {}: the log was damaged when it was backed up ({anomalies} anomalies); the backup has it as it was",
                one.name
            ));
        }
        if !one.facts_checked {
            session
                .notes
                .note(&format!("note: {}: only the bytes were compared, the facts were not looked at", one.name));
        }
    }
    told
}

fn print(one: &Verified, out: &mut Out) -> Result<(), Failure> {
    let name = safe::text(&one.name);
    if one.is_sound() {
        return out.line(&format!("Backup is sound: {name} ({} entries, {} bytes)", one.figures.entries, one.bytes));
    }
    out.headline(&format!("Backup does not match its manifest: {name}"))?;
    for mismatch in &one.mismatches {
        out.line(&format!("- {}: {}", safe::text(&mismatch.file), safe::text(&mismatch.cause)))?;
    }
    let more = one.mismatches_total.saturating_sub(one.mismatches.len() as u64);
    if more > 0 { out.line(&format!("- and {more} more")) } else { Ok(()) }
}
