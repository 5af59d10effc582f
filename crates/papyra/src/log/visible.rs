//! A read under a retention: what stays is decided from the newest entry back.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use futures_core::Stream;

use crate::{Cut, Entry, EntryStream, Log, Order, ReadOptions, Result};

/// Newest first, one pass decides and gives. Oldest first, a first pass decides where the rules cut, a second one gives.
pub(super) struct Visible {
    log: Log,
    options: ReadOptions,
    cut: Cut,
    entries: EntryStream,
    pass: Pass,
    skipped: Arc<AtomicU64>,
    overtaken: Arc<AtomicBool>,
}

#[derive(Clone, Copy, PartialEq)]
enum Pass {
    /// Entries come newest first; each is decided.
    Deciding,
    /// Entries come oldest first; where the rules cut is known.
    Giving,
}

impl Visible {
    pub(super) fn read(log: Log, options: ReadOptions) -> EntryStream {
        // What stays depends on every newer entry, whatever was asked for: selection comes after.
        let entries = log.backend.read(ReadOptions::newest_first());
        let cut = log.retention.cut(log.clock.now());
        let (skipped, overtaken) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let told = (Arc::clone(&skipped), Arc::clone(&overtaken));
        let pass = Pass::Deciding;
        let visible = Visible { log, options, cut, entries, pass, skipped: told.0, overtaken: told.1 };
        EntryStream::with_skipped(visible, skipped).with_overtaken(overtaken)
    }

    /// What becomes of an entry; `None` if it is not given out.
    fn decide(&mut self, entry: Entry) -> Option<Entry> {
        let given = match (self.pass, self.options.order) {
            (Pass::Deciding, Order::NewestFirst) => {
                self.cut.keeps(&entry)
                    && self.options.after.is_none_or(|after| entry.position > after)
                    && self.options.selects(&entry.fact)
            }
            (Pass::Deciding, Order::OldestFirst) => {
                self.cut.keeps(&entry);
                false
            }
            (Pass::Giving, _) => self.cut.stays(&entry),
        };
        given.then_some(entry)
    }
}

impl Stream for Visible {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            let decided = this.pass == Pass::Deciding && this.cut.is_closed();
            let next = if decided { None } else { ready!(Pin::new(&mut this.entries).poll_next(cx)) };
            this.skipped.store(this.entries.skipped(), Ordering::Relaxed);
            this.overtaken.store(this.entries.is_overtaken(), Ordering::Relaxed);
            match next {
                Some(Ok(entry)) => {
                    if let Some(entry) = this.decide(entry) {
                        return Poll::Ready(Some(Ok(entry)));
                    }
                }
                None if this.pass == Pass::Deciding && this.options.order == Order::OldestFirst => {
                    this.pass = Pass::Giving;
                    this.entries = this.log.backend.read(this.options.clone());
                }
                over => return Poll::Ready(over),
            }
        }
    }
}
