//! The queue between actors and the writer, as actors see it.

use std::{
    fmt,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, oneshot};

use super::{
    RecorderHealth,
    batch::{Slot, Waiter},
    health,
    room::{Charge, NoRoom, Room, is_urgent},
    state::{State, Tally},
};
use crate::{Error, Fact, Log, Position, RecorderState, Result};

/// What actors and the writer share. Three files serve it: this one the actors, `flight.rs` the writer, `ending.rs` the
/// end.
pub(super) struct Queue {
    pub(super) log: Log,
    /// Asked of the backend once: its code has no business on an actor's thread.
    pub(super) address: String,
    pub(super) room: Room,
    /// Wakes the writer that found nothing to do.
    pub(super) work: Notify,
    /// Wakes the writer that waits before another try, or for the end.
    pub(super) hurry: Notify,
    pub(super) ended: Condvar,
    state: Mutex<State>,
}

impl Queue {
    pub(super) fn new(log: Log, bytes: usize) -> Self {
        Queue {
            address: log.address(),
            log,
            room: Room::new(bytes),
            work: Notify::new(),
            hurry: Notify::new(),
            ended: Condvar::new(),
            state: Mutex::default(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held, except for want of memory; even then an actor must not learn of it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a fact in, or drops it. Whatever happens, it returns at once.
    pub(super) fn offer(&self, fact: Fact) {
        let bytes = cost(&fact);
        match self.room.try_take(bytes, is_urgent(&fact)) {
            Ok(charge) => {
                if let Err(fact) = self.push(fact, bytes, charge, None) {
                    self.drop_fact(&fact);
                }
            }
            Err(NoRoom::Full | NoRoom::Closed) => self.drop_fact(&fact),
            Err(NoRoom::TooLarge) => self.reject(&health::too_large(bytes)),
        }
    }

    /// Waits for room and takes the fact in. The answer comes once the fact is settled.
    pub(super) async fn enlist(&self, fact: Fact) -> Result<oneshot::Receiver<Result<Position>>> {
        let bytes = cost(&fact);
        let charge = match self.room.take(bytes, is_urgent(&fact)).await {
            Ok(charge) => charge,
            Err(NoRoom::TooLarge) => {
                let error = health::too_large(bytes);
                self.reject(&error);
                return Err(error);
            }
            Err(NoRoom::Full | NoRoom::Closed) => return Err(self.refuse()),
        };
        let (waiter, answer) = oneshot::channel();
        self.push(fact, bytes, charge, Some(waiter)).map_err(|_| self.refuse())?;
        Ok(answer)
    }

    /// Marks this place in the queue; the answer comes once everything before it is settled.
    pub(super) fn mark(&self) -> Result<oneshot::Receiver<Result<()>>> {
        let mut state = self.state();
        if state.lost.is_some() || state.sealed {
            return Err(state.why_closed());
        }
        let (flusher, answer) = oneshot::channel();
        state.back().flushers.push(flusher);
        self.wake(state);
        Ok(answer)
    }

    /// Gives the fact back if the queue takes nothing any more.
    fn push(&self, fact: Fact, bytes: usize, charge: Charge, waiter: Option<Waiter>) -> Result<(), Box<Fact>> {
        let mut state = self.state();
        if state.closing || state.lost.is_some() {
            return Err(Box::new(fact));
        }
        let chunk = state.back();
        chunk.slots.push(Slot { fact, charge, durable: waiter.is_some() });
        chunk.bytes += bytes;
        chunk.waiters.extend(waiter);
        self.count(&mut state, |tally| tally.recorded += 1);
        self.wake(state);
        Ok(())
    }

    fn drop_fact(&self, fact: &Fact) {
        let mut state = self.state();
        self.count(&mut state, |tally| {
            tally.recorded += 1;
            tally.dropped += 1;
        });
        if state.lost.is_some() || state.sealed {
            return;
        }
        // The note stands where the first fact went missing.
        state.begin_note();
        state.drops.add(fact);
        let begins = !state.dropping && !state.closing;
        state.dropping |= begins;
        self.wake(state);
        // The flag is set before anyone is told: a subscriber that records what it hears is not told again.
        if begins {
            tracing::warn!(target: "papyra", log = %self.address, "the recorder's queue is full: dropping facts");
        }
    }

    fn reject(&self, error: &Error) {
        let mut state = self.state();
        self.count(&mut state, |tally| {
            tally.recorded += 1;
            tally.rejected += 1;
        });
        self.tell_of_rejection(state, error);
    }

    pub(super) fn tell_of_rejection(&self, mut state: MutexGuard<'_, State>, error: &Error) {
        let first = !std::mem::replace(&mut state.told_of_rejection, true);
        drop(state);
        if first {
            let log = &self.address;
            tracing::warn!(target: "papyra", %log, %error, "a fact cannot be recorded; further ones are only counted");
        }
    }

    /// A durable fact that came too late: its caller learns of it.
    fn refuse(&self) -> Error {
        let mut state = self.state();
        self.count(&mut state, |tally| {
            tally.recorded += 1;
            tally.rejected += 1;
        });
        state.why_closed()
    }

    /// Changes the tally and the log's counters alike.
    pub(super) fn count(&self, state: &mut State, change: impl FnOnce(&mut Tally)) {
        let before = state.tally;
        change(&mut state.tally);
        let counters = self.log.counters();
        for (counter, n) in [
            (&counters.recorded, state.tally.recorded - before.recorded),
            (&counters.acknowledged, state.tally.written - before.written),
            (&counters.dropped, state.tally.dropped - before.dropped),
            (&counters.rejected, state.tally.rejected - before.rejected),
        ] {
            if n > 0 {
                counter.add(n);
            }
        }
    }

    /// Wakes the writer only when it sleeps: that costs a system call.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let wake = std::mem::replace(&mut state.sleeping, false);
        drop(state);
        if wake {
            self.work.notify_one();
        }
    }

    pub(super) fn snapshot(&self) -> RecorderState {
        let tally = self.state().tally;
        RecorderState::new(tally.queued(), tally.dropped)
    }

    pub(super) fn health(&self) -> RecorderHealth {
        let state = self.state();
        match (&state.lost, &state.trouble) {
            (Some(error), _) => RecorderHealth::Failed(error.clone()),
            _ if state.closing => RecorderHealth::Closed,
            (None, Some(error)) => RecorderHealth::Degraded(error.clone()),
            (None, None) if state.dropping => RecorderHealth::Degraded(health::queue_is_full()),
            (None, None) => RecorderHealth::Ok,
        }
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("log", &self.address).field("state", &self.snapshot()).finish_non_exhaustive()
    }
}

/// What a fact takes of the room: its texts, what they take besides in memory, and its place in the queue.
fn cost(fact: &Fact) -> usize {
    fact.estimated_bytes() + size_of::<Slot>()
}
