//! How long to wait before trying again: longer from time to time, and never in step with others.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    time::Duration,
};

const FIRST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_millis(1000);

/// Waits that grow, each shortened by chance: clients of a server that came back must not all come at once.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Backoff {
    pub(super) fn new() -> Self {
        Backoff(FIRST)
    }

    /// The next wait: between half of the span and the whole of it.
    pub(super) fn next(&mut self) -> Duration {
        let span = self.0;
        self.0 = (span * 2).min(LONGEST);
        // Each hasher has keys of its own, from the system's randomness.
        let chance = RandomState::new().build_hasher().finish() % 1000;
        span / 2 + span / 2 * u32::try_from(chance).unwrap_or(0) / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_limit() {
        let mut backoff = Backoff::new();
        let waits: Vec<Duration> = (0..20).map(|_| backoff.next()).collect();
        assert!(waits[0] >= FIRST / 2 && waits[0] <= FIRST, "{waits:?}");
        assert!(waits[10..].iter().all(|wait| *wait >= LONGEST / 2 && *wait <= LONGEST), "{waits:?}");
    }
}
