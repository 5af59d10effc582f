//! The entries of a read.

mod merged;

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use futures_core::Stream;

use crate::{Entry, Error, Result};

/// The entries of a read, as a [`Stream`], with the count of damaged ones that were skipped.
pub struct EntryStream {
    entries: Pin<Box<dyn Stream<Item = Result<Entry>> + Send>>,
    skipped: Arc<AtomicU64>,
    overtaken: Arc<AtomicBool>,
}

impl EntryStream {
    /// A stream that skips nothing.
    pub fn new(entries: impl Stream<Item = Result<Entry>> + Send + 'static) -> Self {
        EntryStream::with_skipped(entries, Arc::default())
    }

    /// A stream that counts here what it skips.
    pub fn with_skipped(entries: impl Stream<Item = Result<Entry>> + Send + 'static, skipped: Arc<AtomicU64>) -> Self {
        EntryStream { entries: Box::pin(entries), skipped, overtaken: Arc::default() }
    }

    /// The same stream; whoever makes it says here that it [was overtaken](Self::is_overtaken).
    #[must_use]
    pub fn with_overtaken(mut self, overtaken: Arc<AtomicBool>) -> Self {
        self.overtaken = overtaken;
        self
    }

    /// Entries that are already at hand.
    pub fn of(entries: impl IntoIterator<Item = Result<Entry>, IntoIter: Send + 'static>) -> Self {
        EntryStream::new(Ready(entries.into_iter()))
    }

    /// A read that could not begin.
    pub fn failed(error: Error) -> Self {
        EntryStream::of([Err(error)])
    }

    /// The next entry; `None` at the end.
    ///
    /// # Cancel safety
    /// Dropping the future loses no entry.
    pub async fn next(&mut self) -> Option<Result<Entry>> {
        std::future::poll_fn(|cx| self.entries.as_mut().poll_next(cx)).await
    }

    /// All remaining entries.
    ///
    /// # Errors
    /// The first error ends the collection.
    pub async fn collect(mut self) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        while let Some(entry) = self.next().await {
            entries.push(entry?);
        }
        Ok(entries)
    }

    /// Damaged entries that were skipped so far: final once the stream has ended.
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    /// Whether a compaction was faster than this read so far: then facts that it dropped meanwhile may be missing between
    /// those that were given. Final once the stream has ended. A read that is newest first is never overtaken.
    pub fn is_overtaken(&self) -> bool {
        self.overtaken.load(Ordering::Relaxed)
    }

    /// Where it is told that the read was overtaken, for a stream around this one.
    pub(crate) fn shared_overtaken(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.overtaken)
    }
}

impl Stream for EntryStream {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.entries.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for EntryStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryStream").field("skipped", &self.skipped()).finish_non_exhaustive()
    }
}

struct Ready<I>(I);

// Nothing in it is ever pinned: the iterator is moved out of nowhere and called by plain reference.
impl<I> Unpin for Ready<I> {}

impl<I: Iterator> Stream for Ready<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.0.next())
    }
}
