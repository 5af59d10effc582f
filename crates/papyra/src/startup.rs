//! The startup check: what happens to a log before actors start.

use std::time::Duration;

use serde::Serialize;

use crate::{
    Anomaly, AnomalyKind, Error, ErrorKind, Log, PartReport, Progress, RecoveryConfig, RecoveryMode, RecoveryReport,
    Result, ScanOptions, ScanReport, report::any_done,
};

/// What the startup check does about damage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartupMode {
    /// Look and report; damage never stops a start.
    Ignore,
    /// Look and report.
    ScanOnly,
    /// Refuse to start over a damaged log.
    #[default]
    FailOnAnomaly,
    /// Recover a damaged log, and start if it is sound then.
    Recover,
}

/// How to check a log before actors start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StartupConfig {
    /// What to do about damage.
    pub mode: StartupMode,
    /// How to recover, in [`StartupMode::Recover`].
    pub recovery: RecoveryConfig,
    /// Let pass what a crash leaves, if nothing else is wrong: a torn tail, which opening the log for writing settles, and
    /// the temporary file of interrupted maintenance, which the next maintenance removes.
    pub allow_torn_tail: bool,
    /// How long the whole check may take; `None` is as long as it needs.
    pub timeout: Option<Duration>,
    /// Where to count how far the check is, if anybody looks.
    pub progress: Option<Progress>,
}

impl StartupConfig {
    /// Check in this mode.
    pub fn new(mode: StartupMode) -> Self {
        StartupConfig { mode, ..StartupConfig::default() }
    }

    /// Drop damaged bytes, and start.
    pub fn recover_with_repair() -> Self {
        StartupConfig::new(StartupMode::Recover)
    }

    /// Keep the originals of damaged files in this directory, drop damaged bytes, and start.
    pub fn recover_with_quarantine(directory: impl Into<std::path::PathBuf>) -> Self {
        StartupConfig::recover_with_repair().with_recovery(RecoveryConfig::quarantine(directory))
    }

    /// Says how to recover.
    #[must_use]
    pub fn with_recovery(mut self, recovery: RecoveryConfig) -> Self {
        self.recovery = recovery;
        self
    }

    /// Lets a torn tail pass if nothing else is wrong, or not.
    #[must_use]
    pub fn with_torn_tail_allowed(mut self, allowed: bool) -> Self {
        self.allow_torn_tail = allowed;
        self
    }

    /// Says how long the whole check may take.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

/// What a startup check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StartupVerdict {
    /// Nothing was found.
    Healthy,
    /// There is no log yet: a first start.
    NoLog,
    /// The backend cannot scan, so there is nothing to decide on.
    Unsupported,
    /// There are findings, and the mode lets them pass.
    Tolerated,
    /// There are findings, and the mode does not let them pass.
    Damaged,
    /// There were findings; after recovery there are none.
    Recovered,
    /// There are findings after recovery too, or the backend cannot recover.
    StillDamaged,
    /// A part of the log could not be checked or recovered; the report of the part says why.
    Failed,
}

impl StartupVerdict {
    /// Whether actors may start.
    pub fn passes(self) -> bool {
        !matches!(self, StartupVerdict::Damaged | StartupVerdict::StillDamaged | StartupVerdict::Failed)
    }
}

/// What a startup check found and did.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StartupReport {
    /// What it came to.
    pub verdict: StartupVerdict,
    /// What the first scan found; `None` if there was nothing to scan.
    pub scan: Option<ScanReport>,
    /// What the recovery did, if there was one (a backend may not offer it); its second scan is in it.
    pub recovery: Option<RecoveryReport>,
    /// What was found and done in each part, of a log whose kinds live in different places; else empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartReport<StartupReport>>,
}

impl StartupReport {
    fn new(verdict: StartupVerdict) -> Self {
        StartupReport { verdict, scan: None, recovery: None, parts: Vec::new() }
    }

    /// The error for a program that must not start on this log; `Ok` if it may.
    ///
    /// # Errors
    /// `Corrupt`, with the number of findings and the first of them; if a part could not be looked at, why.
    pub fn into_result(self, log: &Log) -> Result<StartupReport> {
        if self.verdict.passes() {
            return Ok(self);
        }
        if let Some((part, error)) = self.parts.iter().find_map(|part| Some((part, part.failure()?))) {
            let message = format!("the part {} of the log: {}", part.kinds_in_words(), error.message);
            let failed = Error::new(error.kind, message);
            return Err(match &error.cure {
                Some(cure) => failed.with_cure(cure),
                None => failed,
            });
        }
        let after = self.recovery.as_ref().and_then(|recovery| recovery.after.as_ref());
        let found = after.or(self.scan.as_ref());
        let total = found.map_or(0, |found| found.anomalies_total);
        let first = found.and_then(|found| found.anomalies.first());
        let first = first.map(|first| format!(", the first: {} ({})", first.kind, first.detail)).unwrap_or_default();
        Err(Error::new(ErrorKind::Corrupt, format!("the log `{}` has {total} anomalies{first}", log.address()))
            .with_cure(
                "look at them with `papyra persistence scan`, then recover with `papyra doctor run --mode recover`",
            ))
    }
}

