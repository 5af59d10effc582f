//! What stands behind the queue's lock: the facts that wait, what is in flight, and the accounts.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Instant,
};

use super::{
    batch::{Chunk, Flusher, Waiter},
    drops::Drops,
    health,
};
use crate::{Error, Kind};

/// Held for moments only: never while facts are encoded or written, never while anyone else's code runs.
#[derive(Default)]
pub(super) struct State {
    /// What waits. The last chunk is being filled.
    pub(super) chunks: VecDeque<Chunk>,
    /// Emptied chunks, for the next facts.
    pub(super) spare: Vec<Chunk>,
    pub(super) flight: Flight,
    pub(super) tally: Tally,
    /// Facts dropped where a waiting chunk says so; empty if none says so.
    pub(super) drops: Drops,
    /// Facts dropped because their part of the log takes none, of which the log itself could not be told yet.
    pub(super) owed: Drops,
    /// The parts of the log that took none at the last try, each by the first of its kinds.
    pub(super) sick: BTreeSet<Kind>,
    /// The last try at telling of what is owed, before the end, was made.
    pub(super) tried_to_pay: bool,
    /// Whether facts are being dropped for want of room, as far as anyone was told.
    pub(super) dropping: bool,
    pub(super) told_of_rejection: bool,
    /// The writer waits for `work`.
    pub(super) sleeping: bool,
    /// The error that the writer is trying to get over.
    pub(super) trouble: Option<Error>,
    /// Why nothing can be written any more.
    pub(super) lost: Option<Error>,
    pub(super) closing: bool,
    /// When a closing recorder stops trying.
    pub(super) give_up: Option<Instant>,
    /// The writer has taken the last batch: nothing that comes now can be written.
    pub(super) sealed: bool,
    pub(super) has_ended: bool,
    pub(super) synced: bool,
}

/// What the writer has taken and not yet settled.
#[derive(Default)]
pub(super) struct Flight {
    pub(super) plain: u64,
    pub(super) waiters: VecDeque<Waiter>,
    pub(super) flushers: Vec<Flusher>,
}

/// Where the facts went. Whatever was handed in and is in none of the three is queued.
#[derive(Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) recorded: u64,
    pub(super) written: u64,
    pub(super) dropped: u64,
    pub(super) rejected: u64,
}

impl State {
    /// The chunk that the next fact goes into.
    pub(super) fn back(&mut self) -> &mut Chunk {
        if self.chunks.back().is_none_or(Chunk::is_full) {
            self.open_chunk();
        }
        let last = self.chunks.len() - 1;
        &mut self.chunks[last]
    }

    pub(super) fn open_chunk(&mut self) {
        let chunk = self.spare.pop().unwrap_or_else(Chunk::with_room);
        self.chunks.push_back(chunk);
    }

    /// From here on a note in the queue tells of `drops`. Those that go missing until it is written belong to it too: a note
    /// for each gap would cost the room that is wanting.
    pub(super) fn begin_note(&mut self) {
        if self.drops.is_empty() {
            if !self.back().is_untouched() {
                self.open_chunk();
            }
            self.back().after_drops = true;
        }
    }

    pub(super) fn why_closed(&self) -> Error {
        self.lost.as_ref().map_or_else(health::shut_down, health::failed)
    }
}

impl Tally {
    pub(super) fn queued(&self) -> u64 {
        self.recorded - self.written - self.dropped - self.rejected
    }
}
