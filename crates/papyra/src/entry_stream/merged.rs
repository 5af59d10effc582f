//! Several reads as one: entries by time, those of one read in their own order.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use futures_core::Stream;

use crate::{Entry, EntryStream, Error, ErrorKind, Order, Result};

/// Entries of the same moment come in the order of the reads, or the other way round if the newest come first. No read is
/// asked for more than one entry ahead.
struct Merged {
    reads: Vec<Read>,
    order: Order,
    /// Nothing is given before every read has told its next entry. Else whatever is there is given at once.
    waits: bool,
    /// Some read was of a log that is there.
    found: bool,
    missing: Option<Error>,
    skipped: Arc<AtomicU64>,
    overtaken: Arc<AtomicBool>,
}

struct Read {
    entries: EntryStream,
    next: Option<Entry>,
    over: bool,
}

impl EntryStream {
    /// Several reads in this order as one. The first error of a read ends that read only. That some logs are missing is no
    /// error as long as one is there.
    pub(crate) fn merged(mut reads: Vec<EntryStream>, order: Order) -> Self {
        match reads.pop() {
            Some(only) if reads.is_empty() => only,
            last => Merged::of(reads.into_iter().chain(last), order, true),
        }
    }

    /// Reads that never end as one: an entry is given when it comes.
    pub(crate) fn interleaved(reads: Vec<EntryStream>) -> Self {
        Merged::of(reads, Order::OldestFirst, false)
    }
}

impl Merged {
    fn of(reads: impl IntoIterator<Item = EntryStream>, order: Order, waits: bool) -> EntryStream {
        let reads = reads.into_iter().map(|entries| Read { entries, next: None, over: false }).collect();
        let (skipped, overtaken) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let told = (Arc::clone(&skipped), Arc::clone(&overtaken));
        let merged = Merged { reads, order, waits, found: false, missing: None, skipped: told.0, overtaken: told.1 };
        EntryStream::with_skipped(merged, skipped).with_overtaken(overtaken)
    }

    /// The read whose entry is to be given next.
    fn first(&mut self) -> Option<&mut Read> {
        let at = |read: &Read| read.next.as_ref().map_or(f64::NAN, |entry| entry.fact.timestamp().seconds());
        let ready = self.reads.iter_mut().filter(|read| read.next.is_some());
        // Of equals `min_by` takes the first, and `max_by` the last.
        match self.order {
            Order::OldestFirst => ready.min_by(|a, b| at(a).total_cmp(&at(b))),
            Order::NewestFirst => ready.max_by(|a, b| at(a).total_cmp(&at(b))),
        }
    }
}

impl Stream for Merged {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let mut pending = false;
        let mut failed = None;
        for read in this.reads.iter_mut().filter(|read| !read.over && read.next.is_none()) {
            match Pin::new(&mut read.entries).poll_next(cx) {
                Poll::Pending => pending = true,
                Poll::Ready(Some(Ok(entry))) => (read.next, this.found) = (Some(entry), true),
                Poll::Ready(None) => (read.over, this.found) = (true, true),
                Poll::Ready(Some(Err(error))) => {
                    read.over = true;
                    if error.kind() == ErrorKind::NotFound {
                        this.missing = Some(error);
                    } else {
                        failed = Some(error);
                        break;
                    }
                }
            }
        }
        this.skipped.store(this.reads.iter().map(|read| read.entries.skipped()).sum(), Ordering::Relaxed);
        this.overtaken.store(this.reads.iter().any(|read| read.entries.is_overtaken()), Ordering::Relaxed);
        if let Some(error) = failed {
            this.found = true;
            return Poll::Ready(Some(Err(error)));
        }
        if pending && this.waits {
            return Poll::Pending;
        }
        match this.first().and_then(|read| read.next.take()) {
            Some(entry) => Poll::Ready(Some(Ok(entry))),
            None if pending => Poll::Pending,
            None if this.found => Poll::Ready(None),
            None => Poll::Ready(this.missing.take().map(Err)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, Position, Timestamp};

    fn read(name: &str, times: &[f64]) -> EntryStream {
        let entry = |(seq, at): (u64, &f64)| {
            let fact = Event::new(name, "E").at(Timestamp::from_seconds(*at).unwrap()).into();
            Ok(Entry::new(Position::from_seq(seq), fact, 1))
        };
        EntryStream::of((1..).zip(times).map(entry).collect::<Vec<_>>())
    }

    fn failed(kind: ErrorKind) -> EntryStream {
        EntryStream::failed(Error::new(kind, "x"))
    }

    async fn shown(mut entries: EntryStream) -> Vec<String> {
        let mut shown = Vec::new();
        while let Some(entry) = entries.next().await {
            shown.push(match entry {
                Ok(entry) => format!("{}{}", entry.fact.actor().unwrap(), entry.fact.timestamp().seconds()),
                Err(error) => format!("{:?}", error.kind()),
            });
        }
        shown
    }

    #[tokio::test]
    async fn entries_come_by_time_and_equals_in_the_order_of_the_reads() {
        let reads = vec![read("a", &[1.0, 3.0, 3.0]), read("b", &[2.0, 3.0, 4.0])];
        let all = shown(EntryStream::merged(reads, Order::OldestFirst)).await;
        assert_eq!(all, ["a1", "b2", "a3", "a3", "b3", "b4"]);
        let reads = vec![read("a", &[3.0, 3.0, 1.0]), read("b", &[4.0, 3.0, 2.0])];
        let back = shown(EntryStream::merged(reads, Order::NewestFirst)).await;
        assert_eq!(back, ["b4", "b3", "a3", "a3", "b2", "a1"]);
    }

    #[tokio::test]
    async fn the_order_of_each_read_is_kept_whatever_its_clock_said() {
        let reads = vec![read("a", &[5.0, 1.0, 6.0]), read("b", &[2.0, 7.0])];
        assert_eq!(shown(EntryStream::merged(reads, Order::OldestFirst)).await, ["b2", "a5", "a1", "a6", "b7"]);
    }

    #[tokio::test]
    async fn a_read_that_fails_is_told_of_once_and_ends_no_other() {
        let reads = vec![read("a", &[1.0, 2.0]), failed(ErrorKind::Io), read("c", &[1.5])];
        assert_eq!(shown(EntryStream::merged(reads, Order::OldestFirst)).await, ["Io", "a1", "c1.5", "a2"]);
        let reads = vec![failed(ErrorKind::Io), failed(ErrorKind::Permission)];
        assert_eq!(shown(EntryStream::merged(reads, Order::OldestFirst)).await, ["Io", "Permission"]);
    }

    #[tokio::test]
    async fn a_missing_log_is_an_error_only_if_all_are_missing() {
        let reads = vec![failed(ErrorKind::NotFound), read("a", &[])];
        assert!(shown(EntryStream::merged(reads, Order::OldestFirst)).await.is_empty());
        let reads = vec![failed(ErrorKind::NotFound), failed(ErrorKind::NotFound)];
        assert_eq!(shown(EntryStream::merged(reads, Order::OldestFirst)).await, ["NotFound"]);
    }

    #[tokio::test]
    async fn what_never_ends_holds_nothing_up() {
        struct Never;
        impl Stream for Never {
            type Item = Result<Entry>;
            fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
                Poll::Pending
            }
        }
        let mut entries = EntryStream::interleaved(vec![EntryStream::new(Never), read("a", &[1.0, 2.0])]);
        assert!(entries.next().await.unwrap().is_ok());
        assert!(entries.next().await.unwrap().is_ok());
    }
}
