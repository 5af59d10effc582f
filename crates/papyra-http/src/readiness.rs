//! Whether the service is ready: checks that are cheap, each with its reason.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use papyra::{
    ErrorKind, Log, RecorderHealth,
    document::{GroupFigures, Groups},
};
use serde::Serialize;
use tokio::sync::Mutex;

use crate::{places::Places, service::State};

/// What was found is believed so long: however often somebody asks, nobody looks more often.
const FRESH: Duration = Duration::from_secs(1);
/// How long a look at the log may take: one entry at its end.
const PATIENCE: Duration = Duration::from_secs(2);

/// What keeps a service from being ready, beside a log that cannot be read or written to, or was found damaged.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Readiness {
    /// More facts than this waiting in the recorder's queue.
    pub max_queued: Option<u64>,
    /// More facts than this waiting in the spool in front of a remote log.
    pub max_spooled: Option<u64>,
    /// A consumer group that has more entries than this before it, or whose lag nobody can tell.
    pub max_lag: Option<u64>,
}

impl Readiness {
    /// Not ready while more facts than this wait in the spool in front of a remote log.
    #[must_use]
    pub fn with_max_spooled(mut self, facts: u64) -> Self {
        self.max_spooled = Some(facts);
        self
    }

    /// Not ready while a consumer group has more entries than this before it.
    #[must_use]
    pub fn with_max_lag(mut self, entries: u64) -> Self {
        self.max_lag = Some(entries);
        self
    }

    /// Not ready while more facts than this wait in the recorder's queue.
    #[must_use]
    pub fn with_max_queued(mut self, facts: u64) -> Self {
        self.max_queued = Some(facts);
        self
    }
}

/// A check of a program's own: a name, and what keeps the program from being ready.
#[derive(Clone)]
pub struct Check {
    name: String,
    look: Arc<dyn Fn() -> Result<String, String> + Send + Sync>,
}

impl Check {
    /// A check that looks and says how it is: `Ok` if that is well, `Err` if it is not. It must return at once.
    pub fn new(name: impl Into<String>, look: impl Fn() -> Result<String, String> + Send + Sync + 'static) -> Self {
        Check { name: name.into(), look: Arc::new(look) }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Check").field(&self.name).finish()
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) ok: bool,
    /// How it is, in words. Only for those who may read the log, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}

impl Found {
    fn new(name: &str, how: Result<String, String>) -> Self {
        Found { name: name.to_owned(), ok: how.is_ok(), detail: Some(how.unwrap_or_else(|why| why)) }
    }
}

/// The checks, and what they found the last time.
pub(crate) struct Watch {
    readiness: Readiness,
    checks: Vec<Check>,
    last: Mutex<Option<(Instant, Arc<[Found]>)>>,
}

impl Watch {
    pub(crate) fn new(readiness: Readiness, checks: Vec<Check>) -> Self {
        Watch { readiness, checks, last: Mutex::new(None) }
    }

    /// What is found now, or was a moment ago. Whoever asks meanwhile waits for the same look.
    pub(crate) async fn look(&self, state: &State) -> Arc<[Found]> {
        let mut last = self.last.lock().await;
        if let Some((at, found)) = &*last
            && at.elapsed() < FRESH
        {
            return Arc::clone(found);
        }
        let found = self.look_now(state).await;
        *last = Some((Instant::now(), Arc::clone(&found)));
        found
    }

    async fn look_now(&self, state: &State) -> Arc<[Found]> {
        let mut found = vec![Found::new("log", can_be_read(state.log()).await)];
        if let Some(startup) = state.scans.verdict() {
            found.push(Found::new("startup", startup));
        }
        if let crate::Source::Recorder(recorder) = &state.source {
            found.push(Found::new("recorder", records(&recorder.health())));
            let queued = recorder.state().queued;
            let most = self.readiness.max_queued;
            let how = format!("{queued} facts wait");
            found.push(Found::new(
                "queue",
                match most {
                    Some(most) if queued > most => Err(format!("{how}, more than {most}")),
                    _ => Ok(how),
                },
            ));
        }
        if let Some(spool) = state.source.metrics().spool {
            let away = if spool.stalled { ", and the remote log cannot be reached" } else { "" };
            let how = format!("{} facts wait{away}", spool.facts);
            found.push(Found::new(
                "spool",
                match self.readiness.max_spooled {
                    Some(most) if spool.facts > most => Err(format!("{how}: more than {most}")),
                    _ => Ok(how),
                },
            ));
        }
        if let Some(most) = self.readiness.max_lag {
            found.push(Found::new("groups", keep_up(state.log(), most).await));
        }
        found.extend(self.checks.iter().map(|check| Found::new(&check.name, (check.look)())));
        found.into()
    }
}

/// Looks at the end of the log, which is never a scan.
async fn can_be_read(log: &Log) -> Result<String, String> {
    let mut newest = Vec::new();
    for place in Places::of(log).0 {
        let position = tokio::time::timeout(PATIENCE, place.log.last_position()).await;
        match position.map_err(|_| format!("{} did not answer within {PATIENCE:?}", place.log.address()))? {
            Ok(Some(position)) => newest.push(position.to_string()),
            Ok(None) => {}
            // What cannot be read may well be written to.
            Err(error) if error.kind() == ErrorKind::Unsupported => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(if newest.is_empty() {
        "nothing is recorded yet".to_owned()
    } else {
        format!("read up to {}", newest.join(", "))
    })
}

/// Whether every consumer group keeps up.
async fn keep_up(log: &Log, most: u64) -> Result<String, String> {
    let asked = tokio::time::timeout(PATIENCE, Groups::of(log)).await;
    let groups = match asked.map_err(|_| format!("the groups did not answer within {PATIENCE:?}"))? {
        Ok(groups) => groups.groups,
        Err(error) => return Err(error.to_string()),
    };
    let slow = groups.iter().find(|group| group.lag.is_none_or(|lag| lag > most));
    match slow {
        None => Ok(format!("{} groups keep up", groups.len())),
        Some(GroupFigures { group, kind, lag: Some(lag), .. }) => {
            Err(format!("the group {group} of {kind}s has {lag} entries before it, more than {most}"))
        }
        Some(GroupFigures { group, kind, .. }) => {
            Err(format!("nobody can tell the lag of the group {group} of {kind}s"))
        }
    }
}

fn records(health: &RecorderHealth) -> Result<String, String> {
    match health {
        RecorderHealth::Ok => Ok("facts are written as they come".to_owned()),
        RecorderHealth::Degraded(error) => Err(format!("facts wait or are dropped: {error}")),
        RecorderHealth::Failed(error) => Err(format!("nothing is written any more: {error}")),
        RecorderHealth::Closed => Err("the recorder was shut down".to_owned()),
        other => Err(format!("{other:?}")),
    }
}
