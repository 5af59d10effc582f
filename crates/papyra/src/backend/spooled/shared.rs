//! What those who append and the shipper share.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    sync::{Notify, RwLock, watch},
    time::Instant,
};

use super::{SpoolConfig, cursor::Cursor, edition::Edition, shipper, stop::Stop};
use crate::{Appended, Backend, Backlog, Error, ErrorKind, Fact, Position, Result, shipping::Shipping};

/// Whether this process writes to the spool.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// Nobody has appended yet.
    Idle,
    /// The shipper's thread is about to open it.
    Opening,
    /// It is open, in this edition.
    Open(Arc<Edition>),
    /// It could not be opened; the next append tries again.
    Failed(Error),
    /// It was closed, perhaps with an error.
    Closed(Option<Error>),
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) remote: Arc<dyn Backend>,
    pub(super) config: SpoolConfig,
    pub(super) phase: watch::Sender<Phase>,
    pub(super) stop: watch::Sender<Stop>,
    /// Appends hold it together; whoever exchanges the edition holds it alone.
    pub(super) gate: RwLock<()>,
    /// Wakes the shipper.
    pub(super) work: Notify,
    /// An append was let go of before it was answered: what is synced must be looked for.
    pub(super) uncertain: AtomicBool,
    state: Mutex<State>,
}

/// Figures of an open spool.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// The number of the last line that is synced.
    pub(super) synced: u64,
    pub(super) cursor: Cursor,
    /// How many bytes of the file lie before the first line that waits.
    pub(super) offset: u64,
    /// When the first of those that wait happened.
    pub(super) oldest: Option<f64>,
    /// The last attempt to ship failed.
    pub(super) stalled: bool,
    /// The highest id of the remote log that was seen.
    pub(super) seen: (u64, u64),
}

