//! The startup check on the command line: `doctor run` and `persistence startup-check`.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use papyra::{
    ErrorKind, Log, PartReport, RecoveryMode, StartupConfig, StartupMode, StartupReport, StartupVerdict,
    checkup::Check, startup, units::parse_duration,
};
use serde::Serialize;

use crate::{
    console::{Notes, Out},
    exit::ExitCode,
    failure::Failure,
    findings, parts,
    recovery::{self, Choice},
    report, safe,
    session::Session,
};

/// How to check.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// What to do about damage: ignore, scan_only, fail_on_anomaly or recover [default: the configuration's, else
    /// fail_on_anomaly]
    #[arg(long, value_name = "MODE", value_parser = str::parse::<StartupMode>)]
    mode: Option<StartupMode>,
    /// How to recover: repair or quarantine [default: the configuration's, else repair]
    #[arg(long, value_name = "MODE", value_parser = changing)]
    recovery_mode: Option<RecoveryMode>,
    /// Where quarantine keeps the originals
    #[arg(long, value_name = "DIR")]
    quarantine_dir: Option<PathBuf>,
    /// Let a torn last line pass if nothing else is wrong: every crash leaves one, and the next start settles it
    #[arg(long)]
    allow_torn_tail: bool,
    /// How long the whole check may take, such as 30s [default: as long as it needs]
    #[arg(long, value_name = "D", value_parser = parse_duration)]
    timeout: Option<Duration>,
    /// Write the report as JSON into this file as well
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// A check that recovers changes something: what it is to ignore, `--mode` says.
fn changing(text: &str) -> Result<RecoveryMode, String> {
    match text.parse().map_err(|error: papyra::Error| error.to_string())? {
        RecoveryMode::Ignore => Err("a check recovers by `repair` or `quarantine`; see --mode".to_owned()),
        mode => Ok(mode),
    }
}

const SCHEMA: &str = "papyra.doctor/1";

/// The report as it is printed in JSON.
#[derive(Serialize)]
struct Checked<'a> {
    log: String,
    mode: String,
    #[serde(flatten)]
    report: &'a StartupReport,
    /// What the log rests on, if that can be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<Vec<Looked>>,
}

/// One thing that the log rests on, or one of its parts.
#[derive(Serialize)]
struct Looked {
    /// The kinds that live in the part, if the log has parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<String>,
    #[serde(flatten)]
    check: Check,
}

/// What a command looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looks {
    /// The facts.
    AtFacts,
    /// Also what they rest on: the settings of a server, say.
    Around,
}

/// Checks the log. If anomalies remain after a recovery, the command ends with `remaining`.
pub(crate) async fn run(
    args: CheckArgs,
    mut session: Session,
    looks: Looks,
    remaining: ExitCode,
) -> Result<ExitCode, Failure> {
    let choice = Choice { mode: args.recovery_mode, directory: args.quarantine_dir };
    let mode = args.mode.map(|mode| ("startup.mode", mode.to_string().into()));
    let settings = session.config_with(choice.flags().into_iter().chain(mode))?;
    let mut config = StartupConfig::new(settings.startup_mode().value)
        .with_recovery(settings.recovery()?)
        .with_torn_tail_allowed(args.allow_torn_tail);
    config.timeout = args.timeout;
    if config.mode == StartupMode::Recover {
        choice.must_make_sense(&config.recovery, "--recovery-mode")?;
    }
    report::must_be_possible(args.report.as_deref(), &settings)?;
    let log = session.open_configured(&settings).await?;
    let bar = session.notes.bar("checking");
    config.progress = Some(bar.progress());
    let checked = startup::check(&log, &config).await;
    drop(bar);
    let found = match checked {
        // It was looked at, and it is beyond recovery: a log of a newer version, say.
        Err(error) if error.kind() == ErrorKind::Corrupt => return Err(Failure::Ended(remaining, error)),
        found => found?,
    };
    let code = |verdict: StartupVerdict| match verdict {
        verdict if verdict.passes() => ExitCode::Done,
        StartupVerdict::StillDamaged => remaining,
        _ => ExitCode::GateClosed,
    };
    let verdict =
        if found.parts.is_empty() { code(found.verdict) } else { code_of_parts(&found.parts, code, remaining) };
    let checks = if looks == Looks::Around { look_around(&log).await? } else { None };
    let checked = Checked { log: log.address(), mode: config.mode.to_string(), report: &found, checks };
    let delivered = report::deliver(&mut session, SCHEMA, verdict, &checked, args.report.as_deref(), |out| {
        match &*found.parts {
            [] => print(&found, log.backend().name(), out),
            parts => {
                let mut names = backends(parts, &log).into_iter();
                parts::print(parts, out, |found, out| print(found, names.next().unwrap_or_default(), out))
            }
        }?;
        checked.checks.iter().flatten().try_for_each(|check| print_check(check, out))
    });
    if let Some(scan) = &found.scan {
        findings::tell_notes(scan, &session.notes);
    }
    match &*found.parts {
        [] => tell(&found, config.mode, log.backend().name(), &session.notes),
        parts => {
            let checked = parts.iter().filter_map(|part| Some((part, part.report.as_ref()?)));
            for ((part, found), backend) in checked.zip(backends(parts, &log)) {
                tell(found, config.mode, backend, &session.notes.about(parts::name(part)));
            }
            parts::tell(parts, &session.notes);
        }
    }
    delivered
}

