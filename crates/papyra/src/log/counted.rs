//! A read whose entries are counted.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use futures_core::Stream;

use crate::{Entry, EntryStream, Metrics, Result};

/// The entries of a read on their way to the caller.
pub(super) struct Counted {
    entries: EntryStream,
    metrics: Arc<Metrics>,
    skipped: Arc<AtomicU64>,
}

impl Counted {
    pub(super) fn read(entries: EntryStream, metrics: Arc<Metrics>) -> EntryStream {
        let (skipped, overtaken) = (Arc::default(), entries.shared_overtaken());
        let counted = Counted { entries, metrics, skipped: Arc::clone(&skipped) };
        EntryStream::with_skipped(counted, skipped).with_overtaken(overtaken)
    }
}

impl Stream for Counted {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.entries).poll_next(cx);
        match &polled {
            Poll::Ready(Some(Ok(_))) => this.metrics.entries_read.add(1),
            Poll::Ready(Some(Err(_))) => this.metrics.read_errors.add(1),
            _ => {}
        }
        let skipped = this.entries.skipped();
        let before = this.skipped.swap(skipped, Ordering::Relaxed);
        if skipped > before {
            this.metrics.entries_skipped.add(skipped - before);
        }
        polled
    }
}
