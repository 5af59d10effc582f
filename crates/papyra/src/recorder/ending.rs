//! How a recorder ends: asked to, by failure, or because its time is over.

use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

use super::{
    ShutdownReport,
    flight::{answer, answer_all},
    health,
    queue::Queue,
};
use crate::Error;

impl Queue {
    /// Takes nothing any more; the writer writes what waits, as long as there is time.
    /// Gives the time when it stops trying: the earliest of those that were asked for.
    pub(super) fn begin_closing(&self, give_up: Option<Instant>) -> Option<Instant> {
        self.room.close();
        let mut state = self.state();
        state.closing = true;
        state.give_up = match (state.give_up, give_up) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        state.sleeping = false;
        let give_up = state.give_up;
        drop(state);
        self.work.notify_one();
        self.hurry.notify_one();
        give_up
    }

    /// Waits for the writer's end, on this thread. If the time is over before, what is left is given up, and whoever
    /// waits is told: a hung disk must not hang the process that wants to end.
    pub(super) fn wait_for_end(&self, give_up: Option<Instant>) {
        let mut state = self.state();
        while !state.has_ended {
            let left = give_up.map_or(Duration::from_secs(3600), |at| at.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                drop(state);
                self.lose(&health::out_of_time(), &health::out_of_time().with_unknown_outcome());
                return;
            }
            state = self.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The time is over, and the writer knows that nothing is on its way to storage.
    pub(super) fn give_up(&self) {
        self.lose(&health::out_of_time(), &health::out_of_time());
    }

    /// Nothing can be written any more.
    pub(super) fn fail(&self, error: &Error) {
        if self.lose(error, error) {
            let log = &self.address;
            let cure = error.cure();
            tracing::error!(target: "papyra", %log, %error, cure, "the recorder has failed: dropping all facts");
        }
    }

    /// Gives everything up and tells whoever waits, those in flight with an error of their own. `false` if that has
    /// already been done, or if there is nothing to lose any more.
    fn lose(&self, cause: &Error, in_flight: &Error) -> bool {
        self.room.close();
        let mut state = self.state();
        if state.lost.is_some() || state.has_ended {
            return false;
        }
        state.lost = Some(cause.clone());
        let flight = std::mem::take(&mut state.flight);
        let chunks = std::mem::take(&mut state.chunks);
        state.spare.clear();
        let mut dropped = flight.plain;
        let mut waiters = Vec::new();
        let mut flushers = Vec::new();
        let mut emptied = Vec::with_capacity(chunks.len());
        for mut chunk in chunks {
            dropped += chunk.plain();
            waiters.append(&mut chunk.waiters);
            flushers.append(&mut chunk.flushers);
            emptied.push(chunk);
        }
        let in_the_air = Vec::from(flight.waiters);
        self.count(&mut state, |tally| {
            tally.dropped += dropped;
            tally.rejected += (waiters.len() + in_the_air.len()) as u64;
        });
        let behind = if state.closing { cause.clone() } else { state.why_closed() };
        drop(state);
        // Thousands of facts are let go of here, not while actors wait for the queue.
        drop(emptied);
        answer(in_the_air, in_flight);
        answer_all(flight.flushers, in_flight);
        answer(waiters, &behind);
        answer_all(flushers, &behind);
        true
    }

    /// The writer is done.
    pub(super) fn end(&self, synced: bool) {
        let mut state = self.state();
        state.has_ended = true;
        state.synced = synced;
        drop(state);
        self.ended.notify_all();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state().has_ended
    }

    pub(super) fn report(&self) -> ShutdownReport {
        let state = self.state();
        ShutdownReport {
            written: state.tally.written,
            synced: state.synced,
            dropped: state.tally.dropped,
            rejected: state.tally.rejected,
        }
    }
}
