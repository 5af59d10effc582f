//! The recorder: a queue and a writer in front of a log, so that actors never wait for storage.

use std::{
    sync::Arc,
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::{Fact, Log, Position, RecorderState, Result};

mod batch;
mod builder;
mod drops;
mod ending;
mod flight;
mod health;
mod partly;
mod queue;
mod room;
mod state;
mod writer;

pub(crate) use builder::Source;
pub use builder::{RecorderBuilder, RecorderSource};
pub use health::{RecorderHealth, ShutdownReport};

/// What actors hold to record facts. Cheap to clone; all clones are the same recorder.
///
/// Facts wait in a queue that is bounded by bytes; a thread with a runtime of its own writes what has queued up as one
/// batch. If there is no room, the newest fact is dropped and counted. Once there is room again an event `FactsDropped`
/// of the address `papyra://log` stands in the log where the first of them would have stood, and says how many they
/// were, of which kinds and when.
///
/// Facts in the queue are lost when the process is killed, aborts or calls [`std::process::exit`]: call
/// [`shutdown`](Recorder::shutdown) before. Dropping the last handle shuts down too, within the builder's
/// [`drop_timeout`](RecorderBuilder::drop_timeout): it holds up its thread for that long if the disk hangs, within a
/// runtime as well as outside.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use papyra::{Event, Log, Recorder};
/// let recorder = Recorder::start(Log::memory())?;
/// recorder.record(Event::new("orders://worker/3", "ActorStarted"));
/// recorder.flush().await?;
/// assert_eq!(recorder.log().last_position().await?.map(|last| last.to_string()), Some("1".to_owned()));
/// let report = recorder.shutdown(std::time::Duration::from_secs(5)).await;
/// assert_eq!((report.written, report.dropped), (1, 0));
/// # Ok::<(), papyra::Error>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Recorder(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    queue: Arc<queue::Queue>,
    writer: ThreadId,
    drop_timeout: Duration,
}

impl Recorder {
    /// Starts recording into a log, with the usual settings.
    ///
    /// # Errors
    /// `Io` if the system has no thread to give.
    pub fn start(log: Log) -> Result<Recorder> {
        Recorder::builder(log).start()
    }

    /// A recorder with other settings, for a [`Log`] or for the address of one.
    pub fn builder(source: impl Into<RecorderSource>) -> RecorderBuilder {
        RecorderBuilder::new(source.into())
    }

    /// Records a fact, or drops and counts it. From any thread, from `Drop` handlers and panic hooks, after the host's
    /// runtime has ended: it never blocks, fails or panics. Facts of one thread stand in the log in their order.
    pub fn record(&self, fact: impl Into<Fact>) {
        self.0.queue.offer(fact.into());
    }

    /// Records a fact and waits: for room in the queue, then until the log has acknowledged it.
    ///
    /// # Errors
    /// The log's error if it cannot be written to; the fact is not tried again, and
    /// [`Error::outcome`](crate::Error::outcome) says whether it may nevertheless be in the log. `Invalid` if no log
    /// may hold it. `Closed` if the recorder was shut down or has failed.
    ///
    /// # Durability
    /// When it returns a position, the log's configured durability holds.
    ///
    /// # Cancel safety
    /// Dropping the future before the fact is queued records nothing; afterwards the fact is written all the same.
    pub async fn record_durable(&self, fact: impl Into<Fact>) -> Result<Position> {
        let answer = self.0.queue.enlist(fact.into()).await?;
        answer.await.unwrap_or_else(|_| Err(health::unanswered()))
    }

    /// Waits until everything recorded before is acknowledged; what was dropped is not waited for.
    ///
    /// # Errors
    /// The log's error if it cannot be written to; unless the recorder has failed, the facts stay queued and are tried
    /// again. `Closed` if the recorder was shut down or has failed.
    ///
    /// # Durability
    /// When it returns `Ok`, the log's configured durability holds for all these facts.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn flush(&self) -> Result<()> {
        let answer = self.0.queue.mark()?;
        answer.await.unwrap_or_else(|_| Err(health::unanswered()))
    }

    /// Takes no more facts, writes what is queued, and closes the log. It returns when that is done or the time is
    /// over, even if the disk hangs; what is not acknowledged by then counts as dropped. It needs no timer of the
    /// caller's runtime.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the shutdown under way.
    pub async fn shutdown(&self, timeout: Duration) -> ShutdownReport {
        let give_up = Instant::now().checked_add(timeout);
        let queue = &self.0.queue;
        queue.begin_closing(give_up);
        if !queue.has_ended() {
            let (done, over) = oneshot::channel();
            let waiting = Arc::clone(queue);
            let thread = thread::Builder::new().name("papyra-shutdown".to_owned()).spawn(move || {
                waiting.wait_for_end(give_up);
                // Nobody need be there any more.
                let _ = done.send(());
            });
            match thread {
                Ok(_) => drop(over.await),
                // The system has no thread to give: then this one waits.
                Err(_) => queue.wait_for_end(give_up),
            }
        }
        queue.report()
    }

    /// How many facts wait and how many were dropped, for an [`Audit`](crate::Audit).
    pub fn state(&self) -> RecorderState {
        self.0.queue.snapshot()
    }

    /// The counters and latencies of the log and of this recorder, with what waits in the queue now.
    pub fn metrics(&self) -> crate::MetricsSnapshot {
        crate::MetricsSnapshot { queued: self.state().queued, ..self.log().metrics() }
    }

    /// How the recorder is.
    pub fn health(&self) -> RecorderHealth {
        self.0.queue.health()
    }

    /// The log that it records into.
    pub fn log(&self) -> &Log {
        &self.0.queue.log
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // After a shutdown whose time was over, nothing is waited for a second time.
        let give_up = self.queue.begin_closing(Instant::now().checked_add(self.drop_timeout));
        // A backend that holds a recorder may drop it on the very thread that would have to be waited for.
        if thread::current().id() != self.writer {
            self.queue.wait_for_end(give_up);
        }
    }
}
