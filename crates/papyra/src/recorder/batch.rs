//! What passes from the queue to the log: chunks as they fill, batches as they are written.

use std::ops::Range;

use tokio::sync::oneshot;

use super::{drops::Drops, room::Charge};
use crate::{Fact, Position, Result};

/// Facts of a chunk. Small, so that no push ever moves many facts, and so that a batch can be cut off anywhere.
const CHUNK_FACTS: usize = 128;
/// Bytes of a chunk, its last fact aside.
const CHUNK_BYTES: usize = 128 << 10;

/// Who waits for a fact's position.
pub(super) type Waiter = oneshot::Sender<Result<Position>>;
/// Who waits until everything before has been acknowledged.
pub(super) type Flusher = oneshot::Sender<Result<()>>;

/// A fact in the queue.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) fact: Fact,
    pub(super) charge: Charge,
    /// Whether someone waits for it: the next of the chunk's waiters.
    pub(super) durable: bool,
}

/// A run of facts in the queue.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// Whether facts were dropped in front of it.
    pub(super) after_drops: bool,
    /// These drops, once the writer has taken them.
    pub(super) drops: Option<Drops>,
    pub(super) slots: Vec<Slot>,
    pub(super) bytes: usize,
    pub(super) waiters: Vec<Waiter>,
    /// How many of its first durable slots have lost their waiter to an error: they are not written.
    pub(super) withdrawn: usize,
    pub(super) flushers: Vec<Flusher>,
}

impl Chunk {
    pub(super) fn with_room() -> Self {
        Chunk { slots: Vec::with_capacity(CHUNK_FACTS), ..Chunk::default() }
    }

    pub(super) fn is_full(&self) -> bool {
        self.slots.len() >= CHUNK_FACTS || self.bytes >= CHUNK_BYTES
    }

    pub(super) fn is_untouched(&self) -> bool {
        self.slots.is_empty() && !self.after_drops && self.flushers.is_empty()
    }
}

/// What a fact of a batch is to the accounts.
#[derive(Clone, Debug)]
enum Mark {
    Plain(Charge),
    Durable(Charge),
    /// A note about these drops: nobody handed it in, and it takes no room.
    Note(Drops),
}

/// What the facts of a part of a batch come to.
#[derive(Clone, Debug, Default)]
pub(super) struct Share {
    pub(super) plain: u64,
    pub(super) notes: u64,
    pub(super) charge: Charge,
    /// Where in the part those facts are that someone waits for.
    pub(super) durable: Vec<usize>,
}

/// Facts side by side, as the backend takes them.
#[derive(Debug, Default)]
pub(super) struct Batch {
    facts: Vec<Fact>,
    marks: Vec<Mark>,
    at: usize,
}

impl Batch {
    /// Takes the facts out of the chunks and leaves them empty. The charge is what withdrawn facts had taken.
    pub(super) fn fill(&mut self, chunks: &mut [Chunk]) -> Charge {
        self.clear();
        let mut withdrawn = Charge::default();
        for chunk in chunks {
            if let Some(drops) = chunk.drops.take() {
                self.facts.push(drops.to_fact());
                self.marks.push(Mark::Note(drops));
            }
            for slot in chunk.slots.drain(..) {
                if slot.durable && chunk.withdrawn > 0 {
                    chunk.withdrawn -= 1;
                    withdrawn += slot.charge;
                    continue;
                }
                self.facts.push(slot.fact);
                self.marks.push(if slot.durable { Mark::Durable(slot.charge) } else { Mark::Plain(slot.charge) });
            }
            chunk.after_drops = false;
            chunk.withdrawn = 0;
            chunk.bytes = 0;
        }
        withdrawn
    }

    pub(super) fn clear(&mut self) {
        self.facts.clear();
        self.marks.clear();
        self.at = 0;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at >= self.facts.len()
    }

    /// The next facts, at most so many.
    pub(super) fn next(&self, most: usize) -> &[Fact] {
        let rest = &self.facts[self.at..];
        &rest[..most.min(rest.len())]
    }

    /// The next facts are settled.
    pub(super) fn advance(&mut self, facts: usize) -> Share {
        let share = self.share(self.at..self.at + facts);
        self.at += facts;
        share
    }

    /// What the fact at this place among the next is to the accounts.
    pub(super) fn share_of(&self, at: usize) -> Share {
        self.share(self.at + at..self.at + at + 1)
    }

    /// The drops that the fact at this place among the next tells of, if it is a note.
    pub(super) fn note(&self, at: usize) -> Option<&Drops> {
        match self.marks.get(self.at + at) {
            Some(Mark::Note(drops)) => Some(drops),
            _ => None,
        }
    }

    /// Of so many next facts only these stay; the others are settled.
    pub(super) fn keep_of_next(&mut self, facts: usize, keep: impl Fn(usize) -> bool) {
        let begin = self.at;
        let stays = |at: usize| at >= begin + facts || at >= begin && keep(at - begin);
        let (mut fact, mut mark) = (0.., 0..);
        self.facts.retain(|_| fact.next().is_some_and(&stays));
        self.marks.retain(|_| mark.next().is_some_and(&stays));
        self.at = 0;
    }

    /// Removes what is settled and every fact that someone waits for.
    pub(super) fn withdraw_durable(&mut self) -> Share {
        self.facts.drain(..self.at);
        self.marks.drain(..self.at);
        self.at = 0;
        let is_durable = |mark: &Mark| matches!(mark, Mark::Durable(_));
        let mut share = Share::default();
        for mark in self.marks.iter().filter(|mark| is_durable(mark)) {
            share.add(0, mark);
        }
        let mut marks = self.marks.iter();
        self.facts.retain(|_| !marks.next().is_some_and(is_durable));
        self.marks.retain(|mark| !is_durable(mark));
        share
    }

    fn share(&self, range: Range<usize>) -> Share {
        let mut share = Share::default();
        for (at, mark) in self.marks[range].iter().enumerate() {
            share.add(at, mark);
        }
        share
    }
}

impl Share {
    fn add(&mut self, at: usize, mark: &Mark) {
        match mark {
            Mark::Note(_) => self.notes += 1,
            Mark::Plain(charge) => {
                self.plain += 1;
                self.charge += *charge;
            }
            Mark::Durable(charge) => {
                self.durable.push(at);
                self.charge += *charge;
            }
        }
    }

    /// Facts that someone handed in.
    pub(super) fn facts(&self) -> u64 {
        self.plain + self.durable.len() as u64
    }
}
