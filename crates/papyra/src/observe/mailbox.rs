//! How many messages went into a mailbox, and how many came out of it.

use std::{
    cell::Cell,
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence},
};

/// Counts what senders put into a mailbox and what its actor takes out, without a lock and without a wait, so that the
/// rest can be told when the actor ends. It is on the way of every message, so it counts without an atomic addition, which
/// would cost more than all the rest of observing.
///
/// Where only some senders count in, but the actor counts out every message, the rest is "at least" so many. Of a message
/// that is sent in the very moment of the end, the next attempt to send may be the one that tells.
///
/// ```
/// use papyra::observe::Mailbox;
/// let mailbox = Mailbox::default();
/// for _ in 0..3 {
///     assert_eq!(mailbox.accepted(), 0);
/// }
/// mailbox.taken();
/// assert_eq!(mailbox.close(), 2);
/// assert_eq!(mailbox.accepted(), 1, "counted in too late for `close`, but not lost");
/// ```
#[derive(Debug, Default)]
pub struct Mailbox {
    /// Each is written by one thread alone: its number names the lane.
    lanes: Line<[AtomicU64; LANES]>,
    /// The lane of all other threads.
    shared: AtomicU64,
    closed: AtomicBool,
    /// What was told of the messages left behind.
    told: AtomicU64,
    taken: Line<AtomicU64>,
}

/// Senders and the actor write to a cache line each, so that neither makes the other wait.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Line<T>(T);

const LANES: usize = 8;

impl Mailbox {
    /// Counts a message that was accepted. The answer is how many messages are left behind of which nobody told yet: 0, unless
    /// the actor ended between the acceptance and this call.
    #[must_use]
    #[inline]
    pub fn accepted(&self) -> u64 {
        match self.lanes.0.get(thread_number()) {
            Some(lane) => lane.store(lane.load(Ordering::Relaxed) + 1, Ordering::Release),
            None => drop(self.shared.fetch_add(1, Ordering::Release)),
        }
        if self.closed.load(Ordering::Acquire) { self.untold() } else { 0 }
    }

    /// Counts a message that the actor takes out. Only one thread at a time may call this, the actor's own.
    #[inline]
    pub fn taken(&self) {
        let taken = &self.taken.0;
        taken.store(taken.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    /// How many messages were left behind by an actor that takes out no more.
    pub fn close(&self) -> u64 {
        self.closed.store(true, Ordering::Release);
        self.untold()
    }

    /// How many messages are left behind of which nobody told yet, for a sender that was refused: 0 before the end.
    pub fn refused(&self) -> u64 {
        if self.closed.load(Ordering::Acquire) { self.untold() } else { 0 }
    }

    #[cold]
    fn untold(&self) -> u64 {
        fence(Ordering::SeqCst);
        let lanes = self.lanes.0.iter().chain([&self.shared]);
        let accepted: u64 = lanes.map(|lane| lane.load(Ordering::Acquire)).sum();
        let left = accepted.saturating_sub(self.taken.0.load(Ordering::Acquire));
        left.saturating_sub(self.told.fetch_max(left, Ordering::AcqRel))
    }
}

/// A number that no other thread of this process has or had.
#[inline]
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    // A thread that is ending has no number any more: it shares.
    OWN.try_with(|own| {
        if own.get() == usize::MAX {
            // Only the first ones get a lane, so it does not matter that counting ends.
            own.set(NEXT.fetch_add(1, Ordering::Relaxed).min(LANES));
        }
        own.get()
    })
    .unwrap_or(LANES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_taken_out_is_left() {
        let mailbox = Mailbox::default();
        assert!((0..5).all(|_| mailbox.accepted() == 0));
        mailbox.taken();
        mailbox.taken();
        assert_eq!(mailbox.close(), 3);
        assert_eq!((mailbox.close(), mailbox.refused()), (0, 0), "it is told once");
    }

    #[test]
    fn a_message_counted_behind_the_end_is_left_unless_it_was_taken_out() {
        let mailbox = Mailbox::default();
        assert_eq!(mailbox.accepted(), 0);
        // Three were taken out, but only one had been counted in by the time their senders counted them in.
        (0..3).for_each(|_| mailbox.taken());
        assert_eq!(mailbox.close(), 0);
        assert_eq!([mailbox.accepted(), mailbox.accepted(), mailbox.accepted()], [0, 0, 1]);
    }

    #[test]
    fn messages_of_senders_that_nobody_sees_never_make_it_less_than_nothing() {
        let mailbox = Mailbox::default();
        mailbox.taken();
        assert_eq!(mailbox.close(), 0);
    }

    #[test]
    fn senders_on_more_threads_than_there_are_lanes_are_counted_exactly() {
        let mailbox = Mailbox::default();
        let each = 10_000;
        std::thread::scope(|scope| {
            for _ in 0..2 * LANES {
                scope.spawn(|| (0..each).for_each(|_| assert_eq!(mailbox.accepted(), 0)));
            }
            (0..each).for_each(|_| mailbox.taken());
        });
        assert_eq!(mailbox.close(), (2 * LANES as u64 - 1) * each);
    }
}
