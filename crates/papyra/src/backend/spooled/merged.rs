//! Reading: what the remote log holds, and behind it what still waits in the spool.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use futures_core::Stream;

use super::shared::Shared;
use crate::{Entry, EntryStream, Error, ErrorKind, Order, Position, ReadOptions, Result};

/// Merges both. A fact that is shipped while this goes on is shown once. If the remote log is away, what waits is shown all
/// the same, and then the error.
pub(super) fn read(shared: Arc<Shared>, options: ReadOptions) -> EntryStream {
    let skipped: Arc<AtomicU64> = Arc::default();
    let (after, shown) = match options.after {
        Some(after) => (after.pair().filter(|id| *id != (0, 0)), after.spooled()),
        None => (None, 0),
    };
    let merge = Merge {
        shared,
        after,
        shown,
        options,
        skipped: Arc::clone(&skipped),
        stage: Stage::Begin,
        writer: None,
        shipped: 0,
        id: after.unwrap_or_default(),
        end: None,
        first: None,
        waiting: None,
        remote: None,
        away: None,
    };
    EntryStream::with_skipped(Merging { resting: Some(merge), next: None }, skipped)
}

/// Where a read is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Begin,
    Remote,
    Waiting,
    Over,
}

struct Merge {
    shared: Arc<Shared>,
    options: ReadOptions,
    skipped: Arc<AtomicU64>,
    stage: Stage,
    /// Behind which entry of the remote log, and up to which number of the spool everything was shown before.
    after: Option<(u64, u64)>,
    shown: u64,
    /// In whose name the spool ships, and up to which number the remote log is known to have its lines.
    writer: Option<u128>,
    shipped: u64,
    /// The highest id of the remote log so far.
    id: (u64, u64),
    /// Newest first: what came into the remote log behind this is newer than what waits, and not part of this read.
    end: Option<(u64, u64)>,
    /// The first of those that wait: it was read at once, so that its file stays open whatever becomes of it.
    first: Option<Entry>,
    waiting: Option<EntryStream>,
    remote: Option<EntryStream>,
    /// Why the remote log cannot be read.
    away: Option<Error>,
}

impl Merge {
    /// The next entry, and how to go on.
    async fn next(mut self) -> Option<(Result<Entry>, Merge)> {
        loop {
            let newest_first = self.options.order == Order::NewestFirst;
            match self.stage {
                Stage::Begin => {
                    if let Err(error) = self.begin().await {
                        self.stage = Stage::Over;
                        return Some((Err(error), self));
                    }
                    self.stage = if newest_first { Stage::Waiting } else { Stage::Remote };
                }
                Stage::Remote => match self.next_remote().await {
                    Some(next) => return Some((next, self)),
                    None => self.stage = if newest_first { Stage::Over } else { Stage::Waiting },
                },
                Stage::Waiting => match self.next_waiting().await {
                    Some(next) => return Some((next, self)),
                    None => self.stage = if newest_first { Stage::Remote } else { Stage::Over },
                },
                Stage::Over => {
                    let error = self.away.take()?;
                    return Some((Err(error), self));
                }
            }
        }
    }

