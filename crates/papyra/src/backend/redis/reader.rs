//! Reading: the streams of the wanted kinds as one, from either end, page by page.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use futures_core::Stream as Entries;

use super::{
    id::Id,
    judge::judge,
    keys::Stream,
    merge::Merge,
    server::Server,
    state::{Moment, State},
};
use crate::{Entry, EntryStream, Error, Origin, ReadOptions, Result, codec};

/// Entries that are handed over at once.
const CHUNK: usize = 64;

/// Seconds by which a clock of another program may be ahead of the server's. What we write ourselves is measured.
const MARGIN: f64 = 86_400.0;

/// A read of a log.
pub(super) fn read(server: Server, options: ReadOptions) -> EntryStream {
    let skipped = Arc::new(AtomicU64::new(0));
    let reader = Reader { server, options, merge: None, skipped: skipped.clone(), over: false };
    EntryStream::with_skipped(Chunks { ready: VecDeque::new(), reading: Reading::Idle(Box::new(reader)) }, skipped)
}

struct Reader {
    server: Server,
    options: ReadOptions,
    merge: Option<Merge>,
    skipped: Arc<AtomicU64>,
    over: bool,
}

impl Reader {
    /// Where to read. What is added later is not read.
    async fn begin(&mut self) -> Result<Merge> {
        let server = &self.server;
        let moment = Moment::of(server).await?;
        if let Some((_, error)) = moment.foreign.iter().find(|(stream, _)| self.is_wanted(*stream)) {
            return Err(error.clone());
        }
        let tops = Stream::ALL.map(|stream| (stream, moment.tops[stream.index()].map(|top| top.last)));
        let highest = tops.iter().filter_map(|(_, top)| *top).max().unwrap_or_default();
        let after = self.options.after.map(Id::from);
        if let (Some(after), Some(position)) = (after, self.options.after)
            && after > highest
        {
            return Err(Error::beyond_the_end(position, self.server.address(), highest));
        }
        let mut parts = Vec::new();
        for (stream, top) in tops {
            let Some(top) = top.filter(|_| self.is_wanted(stream)) else { continue };
            let mut from = after.map_or(Id::default(), Id::next);
            if let Some(since) = self.options.since {
                from = from.max(oldest(&moment.states[stream.index()], since));
            }
            // Of the highest possible id there is no next one, and nothing behind it.
            if after.is_none_or(|after| from > after) {
                parts.push((stream, from, top));
            }
        }
        Ok(Merge::new(self.options.order, parts))
    }

    fn is_wanted(&self, stream: Stream) -> bool {
        // An entry in the stream of another kind is damage, and skipped by whoever asks for its kind.
        self.options.kinds.is_empty() || self.options.kinds.iter().any(|kind| Stream::of(*kind) == stream)
    }

    /// The next entries; none at the end.
    async fn chunk(&mut self) -> Result<VecDeque<Entry>> {
        let mut merge = match self.merge.take() {
            Some(merge) => merge,
            None => self.begin().await?,
        };
        let mut chunk = VecDeque::new();
        while chunk.len() < CHUNK {
            let Some((_, raw)) = merge.next(&self.server).await? else {
                self.over = true;
                break;
            };
            let is = judge(&raw, false);
            let wanted = is.head().is_none_or(|(kind, timestamp)| {
                (self.options.kinds.is_empty() || self.options.kinds.contains(&kind))
                    && self.options.since.is_none_or(|since| timestamp >= since)
            });
            if !wanted {
                continue;
            }
            let bytes = raw.data().map_or(0, <[u8]>::len) as u64;
            match is.fact() {
                None => drop(self.skipped.fetch_add(1, Ordering::Relaxed)),
                Some(fact) if self.options.selects(&fact) => {
                    let mut entry = Entry::new(raw.id.into(), fact, bytes);
                    entry.origin = raw.data().and_then(origin);
                    chunk.push_back(entry);
                }
                Some(_) => {}
            }
        }
        self.merge = Some(merge);
        Ok(chunk)
    }
}

/// Who wrote a line, if it says so.
fn origin(line: &[u8]) -> Option<Origin> {
    let signature = codec::signature(line)?;
    let writer = uuid::Uuid::parse_str(signature.writer).ok()?;
    Some(Origin::new(writer.as_u128(), signature.seq))
}

/// The lowest id that a fact of this time can have: it was added at its time or later, or earlier by as much as facts were
/// ahead of the server's clock.
fn oldest(state: &State, since: f64) -> Id {
    let Some(ahead) = state.ahead else { return Id::default() };
    let ms = (since - ahead.max(MARGIN)) * 1000.0 - 1.0;
    Id { ms: if ms > 0.0 { ms as u64 } else { 0 }, n: 0 }
}

type Reply = (Box<Reader>, Result<VecDeque<Entry>>);

enum Reading {
    Idle(Box<Reader>),
    Busy(Pin<Box<dyn Future<Output = Reply> + Send>>),
    Over,
}

/// The entries as a stream. What is being fetched when nobody waits any more is there when somebody does again.
struct Chunks {
    ready: VecDeque<Entry>,
    reading: Reading,
}

impl Entries for Chunks {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(entry) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(entry)));
            }
            match std::mem::replace(&mut this.reading, Reading::Over) {
                Reading::Over => return Poll::Ready(None),
                Reading::Idle(mut reader) => {
                    this.reading = Reading::Busy(Box::pin(async move {
                        let chunk = reader.chunk().await;
                        (reader, chunk)
                    }));
                }
                Reading::Busy(mut reading) => {
                    let polled = reading.as_mut().poll(cx);
                    if polled.is_pending() {
                        this.reading = Reading::Busy(reading);
                    }
                    let (reader, chunk) = ready!(polled);
                    match chunk {
                        Err(error) => return Poll::Ready(Some(Err(error))),
                        Ok(chunk) => this.ready = chunk,
                    }
                    if !reader.over {
                        this.reading = Reading::Idle(reader);
                    }
                }
            }
        }
    }
}
