//! How many messages went into a mailbox, and how many came out of it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what senders put into a mailbox and what its actor takes out, without a lock and without a wait, so that the
/// rest can be told when the actor ends.
///
/// Where only some senders count in, but the actor counts out every message, the rest is "at least" so many.
///
/// ```
/// use papyra::observe::Mailbox;
/// let mailbox = Mailbox::default();
/// for _ in 0..3 {
///     assert!(!mailbox.accepted());
/// }
/// mailbox.taken();
/// assert_eq!(mailbox.close(), 2);
/// assert!(mailbox.accepted(), "counted in too late for `close`, but not lost");
/// ```
#[derive(Debug, Default)]
pub struct Mailbox {
    /// Twice the number of messages, plus [`CLOSED`].
    accepted: Line,
    taken: Line,
}

/// Senders and the actor write to a cache line each, so that neither makes the other wait.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line(AtomicU64);

const CLOSED: u64 = 1;
const MESSAGE: u64 = 2;

impl Mailbox {
    /// Counts a message that was accepted. The answer is whether it is left behind and nobody else will say so: between
    /// the acceptance and this call the actor ended, and the rest was counted without this message.
    #[must_use]
    pub fn accepted(&self) -> bool {
        let before = self.accepted.0.fetch_add(MESSAGE, Ordering::AcqRel);
        before & CLOSED != 0 && before / MESSAGE >= self.taken.0.load(Ordering::Relaxed)
    }

    /// Counts a message that the actor takes out. Only one thread at a time may call this, the actor's own.
    pub fn taken(&self) {
        let taken = self.taken.0.load(Ordering::Relaxed);
        self.taken.0.store(taken + 1, Ordering::Relaxed);
    }

    /// How many messages were left behind by an actor that takes out no more.
    pub fn close(&self) -> u64 {
        let accepted = self.accepted.0.fetch_or(CLOSED, Ordering::AcqRel) / MESSAGE;
        accepted.saturating_sub(self.taken.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_taken_out_is_left() {
        let mailbox = Mailbox::default();
        assert!((0..5).all(|_| !mailbox.accepted()));
        mailbox.taken();
        mailbox.taken();
        assert_eq!(mailbox.close(), 3);
    }

    #[test]
    fn a_message_counted_behind_the_end_is_left_unless_it_was_taken_out() {
        let mailbox = Mailbox::default();
        assert!(!mailbox.accepted());
        // Three were taken out, but only one had been counted in by the time their senders counted them in.
        (0..3).for_each(|_| mailbox.taken());
        assert_eq!(mailbox.close(), 0);
        assert_eq!([mailbox.accepted(), mailbox.accepted(), mailbox.accepted()], [false, false, true]);
    }

    #[test]
    fn messages_of_senders_that_nobody_sees_never_make_it_less_than_nothing() {
        let mailbox = Mailbox::default();
        mailbox.taken();
        assert_eq!(mailbox.close(), 0);
    }
}
