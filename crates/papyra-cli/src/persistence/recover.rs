//! `persistence recover`: make a damaged log sound.

use std::path::PathBuf;

use clap::Args;
use papyra::{
    CompactionConfig, CompactionReport, Error, ErrorKind, Log, PartReport, RecoveryConfig, RecoveryMode,
    RecoveryReport, ScanOptions, ScanReport,
};
use serde::Serialize;

use crate::{
    console::Out,
    exit::ExitCode,
    failure::Failure,
    findings, parts,
    recovery::{self, Choice},
    report,
    session::Session,
};

use super::compact;

/// How to recover.
#[derive(Debug, Args)]
pub(crate) struct RecoverArgs {
    /// What to do with damage: repair, quarantine (keep the originals first) or ignore [default: the configuration's,
    /// else repair]
    #[arg(long, value_name = "MODE", value_parser = str::parse::<RecoveryMode>)]
    mode: Option<RecoveryMode>,
    /// Where quarantine keeps the originals
    #[arg(long, value_name = "DIR")]
    quarantine_dir: Option<PathBuf>,
    /// Say what would be done; change nothing
    #[arg(long)]
    dry_run: bool,
    /// Drop what the log's retention does not keep, too
    #[arg(long)]
    apply_retention: bool,
    /// Write the report as JSON into this file as well
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

const SCHEMA: &str = "papyra.recover/1";

/// What came of it.
/// The gravest comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    NoLog,
    Healthy,
    /// There are findings, and nothing was to be done about them.
    Ignored,
    WouldRecover,
    Recovered,
    StillDamaged,
}

/// The report as it is printed in JSON.
#[derive(Serialize)]
struct Recovered {
    log: String,
    mode: String,
    dry_run: bool,
    outcome: Outcome,
    /// What came of each part, in their order, of a log that has parts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    outcomes: Vec<Option<Outcome>>,
    #[serde(flatten)]
    report: Option<RecoveryReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compaction: Option<CompactionReport>,
}

pub(super) async fn run(args: RecoverArgs, mut session: Session) -> Result<ExitCode, Failure> {
    let choice = Choice { mode: args.mode, directory: args.quarantine_dir };
    let settings = session.config_with(choice.flags())?;
    let mut config = settings.recovery()?;
    choice.must_make_sense(&config, "--mode")?;
    config.dry_run = args.dry_run;
    report::must_be_possible(args.report.as_deref(), &settings)?;
    let log = session.open_configured(&settings).await?;
    let bar = session.notes.bar("recovering");
    config.progress = Some(bar.progress());
    let recovered = recover_all(&log, &config).await;
    drop(bar);
    let (outcomes, found) = match recovered {
        Err(error) if error.kind() == ErrorKind::NotFound => (vec![Some(Outcome::NoLog)], None),
        // It was looked at, and it is beyond recovery: a log of a newer version, say.
        Err(error) if error.kind() == ErrorKind::Corrupt => return Err(Failure::Ended(ExitCode::NotRecovered, error)),
        recovered => recovered.map(|(outcomes, report)| (outcomes, Some(report)))?,
    };
    let outcome = outcomes.iter().copied().flatten().max().unwrap_or(Outcome::NoLog);
    let parts = found.as_ref().map_or(Vec::new(), |found| found.parts.clone());
    let outcomes = if parts.is_empty() { Vec::new() } else { outcomes };
    let (compaction, refused) = match outcome {
        Outcome::Healthy | Outcome::Recovered if args.apply_retention => match retain(&log, args.dry_run).await {
            Ok(compaction) => (compaction, None),
            Err(error) => (None, Some(Failure::from(error))),
        },
        _ => (None, None),
    };
    let verdict = match (outcome, &refused) {
        (Outcome::StillDamaged, _) => ExitCode::NotRecovered,
        (_, Some(refused)) => refused.exit_code(),
        _ => ExitCode::Done,
    };
    // A part that is beyond recovery was looked at, and its anomalies remain.
    let verdict = parts::verdict(&parts, verdict).max(match is_beyond_recovery(&parts) {
        true => ExitCode::NotRecovered,
        false => ExitCode::Done,
    });
    let compacted = compaction.as_ref().map_or(Vec::new(), |compaction: &CompactionReport| compaction.parts.clone());
    let verdict = parts::verdict(&compacted, verdict);
    let (mode, dry_run) = (config.mode.to_string(), config.dry_run);
    let recovered = Recovered { log: log.address(), mode, dry_run, outcome, outcomes, report: found, compaction };
    let delivered = report::deliver(&mut session, SCHEMA, verdict, &recovered, args.report.as_deref(), |out| {
        print_all(&recovered, out)
    });
    parts::tell(&parts, &session.notes);
    parts::tell(&compacted, &session.notes);
    if let Some(report) = &recovered.report {
        findings::tell_notes(report.after.as_ref().unwrap_or(&report.before), &session.notes);
        if report.parts.is_empty() {
            recovery::tell_lost(report, outcome == Outcome::WouldRecover, &session.notes);
        }
        for (part, outcome) in report.parts.iter().zip(&recovered.outcomes) {
            if let Some(report) = &part.report {
                let would = *outcome == Some(Outcome::WouldRecover);
                recovery::tell_lost(report, would, &session.notes.about(parts::name(part)));
            }
        }
    }
    if args.apply_retention && compact::each_is_unlimited(&log, |log| *log.retention()) {
        session.notes.note(compact::NOTHING_CONFIGURED);
    }
    if let Some(refused) = refused {
        session.notes.failure(&refused);
    }
    delivered
}