/// What the log rests on, or each of its parts; `None` if nothing can be said of any.
async fn look_around(log: &Log) -> Result<Option<Vec<Looked>>, Failure> {
    let mut checks = None;
    if let Some(checkup) = log.backend().checkup() {
        let looked = checkup.checks().await?.into_iter().map(|check| Looked { part: None, check });
        checks = Some(looked.collect());
    }
    for (kinds, part) in log.parts() {
        let Some(checkup) = part.backend().checkup() else { continue };
        let name = kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ");
        // A part that is away was reported already, and must not hide the others.
        let looked = checkup.checks().await.unwrap_or_default().into_iter();
        let looked = looked.map(|check| Looked { part: Some(name.clone()), check });
        checks.get_or_insert_with(Vec::new).extend(looked);
    }
    Ok(checks)
}

fn print_check(Looked { part, check }: &Looked, out: &mut Out) -> Result<(), Failure> {
    let part = part.as_ref().map_or(String::new(), |part| format!("part {part}: "));
    out.line(&format!("{part}{} {}: {}", check.verdict.as_str(), check.name, safe::text(&check.detail)))?;
    match &check.cure {
        Some(cure) => out.line(&format!("  cure: {}", safe::text(cure))),
        None => Ok(()),
    }
}

/// The names of the backends of those parts that were checked.
fn backends(parts: &[PartReport<StartupReport>], log: &Log) -> Vec<&'static str> {
    let checked = parts.iter().zip(log.parts()).filter(|(part, _)| part.report.is_some());
    checked.map(|(_, (_, log))| log.backend().name()).collect()
}

/// The highest code of all parts.
fn code_of_parts(
    parts: &[PartReport<StartupReport>],
    code: impl Fn(StartupVerdict) -> ExitCode,
    remaining: ExitCode,
) -> ExitCode {
    let of = |part: &PartReport<StartupReport>| match (&part.report, part.failure()) {
        (Some(report), _) => code(report.verdict),
        // It was looked at, and it is beyond recovery.
        (None, Some(error)) if error.kind == ErrorKind::Corrupt => remaining,
        (None, Some(error)) => ExitCode::of(error.kind),
        (None, None) => ExitCode::Done,
    };
    parts.iter().map(of).fold(ExitCode::Done, Ord::max)
}

fn print(found: &StartupReport, backend: &str, out: &mut Out) -> Result<(), Failure> {
    let scan = found.scan.as_ref();
    match found.verdict {
        StartupVerdict::NoLog => return out.headline(recovery::NO_LOG),
        StartupVerdict::Unsupported => {
            let backend = safe::text(backend);
            return out.headline(&format!("the backend `{backend}` does not support scan: nothing was checked"));
        }
        _ => {}
    }
    match scan {
        Some(scan) if !scan.is_clean() => findings::print(scan, out)?,
        _ => out.headline(findings::HEALTHY)?,
    }
    if let Some(recovery) = &found.recovery {
        recovery::print_files(recovery, out)?;
    }
    match (found.verdict, found.recovery.as_ref().and_then(|recovery| recovery.after.as_ref())) {
        (StartupVerdict::Recovered, _) => out.headline("Recovery successful"),
        (StartupVerdict::StillDamaged, Some(after)) => findings::print(after, out),
        _ => Ok(()),
    }
}

/// What the verdict means for whoever started the check.
fn tell(found: &StartupReport, mode: StartupMode, backend: &str, notes: &Notes) {
    if let Some(recovery) = &found.recovery {
        recovery::tell_lost(recovery, false, notes);
    }
    match found.verdict {
        StartupVerdict::Tolerated if matches!(mode, StartupMode::Ignore | StartupMode::ScanOnly) => {
            notes.note(&format!("these anomalies may pass ({mode})"));
        }
        StartupVerdict::Tolerated => {
            notes.note("what a crash left may pass (--allow-torn-tail): nothing else is wrong")
        }
        StartupVerdict::Damaged => {
            notes.note("gate closed: the log is damaged");
            notes.note("  cure: papyra doctor run --mode recover --recovery-mode quarantine --quarantine-dir DIR");
        }
        StartupVerdict::StillDamaged if found.recovery.is_none() => {
            notes.warning(&format!(
                "gate closed: the log is damaged, and the backend `{backend}` does not support recovery"
            ));
        }
        StartupVerdict::StillDamaged => notes.warning("gate closed: recovery was tried, and anomalies remain"),
        _ => {}
    }
}