    /// Finds out what waits, and opens it before the remote log is asked: what is shipped from now on is in both, and known
    /// by its number; nothing is in neither.
    async fn begin(&mut self) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        if let Some((edition, cursor)) = shared.edition()? {
            self.writer = uuid::Uuid::parse_str(&edition.writer).ok().map(|writer| writer.as_u128());
            self.shipped = match self.writer {
                Some(_) => match shared.shipping()?.mark(&edition.writer).await {
                    Ok(mark) => mark.map_or(0, |mark| mark.seq),
                    Err(error) => {
                        self.is_away(error)?;
                        cursor.seq
                    }
                },
                None => 0,
            };
            let last = edition.outgoing(0).last()?;
            if self.shown > last {
                let position = self.options.after.unwrap_or(Position::from_seq(self.shown));
                return Err(Error::beyond_the_end(position, &edition.file().display().to_string(), last));
            }
            let behind = self.shipped.max(self.shown);
            if behind < last {
                let mut waiting = edition.read(self.options.clone(), behind);
                self.first = match waiting.next().await {
                    Some(Err(error)) if error.kind() == ErrorKind::NotFound => None,
                    first => first.transpose()?,
                };
                self.waiting = self.first.is_some().then_some(waiting);
            }
        }
        if self.away.is_none() && self.options.order == Order::NewestFirst && self.first.is_some() {
            match shared.remote.read(ReadOptions::newest_first()).next().await {
                Some(Ok(newest)) => {
                    self.id = self.id.max(newest.position.pair().unwrap_or_default());
                    self.end = Some(self.id);
                }
                Some(Err(error)) if error.kind() == ErrorKind::NotFound => {}
                Some(Err(error)) => self.is_away(error)?,
                None => {}
            }
        }
        if self.away.is_none() {
            let after = self.after.map(|(major, minor)| Position::from_pair(major, minor));
            self.remote = Some(shared.remote.read(ReadOptions { after, ..self.options.clone() }));
        }
        Ok(())
    }

    /// A log that is away keeps nothing from being shown that waits; any other error does.
    fn is_away(&mut self, error: Error) -> Result<()> {
        if error.kind() != ErrorKind::Unavailable {
            return Err(error);
        }
        self.remote = None;
        self.away = Some(error);
        Ok(())
    }

    async fn next_remote(&mut self) -> Option<Result<Entry>> {
        loop {
            let remote = self.remote.as_mut()?;
            let before = remote.skipped();
            let next = remote.next().await;
            self.skipped.fetch_add(remote.skipped() - before, Ordering::Relaxed);
            let mut entry = match next? {
                Ok(entry) => entry,
                // A log that nothing was shipped to yet.
                Err(error) if error.kind() == ErrorKind::NotFound && self.after.is_none() => {
                    self.remote = None;
                    return None;
                }
                Err(error) => match self.is_away(error) {
                    Ok(()) => return None,
                    Err(error) => {
                        self.remote = None;
                        return Some(Err(error));
                    }
                },
            };
            let id = entry.position.pair().unwrap_or_default();
            if self.end.is_some_and(|end| id > end) {
                continue;
            }
            let own = entry.origin.filter(|origin| Some(origin.writer) == self.writer).map(|origin| origin.seq);
            if let Some(seq) = own {
                // Newest first, what waited was shown before; oldest first, it comes after, without what is here.
                let is_shown = seq <= self.shown || self.options.order == Order::NewestFirst && seq > self.shipped;
                if is_shown {
                    continue;
                }
                self.shipped = self.shipped.max(seq);
            }
            self.id = self.id.max(id);
            self.shared.saw(entry.position);
            entry.position = entry.position.with_spooled(self.shown);
            return Some(Ok(entry));
        }
    }

    async fn next_waiting(&mut self) -> Option<Result<Entry>> {
        loop {
            let next = match self.first.take() {
                Some(first) => Ok(first),
                None => {
                    let waiting = self.waiting.as_mut()?;
                    let before = waiting.skipped();
                    let next = waiting.next().await;
                    self.skipped.fetch_add(waiting.skipped() - before, Ordering::Relaxed);
                    next?
                }
            };
            let mut entry = match next {
                Ok(entry) => entry,
                Err(error) => {
                    self.waiting = None;
                    return Some(Err(error));
                }
            };
            let seq = entry.position.seq().unwrap_or_default();
            if seq > self.shipped {
                entry.position = Position::from_pair(self.id.0, self.id.1).with_spooled(seq);
                return Some(Ok(entry));
            }
        }
    }
}

type Next = Pin<Box<dyn Future<Output = Option<(Result<Entry>, Merge)>> + Send>>;

/// The merge as a stream: it rests, or it is on its way to the next entry.
struct Merging {
    resting: Option<Merge>,
    next: Option<Next>,
}

impl Stream for Merging {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Some(merge) = this.resting.take() {
            this.next = Some(Box::pin(merge.next()));
        }
        let Some(next) = &mut this.next else { return Poll::Ready(None) };
        let next = std::task::ready!(next.as_mut().poll(cx));
        this.next = None;
        Poll::Ready(next.map(|(entry, merge)| {
            this.resting = Some(merge);
            entry
        }))
    }
}