/// Recovers the log, or each of its parts for itself.
async fn recover_all(log: &Log, config: &RecoveryConfig) -> Result<(Vec<Option<Outcome>>, RecoveryReport), Error> {
    let (mut outcomes, mut reports) = (Vec::new(), Vec::new());
    for (kinds, part) in log.parts() {
        let recovered = recover(part, &config.for_part(kinds)).await;
        outcomes.push(recovered.as_ref().ok().map(|(outcome, _)| *outcome));
        reports.push(PartReport::new(kinds, part.address(), recovered.map(|(_, report)| report)));
    }
    if reports.is_empty() {
        return recover(log, config).await.map(|(outcome, report)| (vec![Some(outcome)], report));
    }
    Ok((outcomes, RecoveryReport::of_parts(log.backend().name(), &log.address(), reports)?))
}

fn is_beyond_recovery(parts: &[PartReport<RecoveryReport>]) -> bool {
    parts.iter().filter_map(PartReport::failure).any(|error| error.kind == ErrorKind::Corrupt)
}

/// Recovers, and looks again unless the new log was read back already: what a backend says about itself is not enough.
async fn recover(log: &Log, config: &RecoveryConfig) -> Result<(Outcome, RecoveryReport), Error> {
    let mut report = log.recover(config).await?;
    let outcome = match (config.mode, config.dry_run) {
        _ if report.before.is_clean() => Outcome::Healthy,
        (RecoveryMode::Ignore, _) => Outcome::Ignored,
        (_, true) => Outcome::WouldRecover,
        _ => {
            if !report.is_proven() {
                let mut options = ScanOptions::default();
                options.progress = config.progress.clone();
                report.after = Some(log.scan(options).await?);
            }
            let sound = report.after.as_ref().is_some_and(ScanReport::is_clean);
            if sound { Outcome::Recovered } else { Outcome::StillDamaged }
        }
    };
    Ok((outcome, report))
}

/// Makes the log's own retention physical, if it has one.
async fn retain(log: &Log, dry_run: bool) -> Result<Option<CompactionReport>, Error> {
    if compact::each_is_unlimited(log, |log| *log.retention()) {
        return Ok(None);
    }
    let config = |log: &Log| CompactionConfig::new(*log.retention(), log.now()).dry_run(dry_run);
    compact::each(log, config).await.map(Some)
}

fn print_all(recovered: &Recovered, out: &mut Out) -> Result<(), Failure> {
    let Some(report) = &recovered.report else { return out.headline(recovery::NO_LOG) };
    if report.parts.is_empty() {
        print(recovered.outcome, report, recovered.dry_run, out)?;
    } else {
        let mut outcomes = recovered.outcomes.iter().copied();
        parts::print(&report.parts, out, |report, out| {
            // Every part with a report has an outcome, in the same order.
            let outcome = outcomes.by_ref().flatten().next().unwrap_or(Outcome::NoLog);
            print(outcome, report, recovered.dry_run, out)
        })?;
    }
    match &recovered.compaction {
        Some(compaction) => compact::print_all(compaction, recovered.dry_run, out),
        None => Ok(()),
    }
}

fn print(outcome: Outcome, report: &RecoveryReport, dry_run: bool, out: &mut Out) -> Result<(), Failure> {
    if report.before.is_clean() {
        out.headline(findings::HEALTHY)?;
    } else {
        findings::print(&report.before, out)?;
    }
    match (outcome, &report.after) {
        // Also of a healthy log: a script that recovers whatever it finds looks for this line.
        (Outcome::Healthy, _) if !dry_run => out.headline("Recovery completed")?,
        (Outcome::Recovered, _) => out.headline("Recovery completed")?,
        (Outcome::StillDamaged, Some(after)) => findings::print(after, out)?,
        _ => {}
    }
    recovery::print_files(report, out)
}
