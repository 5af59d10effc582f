//! How long to wait before the next try: longer each time, and never as long as the others wait.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

/// The wait behind the first failure is at most this long, then twice as long each time.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(10);

/// Failures in a row.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait behind one more failure: between half of what is due and all of it, by chance. Else all workers, who
    /// failed together, would come back together.
    pub(super) fn next(&mut self, chance: u64) -> Duration {
        let due = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let half = due / 2;
        half + half.mul_f64(chance as f64 / u64::MAX as f64)
    }

    /// It went well. Gives how often it had not.
    pub(super) fn reset(&mut self) -> u32 {
        std::mem::take(&mut self.failures)
    }
}

/// A number that nobody can foretell: the seed of a hash, which the system draws by lot.
pub(super) fn chance() -> u64 {
    RandomState::new().hash_one(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit_and_begin_anew() {
        let mut backoff = Backoff::default();
        let waits: Vec<Duration> = (0..100).map(|_| backoff.next(u64::MAX)).collect();
        assert_eq!(waits[0], FIRST);
        assert_eq!(waits[3], FIRST * 8);
        assert!(waits.is_sorted());
        assert_eq!(waits[99], LONGEST);
        assert_eq!(backoff.reset(), 100);
        assert_eq!(backoff.next(0), FIRST / 2);
    }

    #[test]
    fn two_workers_that_failed_together_do_not_come_back_together() {
        let waits: std::collections::BTreeSet<Duration> = (0..100).map(|_| Backoff::default().next(chance())).collect();
        assert!(waits.len() > 50, "{waits:?}");
        assert!(waits.iter().all(|wait| (FIRST / 2..=FIRST).contains(wait)), "{waits:?}");
    }
}
