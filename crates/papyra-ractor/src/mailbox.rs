//! How many messages went into an actor's mailbox, and how many came out of it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts without a lock: senders count in, the actor counts out, and each has a cache line of its own.
///
/// Only senders with an observed reference count in, whereas the actor counts out every message. So what is left at the
/// end is at least the difference.
#[derive(Default)]
pub(crate) struct Mailbox {
    /// Twice the number of messages, plus [`CLOSED`].
    accepted: Line,
    handled: Line,
}

#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicU64);

const CLOSED: u64 = 1;
const MESSAGE: u64 = 2;

impl Mailbox {
    /// Counts a message that ractor accepted. The answer is whether it is left behind and nobody else will say so: the
    /// actor had ended, and what was left had been counted, between ractor's answer and this call.
    #[must_use]
    pub(crate) fn accepted(&self) -> bool {
        let before = self.accepted.0.fetch_add(MESSAGE, Ordering::AcqRel);
        before & CLOSED != 0 && before / MESSAGE >= self.handled.0.load(Ordering::Relaxed)
    }

    /// Counts a message that the actor takes out; only the actor's own task calls this.
    pub(crate) fn handled(&self) {
        let handled = self.handled.0.load(Ordering::Relaxed);
        self.handled.0.store(handled + 1, Ordering::Relaxed);
    }

    /// How many messages, at least, the actor left behind. It has ended: it takes none out any more.
    pub(crate) fn close(&self) -> u64 {
        let accepted = self.accepted.0.fetch_or(CLOSED, Ordering::AcqRel) / MESSAGE;
        accepted.saturating_sub(self.handled.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_taken_out_is_left() {
        let mailbox = Mailbox::default();
        assert!((0..5).all(|_| !mailbox.accepted()));
        mailbox.handled();
        mailbox.handled();
        assert_eq!(mailbox.close(), 3);
    }

    #[test]
    fn a_message_counted_behind_the_end_is_left_unless_it_was_taken_out() {
        let mailbox = Mailbox::default();
        assert!(!mailbox.accepted());
        // Three were handled, two of them by the time their senders counted them in.
        (0..3).for_each(|_| mailbox.handled());
        assert_eq!(mailbox.close(), 0);
        assert_eq!([mailbox.accepted(), mailbox.accepted(), mailbox.accepted()], [false, false, true]);
    }

    #[test]
    fn messages_of_senders_that_nobody_sees_never_make_it_less_than_nothing() {
        let mailbox = Mailbox::default();
        mailbox.handled();
        assert_eq!(mailbox.close(), 0);
    }
}