impl Shared {
    pub(super) fn new(remote: Arc<dyn Backend>, config: SpoolConfig) -> Self {
        Shared {
            remote,
            config,
            phase: watch::Sender::new(Phase::Idle),
            stop: watch::Sender::new(Stop::Never),
            gate: RwLock::new(()),
            work: Notify::new(),
            uncertain: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Each change is whole: a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The side that is shipped to.
    pub(super) fn shipping(&self) -> Result<&dyn Shipping> {
        self.remote.shipping().ok_or_else(|| Error::unsupported(self.remote.name(), "shipping"))
    }

    /// The open edition; the first call opens the spool.
    async fn opened(self: &Arc<Self>) -> Result<Arc<Edition>> {
        let mut phases = self.phase.subscribe();
        let mut waited = false;
        loop {
            let phase = phases.borrow_and_update().clone();
            match phase {
                Phase::Open(edition) => return Ok(edition),
                Phase::Closed(_) => return Err(self.closed()),
                Phase::Failed(error) if waited => return Err(error),
                Phase::Opening => {
                    waited = true;
                    if phases.changed().await.is_err() {
                        return Err(self.closed());
                    }
                }
                Phase::Idle | Phase::Failed(_) => {
                    let first = self.phase.send_if_modified(|phase| {
                        let first = matches!(phase, Phase::Idle | Phase::Failed(_));
                        if first {
                            *phase = Phase::Opening;
                        }
                        first
                    });
                    waited = true;
                    if first && let Err(error) = shipper::start(Arc::clone(self)) {
                        self.phase.send_replace(Phase::Failed(error));
                    }
                }
            }
        }
    }

    fn closed(&self) -> Error {
        Error::new(ErrorKind::Closed, format!("the spool `{}` is closed", self.config.path.display()))
    }

    pub(super) async fn append(self: &Arc<Self>, facts: &[Fact]) -> Result<Appended> {
        let _gate = self.gate.read().await;
        let edition = self.opened().await?;
        self.must_have_room(&edition, facts)?;
        let unanswered = Unanswered(self);
        let appended = edition.log.append(facts).await;
        std::mem::forget(unanswered);
        let mut appended = appended?;
        let mut state = self.state();
        let seen = Position::from_pair(state.seen.0, state.seen.1);
        let remarks = appended.remarks.iter_mut().map(|remark| &mut remark.position);
        for position in remarks.chain(&mut appended.positions) {
            let seq = position.seq().unwrap_or_default();
            state.synced = state.synced.max(seq);
            *position = seen.with_spooled(seq);
        }
        drop(state);
        self.work.notify_one();
        Ok(appended)
    }

    fn must_have_room(&self, edition: &Edition, facts: &[Fact]) -> Result<()> {
        let bytes: u64 = facts.iter().map(|fact| fact.estimated_bytes() as u64).sum();
        let (held, most) = (edition.bytes(), self.config.max_bytes);
        if facts.is_empty() || held.saturating_add(bytes) <= most {
            return Ok(());
        }
        let backlog = self.backlog_of(edition);
        // What was shipped is dropped now, if that helps.
        self.work.notify_one();
        let path = self.config.path.display();
        Err(Error::new(
            ErrorKind::Unavailable,
            format!(
                "the spool `{path}` is full: {} facts in {} bytes wait for `{}`",
                backlog.facts,
                backlog.bytes,
                self.remote.address()
            ),
        )
        .with_cure(
            "look why the remote log does not take them (`papyra doctor run`), or raise the spool's `max_bytes`",
        ))
    }

    /// Ends shipping and closes the spool.
    pub(super) async fn close(&self) -> Result<()> {
        let mut phases = self.phase.subscribe();
        loop {
            let phase = phases.borrow_and_update().clone();
            match phase {
                Phase::Closed(None) => return Ok(()),
                Phase::Closed(Some(error)) => return Err(error),
                Phase::Idle | Phase::Failed(_) => {
                    self.phase.send_if_modified(|phase| {
                        let idle = matches!(phase, Phase::Idle | Phase::Failed(_));
                        if idle {
                            *phase = Phase::Closed(None);
                        }
                        idle
                    });
                }
                Phase::Open(_) => {
                    let by = Stop::By(Instant::now() + self.config.close_timeout);
                    self.stop.send_if_modified(|stop| {
                        let first = *stop == Stop::Never;
                        if first {
                            *stop = by;
                        }
                        first
                    });
                    self.wait(&mut phases).await?;
                }
                Phase::Opening => self.wait(&mut phases).await?,
            }
        }
    }

    async fn wait(&self, phases: &mut watch::Receiver<Phase>) -> Result<()> {
        phases.changed().await.map_err(|_| self.closed())
    }

    /// Nobody holds the log any more.
    pub(super) fn abandon(&self) {
        self.stop.send_replace(Stop::Now);
    }

    /// The edition that this process writes to.
    pub(super) fn current(&self) -> Option<Arc<Edition>> {
        match &*self.phase.borrow() {
            Phase::Open(edition) => Some(Arc::clone(edition)),
            _ => None,
        }
    }

    /// The edition to look at, and how far it was shipped: the one that this process writes to, or what stands on disk. `None`
    /// if there is no spool yet.
    pub(super) fn edition(&self) -> Result<Option<(Arc<Edition>, Cursor)>> {
        if let Some(edition) = self.current() {
            return Ok(Some((edition, self.state().cursor.clone())));
        }
        let Some(number) = Edition::newest(&self.config.path)? else { return Ok(None) };
        let (edition, cursor) = Edition::at(&self.config, number)?;
        Ok(Some((Arc::new(edition), cursor)))
    }

    pub(super) fn backlog(&self) -> Option<Backlog> {
        let phase = self.phase.borrow().clone();
        match phase {
            Phase::Open(edition) => Some(self.backlog_of(&edition)),
            // What closing could not ship.
            Phase::Closed(_) if self.state().cursor.writer.is_empty() => None,
            Phase::Closed(_) => self.edition().ok().flatten().map(|(edition, _)| self.backlog_of(&edition)),
            Phase::Idle | Phase::Opening | Phase::Failed(_) => None,
        }
    }

    fn backlog_of(&self, edition: &Edition) -> Backlog {
        let state = self.state().clone();
        let facts = state.synced.saturating_sub(state.cursor.seq);
        Backlog {
            facts,
            bytes: if facts == 0 { 0 } else { edition.bytes().saturating_sub(state.offset) },
            oldest: state.oldest.filter(|_| facts > 0),
            shipped: state.cursor.shipped,
            lost: state.cursor.lost,
            stalled: state.stalled,
        }
    }

    /// Takes note of an id of the remote log.
    pub(super) fn saw(&self, position: Position) {
        if let Some(id) = position.pair() {
            let mut state = self.state();
            state.seen = state.seen.max(id);
        }
    }
}

/// An append on its way: if it is let go of, its facts are written all the same, and nobody hears their numbers.
struct Unanswered<'a>(&'a Arc<Shared>);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        self.0.uncertain.store(true, Ordering::SeqCst);
        self.0.work.notify_one();
    }
}
