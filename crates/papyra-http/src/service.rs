//! The service: a log or a recorder, and how it may be asked.

use std::{fmt, sync::Arc, time::Instant};

use axum::{Router, middleware::from_fn_with_state};
use papyra::{Log, MetricsSnapshot, Recorder, StartupReport};
use tokio::sync::Semaphore;

use crate::{
    Limits,
    access::{self, Access},
    api, assets,
    exposition::Exposition,
    live, probes,
    readiness::{Check, Readiness, Watch},
    scans::Scans,
};

/// What a [`Service`] shows: a log, or a recorder with its log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Source {
    /// A log that somebody else writes to. Counters are those of this process, which only reads.
    Log(Box<Log>),
    /// The recorder of this process.
    Recorder(Recorder),
}

impl Source {
    pub(crate) fn log(&self) -> &Log {
        match self {
            Source::Log(log) => log,
            Source::Recorder(recorder) => recorder.log(),
        }
    }

    pub(crate) fn metrics(&self) -> MetricsSnapshot {
        match self {
            Source::Log(log) => log.metrics(),
            Source::Recorder(recorder) => recorder.metrics(),
        }
    }
}

impl From<Log> for Source {
    fn from(log: Log) -> Self {
        Source::Log(Box::new(log))
    }
}

impl From<Recorder> for Source {
    fn from(recorder: Recorder) -> Self {
        Source::Recorder(recorder)
    }
}

/// The HTTP service of a log. Cheap to clone before it serves; its routers share what it knows.
#[derive(Clone)]
pub struct Service {
    source: Source,
    name: String,
    pub(crate) access: Access,
    pub(crate) limits: Limits,
    readiness: Readiness,
    checks: Vec<Check>,
    startup: Option<StartupReport>,
    pub(crate) scans_first: bool,
}

impl Service {
    /// The service of a log or a recorder.
    pub fn of(source: impl Into<Source>) -> Self {
        Service {
            source: source.into(),
            name: "papyra".to_owned(),
            access: Access::default(),
            limits: Limits::default(),
            readiness: Readiness::default(),
            checks: Vec::new(),
            startup: None,
            scans_first: false,
        }
    }

    /// Names the log in metrics, where those of many programs meet; `papyra` unless said otherwise.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Wants this token of whoever asks for metrics or facts, as `Authorization: Bearer …`. Without any, whoever reaches the
    /// address is answered, and counters cannot be reset.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.access = self.access.with_token(token);
        self
    }

    /// Answers requests that call this server by such a name, beside those that call it by an IP address or `localhost`.
    #[must_use]
    pub fn allow_host(mut self, name: &str) -> Self {
        self.access = self.access.allow_host(name);
        self
    }

    /// Lets [`listen`](crate::listen) take an address that others reach although there is no token: for a network that is
    /// closed by other means.
    #[must_use]
    pub fn open_to_all(mut self) -> Self {
        self.access.is_open_to_all = true;
        self
    }

    /// Says what requests may cost.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Says what keeps the service from being ready.
    #[must_use]
    pub fn with_readiness(mut self, readiness: Readiness) -> Self {
        self.readiness = readiness;
        self
    }

    /// Adds a check of the program's own to what `/readyz` looks at. It must be cheap: it is asked up to once a second.
    #[must_use]
    pub fn with_check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// Tells what the startup check came to, so that `/readyz` knows. Later scans take its place.
    #[must_use]
    pub fn with_startup(mut self, report: StartupReport) -> Self {
        self.startup = Some(report);
        self
    }

    /// Lets [`serve`](crate::serve) scan the log once when it begins, so that `/readyz` knows whether it is sound. Until then it is not ready.
    #[must_use]
    pub fn scan_first(mut self) -> Self {
        self.scans_first = true;
        self
    }

    /// The router, to be served or mounted at any path.
    pub fn router(&self) -> Router {
        self.routes().0
    }

    /// The router, and what stands behind it.
    pub(crate) fn routes(&self) -> (Router, Arc<State>) {
        let state = Arc::new(State {
            source: self.source.clone(),
            name: self.name.clone(),
            exposition: Exposition::new(&self.name, self.source.log().backend().name()),
            access: self.access.clone(),
            limits: self.limits,
            reads: Semaphore::new(self.limits.reads),
            followers: Arc::new(Semaphore::new(self.limits.followers)),
            scans: Scans::new(self.startup.as_ref(), self.source.log().now()),
            watch: Watch::new(self.readiness.clone(), self.checks.clone()),
            began: Instant::now(),
        });
        let router = Router::new()
            .merge(probes::routes())
            .merge(assets::routes())
            .merge(api::routes().merge(live::routes()).layer(from_fn_with_state(Arc::clone(&state), access::admit)))
            .layer(from_fn_with_state(Arc::clone(&state), access::pass))
            .with_state(Arc::clone(&state));
        (router, state)
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("log", &self.source.log().address()).finish_non_exhaustive()
    }
}

/// What stands behind a router.
pub(crate) struct State {
    pub(crate) source: Source,
    pub(crate) name: String,
    pub(crate) exposition: Exposition,
    pub(crate) access: Access,
    pub(crate) limits: Limits,
    /// Room for requests that read the log.
    pub(crate) reads: Semaphore,
    /// Room for connections that follow it.
    pub(crate) followers: Arc<Semaphore>,
    pub(crate) scans: Scans,
    pub(crate) watch: Watch,
    pub(crate) began: Instant,
}

impl State {
    pub(crate) fn log(&self) -> &Log {
        self.source.log()
    }
}