/// Checks a log before actors start: scan, decide, recover if the mode says so, scan again. The command line's `doctor run`
/// and `persistence startup-check`, and [`Recorder::open`](crate::Recorder::open) all do exactly this.
///
/// # Errors
/// Only if it could not look or could not recover; damage is in the report. `Unavailable` if the timeout is over. With a
/// timeout it must be called within a tokio runtime with timers.
pub async fn check(log: &Log, config: &StartupConfig) -> Result<StartupReport> {
    if config.mode == StartupMode::Recover
        && config.recovery.mode == RecoveryMode::Quarantine
        && config.recovery.quarantine_dir.is_none()
        && !log.backend().has_quarantine()
    {
        return Err(Error::new(ErrorKind::Config, "quarantine needs a directory for the originals")
            .with_cure("name one: --quarantine-dir DIR, or `quarantine_dir` under [startup]"));
    }
    let Some(timeout) = config.timeout else { return unlimited(log, config).await };
    tokio::time::timeout(timeout, unlimited(log, config)).await.unwrap_or_else(|_| {
        Err(Error::new(
            ErrorKind::Unavailable,
            format!("the startup check of `{}` took longer than {timeout:?}", log.address()),
        )
        .with_cure("give it more time, or compact the log so that there is less to look at"))
    })
}

async fn unlimited(log: &Log, config: &StartupConfig) -> Result<StartupReport> {
    let mut parts = Vec::new();
    for (kinds, part) in log.parts() {
        let config = StartupConfig { recovery: config.recovery.for_part(kinds), ..config.clone() };
        parts.push(PartReport::new(kinds, part.address(), check_one(part, &config).await));
    }
    if parts.is_empty() { check_one(log, config).await } else { together(log, any_done(parts)?) }
}

/// What the checks of all parts come to.
fn together(log: &Log, parts: Vec<PartReport<StartupReport>>) -> Result<StartupReport> {
    use StartupVerdict::{Damaged, Failed, Healthy, NoLog, Recovered, StillDamaged, Tolerated, Unsupported};
    let gravest = [Failed, StillDamaged, Damaged, Recovered, Tolerated, Healthy, Unsupported];
    let verdicts = |part: &PartReport<StartupReport>| match &part.report {
        Some(report) => report.verdict,
        None => Failed,
    };
    let verdict = gravest.into_iter().find(|verdict| parts.iter().any(|part| verdicts(part) == *verdict));
    let name = log.backend().name();
    let mut scans: Vec<PartReport<ScanReport>> = Vec::new();
    let mut recoveries: Vec<PartReport<RecoveryReport>> = Vec::new();
    for part in &parts {
        let PartReport { kinds, log, report, .. } = part;
        if let Some(scan) = report.as_ref().and_then(|report| report.scan.clone()) {
            scans.push(PartReport::new(kinds, log, Ok(scan)));
        }
        if let Some(recovery) = report.as_ref().and_then(|report| report.recovery.clone()) {
            recoveries.push(PartReport::new(kinds, log, Ok(recovery)));
        }
    }
    let mut whole = StartupReport { parts, ..StartupReport::new(verdict.unwrap_or(NoLog)) };
    if !scans.is_empty() {
        whole.scan = Some(ScanReport::of_parts(name, log.address(), scans)?);
    }
    if !recoveries.is_empty() {
        whole.recovery = Some(RecoveryReport::of_parts(name, &log.address(), recoveries)?);
    }
    Ok(whole)
}

async fn check_one(log: &Log, config: &StartupConfig) -> Result<StartupReport> {
    let options = || ScanOptions { progress: config.progress.clone(), ..ScanOptions::default() };
    let scan = match log.scan(options()).await {
        Ok(scan) => scan,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(StartupReport::new(StartupVerdict::NoLog)),
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            return Ok(StartupReport::new(StartupVerdict::Unsupported));
        }
        Err(error) => return Err(error),
    };
    // A crash leaves a torn tail, and a crash of maintenance the temporary file that it was writing; neither holds a fact.
    let left = |anomaly: &Anomaly| matches!(anomaly.kind, AnomalyKind::TruncatedLine | AnomalyKind::UnexpectedFile);
    let only_torn = scan.anomalies_total == scan.anomalies.len() as u64 && scan.anomalies.iter().all(left);
    let mut report = StartupReport::new(StartupVerdict::Healthy);
    report.verdict = match config.mode {
        _ if scan.is_clean() => StartupVerdict::Healthy,
        StartupMode::Ignore | StartupMode::ScanOnly => StartupVerdict::Tolerated,
        _ if config.allow_torn_tail && only_torn => StartupVerdict::Tolerated,
        StartupMode::FailOnAnomaly => StartupVerdict::Damaged,
        StartupMode::Recover => {
            match log.recover(&config.recovery).await {
                // The damage is there all the same, and must not pass because nobody can repair it.
                Err(error) if error.kind() == ErrorKind::Unsupported => StartupVerdict::StillDamaged,
                Err(error) => return Err(error),
                Ok(recovery) => {
                    // The recovery's own second scan is not taken on trust.
                    let after = log.scan(options()).await?;
                    let verdict =
                        if after.is_clean() { StartupVerdict::Recovered } else { StartupVerdict::StillDamaged };
                    report.recovery = Some(RecoveryReport { after: Some(after), ..recovery });
                    verdict
                }
            }
        }
    };
    report.scan = Some(scan);
    Ok(report)
}
