//! The writer: a thread of its own with a runtime of its own, so that facts are written whatever becomes of the host's.

use std::{
    any::Any,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, mpsc},
    task::Poll,
    thread::{self, ThreadId},
    time::Duration,
};

use super::{
    batch::{Batch, Chunk},
    flight::Taken,
    queue::Queue,
};
use crate::{Error, ErrorKind, Outcome, Result};

/// The first wait before another try; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest wait before another try.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Starts the thread.
pub(super) fn start(queue: Arc<Queue>) -> Result<ThreadId> {
    let (ready, started) = mpsc::sync_channel(1);
    let cannot = |error| Error::new(ErrorKind::Io, "cannot start the recorder's thread").with_source(error);
    let thread = thread::Builder::new().name("papyra-recorder".to_owned());
    let thread = thread.spawn(move || {
        // The runtime is made here: one that is let go of within the host's runtime would panic.
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => {
                let _ = ready.send(Ok(()));
                drop(ready);
                work(&queue, &runtime);
                // Whatever the backend left on the runtime must not hold up the end of this thread.
                runtime.shutdown_background();
            }
            Err(error) => drop(ready.send(Err(error))),
        }
    });
    let thread = thread.map_err(cannot)?;
    match started.recv() {
        Ok(Ok(())) => Ok(thread.thread().id()),
        Ok(Err(error)) => Err(cannot(error)),
        Err(gone) => Err(Error::new(ErrorKind::Internal, "the recorder's thread ended at once").with_source(gone)),
    }
}

fn work(queue: &Queue, runtime: &tokio::runtime::Runtime) {
    let writer = Writer { queue, batch: Batch::default(), chunks: Vec::new() };
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| runtime.block_on(writer.run()))) {
        queue.fail(&panicked(&*panic));
        queue.end(false);
    }
}

struct Writer<'a> {
    queue: &'a Queue,
    batch: Batch,
    chunks: Vec<Chunk>,
}

impl Writer<'_> {
    async fn run(mut self) {
        if let Err(error) = self.write_all().await {
            self.batch.clear();
            self.queue.fail(&error);
            // The log stays open to others, and to the locks it holds, until the recorder is shut down.
            while !self.queue.is_closing() {
                self.queue.hurry.notified().await;
            }
        }
        let closed = guarded(self.queue.log.close()).await;
        if let Err(error) = &closed {
            let log = &self.queue.address;
            tracing::error!(target: "papyra", %log, %error, cure = error.cure(), "the recorder cannot close its log");
        }
        self.queue.end(closed.is_ok());
    }

    async fn write_all(&mut self) -> Result<()> {
        loop {
            match self.queue.take(&mut self.batch, &mut self.chunks) {
                Taken::Work => self.write().await?,
                Taken::Nothing => self.queue.work.notified().await,
                Taken::Over => return Ok(()),
            }
        }
    }

    /// Writes the batch, whole if the log takes it whole. An error means that nothing can be written any more.
    async fn write(&mut self) -> Result<()> {
        let mut most = usize::MAX;
        let mut pause = FIRST_PAUSE;
        while !self.batch.is_empty() {
            let facts = self.batch.next(most);
            let count = facts.len();
            match guarded(self.queue.log.append(facts)).await {
                Ok(appended) => {
                    self.queue.took(facts);
                    self.queue.written(self.batch.advance(count), &appended.positions);
                    pause = FIRST_PAUSE;
                    most = count.saturating_mul(2);
                }
                Err(error) if error.fates().is_some() => {
                    let fates = error.fates().into_iter();
                    most = fates.map(|fates| self.queue.partly(&mut self.batch, count, fates)).min().unwrap_or(most);
                }
                Err(error) if is_refusal(&error) => match count {
                    1 => self.queue.refused(self.batch.advance(1), &error),
                    // One of them is at fault: the others are not to suffer for it.
                    _ => most = count / 2,
                },
                Err(error) if may_pass(&error) => {
                    self.queue.put_off(self.batch.withdraw_durable(), &error);
                    // Nobody is left to try for: the next fact may try at once.
                    if self.batch.is_empty() {
                        break;
                    }
                    if !self.queue.pause(pause).await {
                        self.batch.clear();
                        self.queue.give_up();
                        return Ok(());
                    }
                    pause = if self.queue.is_closing() { FIRST_PAUSE } else { LONGEST_PAUSE.min(pause * 2) };
                }
                Err(error) => return Err(error),
            }
        }
        self.batch.clear();
        self.queue.landed();
        Ok(())
    }
}

/// Whether the log refuses these very facts.
fn is_refusal(error: &Error) -> bool {
    error.kind() == ErrorKind::Invalid && error.outcome() == Outcome::NotWritten
}

/// Whether the same facts may be appended again, with hope.
fn may_pass(error: &Error) -> bool {
    let hopeless = [ErrorKind::Closed, ErrorKind::Config, ErrorKind::Unsupported, ErrorKind::Internal];
    error.outcome() == Outcome::NotWritten && !hopeless.contains(&error.kind())
}

/// Does the backend's work; its panic becomes an error.
async fn guarded<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = pin!(work);
    poll_fn(|cx| {
        catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)))
            .unwrap_or_else(|panic| Poll::Ready(Err(panicked(&*panic))))
    })
    .await
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let message = format!("the log's backend panicked: {}", text.unwrap_or("no message"));
    Error::new(ErrorKind::Internal, message)
        .with_cure("this is a bug of Papyra or of the backend: report it, and open the log anew")
        .with_unknown_outcome()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_surely_not_written_is_tried_again() {
        for kind in [ErrorKind::Io, ErrorKind::Locked, ErrorKind::Unavailable, ErrorKind::Permission] {
            assert!(may_pass(&Error::new(kind, "x")));
            assert!(!may_pass(&Error::new(kind, "x").with_unknown_outcome()));
        }
        assert!(!may_pass(&Error::new(ErrorKind::Closed, "x")));
    }
}
