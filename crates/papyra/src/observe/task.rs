//! Plain tasks, observed like actors: they start, stop, crash, and come again under the same name.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    thread,
};

use tokio::task::JoinHandle;

use super::{
    Crash, Life, Observation, Restart,
    caught::{catch, take_last_panic},
};
use crate::ActorAddress;

impl Observation {
    /// Spawns a task whose life is recorded, on the tokio runtime that is there. Output, panics and abortion come to the
    /// `JoinHandle` as if nobody had observed it. An aborted task stops with the reason `aborted`.
    ///
    /// A name tells one task that may come again; give tasks that run side by side a name each.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// # use papyra::{Log, Recorder, observe::Observation};
    /// # let recorder = Recorder::start(Log::memory())?;
    /// # let observation = Observation::of(&recorder).start();
    /// let importer = observation.spawn("importer", async { 6 * 7 });
    /// assert_eq!(importer.await?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// As [`tokio::spawn`] does, without a runtime.
    pub fn spawn<F>(&self, name: &str, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tokio::spawn(self.task(name).around(future))
    }

    /// A task of this name that is about to start, in a way of its own: on a `LocalSet` or a `JoinSet`, on another runtime
    /// or none.
    pub fn task(&self, name: &str) -> Task {
        Task { life: self.begin(name) }
    }
}

/// A task that is about to start.
#[derive(Debug)]
#[must_use = "a task that nothing is done with has no start on record"]
pub struct Task {
    life: Life,
}

impl Task {
    /// Says whose child it is.
    pub fn parent(mut self, parent: &ActorAddress) -> Self {
        self.life.set_parent(parent.as_str().map(str::to_owned));
        self
    }

    /// Starts it as this future, to be spawned by the caller. A future that is dropped before it is finished stops with
    /// the reason `aborted`.
    pub fn around<F: Future>(self, future: F) -> ObservedTask<F> {
        ObservedTask { future: Box::pin(future), guard: self.guard(), error_of: |_| None }
    }

    /// The same as [`around`](Task::around), but an `Err` is a crash and not a stop.
    pub fn around_fallible<F, T, E>(self, future: F) -> ObservedTask<F>
    where
        F: Future<Output = Result<T, E>>,
        E: fmt::Display,
    {
        let error_of = |output: &Result<T, E>| output.as_ref().err().map(E::to_string);
        ObservedTask { future: Box::pin(future), guard: self.guard(), error_of }
    }

    /// Starts it as a guard: the task lives as long as that.
    pub fn guard(self) -> TaskGuard {
        let mut life = self.life;
        life.started();
        if life.generation() > 1 {
            life.restarted(Restart::default());
        }
        TaskGuard { life: Some(life) }
    }
}

/// A task from its start to its end, for code that is spawned or driven by others: a thread, an actor of a framework that
/// Papyra has no adapter for. Dropped, the task has stopped without a reason; dropped by a panic, it has crashed.
#[derive(Debug)]
#[must_use = "the task ends when its guard is dropped"]
pub struct TaskGuard {
    life: Option<Life>,
}

impl TaskGuard {
    /// The task stops, for this reason.
    pub fn stopped(mut self, reason: &str) {
        self.end(|life| life.stopped(Some(reason)));
    }

    /// The task ends with an error.
    pub fn crashed(mut self, crash: &Crash) {
        self.end(|life| life.crashed(crash));
    }

    fn end(&mut self, end: impl FnOnce(Life)) {
        if let Some(life) = self.life.take() {
            end(life);
        }
    }
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        self.end(|life| {
            if !thread::panicking() {
                return life.stopped(None);
            }
            // Only a hook has heard its text; those who catch it will, when it is too late to ask them.
            match take_last_panic() {
                Some(panic) => life.crashed(&Crash::panic(panic.text).at(panic.location)),
                None => life.crashed(&Crash::panic("a panic whose text only a panic hook could tell")),
            }
        });
    }
}

/// A future whose life is recorded; see [`Task::around`].
#[must_use = "futures do nothing unless polled"]
pub struct ObservedTask<F: Future> {
    future: Pin<Box<F>>,
    guard: TaskGuard,
    error_of: fn(&F::Output) -> Option<String>,
}

impl<F: Future> Future for ObservedTask<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        match catch(|| this.future.as_mut().poll(context)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => {
                // The error's own code makes the text; a panic in it is not the task's.
                let error = catch(|| (this.error_of)(&output));
                let error = error.unwrap_or_else(|_| Some("an error whose text cannot be had".to_owned()));
                this.guard.end(|life| match error {
                    None => life.stopped(None),
                    Some(error) => life.crashed(&Crash::error(error)),
                });
                Poll::Ready(output)
            }
            Err(caught) => {
                this.guard.end(|life| life.crashed(&caught.crash()));
                caught.resume()
            }
        }
    }
}

impl<F: Future> Drop for ObservedTask<F> {
    fn drop(&mut self) {
        self.guard.end(|life| life.stopped(Some("aborted")));
    }
}

impl<F: Future> fmt::Debug for ObservedTask<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ObservedTask").field(&self.guard).finish()
    }
}
