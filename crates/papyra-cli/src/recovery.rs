//! What every command that recovers shares: how the way of recovering is chosen, and what is said of what was done.

use std::{ffi::OsString, path::PathBuf};

use papyra::{RecoveryConfig, RecoveryMode, RecoveryReport};

use crate::{
    console::{Notes, Out},
    failure::Failure,
    safe,
};

/// What is said where there is nothing to check or recover: a first deployment has to start.
pub(crate) const NO_LOG: &str = "no log yet";

/// What the flags say about how to recover.
pub(crate) struct Choice {
    pub(crate) mode: Option<RecoveryMode>,
    pub(crate) directory: Option<PathBuf>,
}

impl Choice {
    /// The same under the keys of the configuration.
    pub(crate) fn flags(&self) -> Vec<(&'static str, OsString)> {
        let mode = self.mode.map(|mode| ("startup.recovery", mode.to_string().into()));
        let directory = self.directory.as_ref().map(|path| ("startup.quarantine_dir", path.into()));
        mode.into_iter().chain(directory).collect()
    }

    /// Whoever names a directory for the originals wants to keep them, and must not lose them to a default.
    pub(crate) fn must_make_sense(&self, chosen: &RecoveryConfig, flag: &str) -> Result<(), Failure> {
        if self.directory.is_none() || self.mode.is_some() || chosen.mode == RecoveryMode::Quarantine {
            return Ok(());
        }
        Err(Failure::Usage {
            message: format!("--quarantine-dir is given, but the recovery mode is `{}`", chosen.mode),
            cure: Some(format!("give `{flag} quarantine`, which keeps the originals there")),
        })
    }
}

/// Prints what was rewritten and what was kept.
pub(crate) fn print_files(report: &RecoveryReport, out: &mut Out) -> Result<(), Failure> {
    for (what, paths) in [("repaired", &report.repaired), ("quarantined", &report.quarantined)] {
        for path in paths {
            out.line(&format!("{what} {}", safe::text(&path.display().to_string())))?;
        }
    }
    Ok(())
}

/// Says how much was given up, or would be.
pub(crate) fn tell_lost(report: &RecoveryReport, dry_run: bool, notes: &Notes) {
    let entries = if report.lost == 1 { "1 entry".to_owned() } else { format!("{} entries", report.lost) };
    if dry_run {
        notes.note(&format!("{entries} would be given up"));
    } else if report.lost > 0 {
        let was = if report.lost == 1 { "was" } else { "were" };
        notes.warning(&format!("{entries} {was} given up"));
    }
}
