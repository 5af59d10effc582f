//! Looking for damage: one scan at a time, and what the last one found.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use papyra::{
    Error, ErrorKind, Result as LogResult, ScanReport, StartupConfig, StartupMode, StartupReport, StartupVerdict,
    Timestamp, startup,
};
use serde::Serialize;
use tokio::sync::Semaphore;

use crate::{answer::Refusal, service::State};

/// What the last check came to.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LastCheck {
    verdict: StartupVerdict,
    /// Findings, after a recovery if there was one.
    anomalies: u64,
    /// Facts of each kind, and bytes that the log takes; `None` if nothing was scanned.
    entries: Option<BTreeMap<&'static str, u64>>,
    bytes: Option<u64>,
    /// When it ended, in seconds since 1970.
    at: f64,
}

enum Last {
    /// Nobody looked, and nobody said so.
    Unknown,
    /// The first check is at work.
    Checking,
    Checked(LastCheck),
    Failed(String),
}

/// The one scan that may be at work, and the last result.
pub(crate) struct Scans {
    room: Arc<Semaphore>,
    last: Mutex<Last>,
}

impl Scans {
    pub(crate) fn new(startup: Option<&StartupReport>, now: SystemTime) -> Self {
        let last = startup.map_or(Last::Unknown, |report| Last::Checked(LastCheck::of(report, now)));
        Scans { room: Arc::new(Semaphore::new(1)), last: Mutex::new(last) }
    }

    /// What the last check says about readiness; `None` if nobody looked.
    pub(crate) fn verdict(&self) -> Option<Result<String, String>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Last::Unknown => None,
            Last::Checking => Some(Err("the log is being checked".to_owned())),
            Last::Failed(why) => Some(Err(why.clone())),
            Last::Checked(check) => Some(match check.anomalies {
                0 => Ok("no anomalies".to_owned()),
                n if check.verdict.passes() => Ok(format!("{n} anomalies, which may pass")),
                n => Err(format!("{n} anomalies: see `papyra persistence scan`")),
            }),
        }
    }

    pub(crate) fn last(&self) -> Option<LastCheck> {
        match &*self.last.lock().unwrap_or_else(PoisonError::into_inner) {
            Last::Checked(check) => Some(check.clone()),
            _ => None,
        }
    }

    /// Says that the first check is at work.
    pub(crate) fn begin(&self) {
        self.set(Last::Checking);
    }

    fn set(&self, last: Last) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }
}

impl LastCheck {
    fn of(report: &StartupReport, now: SystemTime) -> Self {
        let after = report.recovery.as_ref().and_then(|recovery| recovery.after.as_ref());
        let scan = after.or(report.scan.as_ref());
        LastCheck {
            verdict: report.verdict,
            anomalies: scan.map_or(0, |found| found.anomalies_total),
            entries: scan.map(|found| found.entries.clone()),
            bytes: scan.map(|found| found.bytes),
            at: Timestamp::from(now).seconds(),
        }
    }
}

/// Checks the log as a start would, but changes nothing.
pub(crate) async fn check(state: &Arc<State>) -> Result<ScanReport, Refusal> {
    let report = alone(state, |state| async move {
        let config = StartupConfig::new(StartupMode::FailOnAnomaly).with_torn_tail_allowed(true);
        let checked = startup::check(state.log(), &config).await;
        state.scans.set(match &checked {
            Ok(report) => Last::Checked(LastCheck::of(report, state.log().now())),
            Err(error) => Last::Failed(error.to_string()),
        });
        checked
    });
    let report = report.await?;
    report.scan.ok_or_else(|| Refusal::not_scanned(report.verdict))
}

/// Runs what looks at the whole log, one at a time. It goes on to its end whoever stops waiting for it, and no second one
/// joins it meanwhile.
pub(crate) async fn alone<T, F>(state: &Arc<State>, work: impl FnOnce(Arc<State>) -> F) -> Result<T, Refusal>
where
    T: Send + 'static,
    F: Future<Output = LogResult<T>> + Send + 'static,
{
    let room =
        Arc::clone(&state.scans.room).try_acquire_owned().map_err(|_| Refusal::busy("another scan is at work"))?;
    let work = work(Arc::clone(state));
    let work = tokio::spawn(async move {
        let done = work.await;
        drop(room);
        done
    });
    match tokio::time::timeout(state.limits.scan_time, work).await {
        Ok(Ok(done)) => Ok(done?),
        Ok(Err(_)) => Err(Error::new(ErrorKind::Internal, "the scan ended without a result").into()),
        Err(_) => Err(Refusal::too_slow("the scan takes longer than anybody waits for it; it goes on")),
    }
}
