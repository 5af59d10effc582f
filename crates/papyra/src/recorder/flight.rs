//! The queue as the writer sees it: what is taken is in flight until it is settled.

use std::time::Instant;

use tokio::time::{Duration, timeout};

use super::{
    batch::{Batch, Chunk, Flusher, Share, Waiter},
    health,
    queue::Queue,
    state::State,
};
use crate::{Error, Position, Result};

/// A batch holds about so many bytes at most: what one write and one sync are for.
const BATCH_BYTES: usize = 1 << 20;
/// And so many facts.
const BATCH_FACTS: usize = 4096;
/// Emptied chunks that are kept for the next facts.
const SPARE_CHUNKS: usize = 32;

/// What the writer found in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Something to do.
    Work,
    /// Nothing now: `work` tells when.
    Nothing,
    /// Nothing ever again.
    Over,
}

impl Queue {
    /// Takes what waits, up to the size of a batch.
    pub(super) fn take(&self, batch: &mut Batch, chunks: &mut Vec<Chunk>) -> Taken {
        let mut state = self.state();
        state.recycle(chunks);
        let (mut bytes, mut facts) = (0, 0);
        while let Some(chunk) = state.chunks.front() {
            bytes += chunk.bytes;
            facts += chunk.slots.len();
            if !chunks.is_empty() && (bytes > BATCH_BYTES || facts > BATCH_FACTS) {
                break;
            }
            let Some(mut chunk) = state.chunks.pop_front() else { break };
            if chunk.after_drops {
                chunk.drops = Some(std::mem::take(&mut state.drops));
            }
            state.flight.plain += chunk.plain();
            state.flight.waiters.extend(chunk.waiters.drain(..));
            state.flight.flushers.append(&mut chunk.flushers);
            chunks.push(chunk);
        }
        if state.closing && chunks.is_empty() && !state.owed.is_empty() && !state.tried_to_pay {
            state.tried_to_pay = true;
            chunks.push(Chunk { drops: Some(std::mem::take(&mut state.owed)), ..Chunk::default() });
        } else if state.closing && state.chunks.is_empty() {
            // Whatever still comes could keep a closing recorder busy for ever.
            state.sealed = true;
        }
        if chunks.is_empty() {
            state.sleeping = !state.sealed;
            return if state.sealed { Taken::Over } else { Taken::Nothing };
        }
        drop(state);
        let withdrawn = batch.fill(chunks);
        self.room.give_back(withdrawn);
        Taken::Work
    }

    /// The log has acknowledged a part of the batch.
    pub(super) fn written(&self, share: Share, positions: &[Position]) {
        let mut state = self.state();
        let Some(waiters) = state.settle(&share) else { return };
        self.count(&mut state, |tally| tally.written += share.facts());
        // A part that takes nothing is still to be got over, even if the others take theirs.
        let recovered = state.sick.is_empty() && state.trouble.take().is_some();
        // The note that ends a time of drops is written, and none went missing since.
        let whole_again = share.notes > 0 && state.dropping && state.drops.is_empty();
        state.dropping &= !whole_again;
        let dropped = state.tally.dropped;
        drop(state);
        self.room.give_back(share.charge);
        for (waiter, at) in waiters.into_iter().zip(&share.durable) {
            // A waiter may have gone: the fact is in the log all the same.
            let _ = waiter.send(positions.get(*at).copied().ok_or_else(health::no_position));
        }
        if recovered {
            tracing::warn!(target: "papyra", log = %self.address, "the recorder writes again");
        }
        if whole_again {
            tracing::warn!(target: "papyra", log = %self.address, dropped, "the recorder has room again");
        }
    }

    /// No log may hold a part of the batch.
    pub(super) fn refused(&self, share: Share, error: &Error) {
        let mut state = self.state();
        let Some(waiters) = state.settle(&share) else { return };
        self.count(&mut state, |tally| tally.rejected += share.facts());
        if share.plain > 0 {
            self.tell_of_rejection(state, error);
        } else {
            drop(state);
        }
        self.room.give_back(share.charge);
        answer(waiters, error);
    }

    /// The log cannot be written to for the time being. Everyone who waits for an acknowledgement is told, in the batch
    /// and behind it, and takes his fact with him; the other facts stay.
    pub(super) fn put_off(&self, withdrawn: Share, error: &Error) {
        let mut state = self.state();
        let Some(mut waiters) = state.settle(&withdrawn) else { return };
        let mut flushers = std::mem::take(&mut state.flight.flushers);
        for chunk in &mut state.chunks {
            chunk.withdrawn += chunk.waiters.len();
            waiters.append(&mut chunk.waiters);
            flushers.append(&mut chunk.flushers);
        }
        self.count(&mut state, |tally| tally.rejected += waiters.len() as u64);
        let news = state.trouble.replace(error.clone()).is_none();
        drop(state);
        self.room.give_back(withdrawn.charge);
        answer(waiters, error);
        answer_all(flushers, error);
        if news {
            let log = &self.address;
            let cure = error.cure();
            tracing::warn!(target: "papyra", %log, %error, cure, "the recorder cannot write and tries again");
        }
    }

    /// Everything of the batch is settled.
    pub(super) fn landed(&self) {
        let flushers = std::mem::take(&mut self.state().flight.flushers);
        for flusher in flushers {
            let _ = flusher.send(Ok(()));
        }
    }

    /// Waits before another try, less if the end is near. `false`: it is time to give up.
    pub(super) async fn pause(&self, delay: Duration) -> bool {
        let left = {
            let state = self.state();
            let left = state.give_up.map(|at| at.saturating_duration_since(Instant::now()));
            if state.lost.is_some() || left.is_some_and(|left| left.is_zero()) {
                return false;
            }
            left.unwrap_or(Duration::MAX)
        };
        let _ = timeout(delay.min(left), self.hurry.notified()).await;
        true
    }

    pub(super) fn is_closing(&self) -> bool {
        self.state().closing
    }
}

impl State {
    fn recycle(&mut self, chunks: &mut Vec<Chunk>) {
        let wanted = SPARE_CHUNKS.saturating_sub(self.spare.len());
        self.spare.extend(chunks.drain(..).take(wanted));
    }

    /// A part of what is in flight has come down: gives those who wait for it. `None` if the recorder has given it up
    /// and told everyone, because its time was over.
    fn settle(&mut self, share: &Share) -> Option<Vec<Waiter>> {
        if self.lost.is_some() {
            return None;
        }
        self.flight.plain -= share.plain;
        let waiting = share.durable.len().min(self.flight.waiters.len());
        Some(self.flight.waiters.drain(..waiting).collect())
    }
}

impl Chunk {
    /// Facts that nobody waits for.
    pub(super) fn plain(&self) -> u64 {
        (self.slots.len() - self.withdrawn - self.waiters.len()) as u64
    }
}

pub(super) fn answer(waiters: Vec<Waiter>, error: &Error) {
    for waiter in waiters {
        let _ = waiter.send(Err(error.clone()));
    }
}

pub(super) fn answer_one(waiter: Waiter, answer: Result<Position>) {
    let _ = waiter.send(answer);
}

pub(super) fn answer_all(flushers: Vec<Flusher>, error: &Error) {
    for flusher in flushers {
        let _: Result<(), _> = flusher.send(Err(error.clone()));
    }
}
