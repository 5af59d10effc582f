//! How often a supervisor has restarted its children.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::Restart;

/// Counts the restarts of one supervisor's children within a window, as a supervisor does that allows only so many.
///
/// ```
/// use std::time::Duration;
/// use papyra::observe::{Restart, RestartCount};
/// let restarts = RestartCount::new(5, Duration::from_secs(60));
/// let supervisor = 1;
/// assert_eq!(restarts.starting(supervisor, "worker"), Restart::counted(0, 5));
/// assert_eq!(restarts.starting(supervisor, "worker"), Restart::counted(1, 5));
/// ```
#[derive(Debug)]
pub struct RestartCount {
    limit: u64,
    window: Duration,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    supervisor: u64,
    children: HashSet<String>,
    restarts: VecDeque<Instant>,
}

impl RestartCount {
    /// A supervisor that gives up when it restarts more than `limit` times within `window`.
    pub fn new(limit: u64, window: Duration) -> Self {
        RestartCount { limit, window, seen: Mutex::default() }
    }

    /// A child is about to start: each start of a child but its first is a restart. A supervisor with another id is a new
    /// incarnation and counts from zero again.
    pub fn starting(&self, supervisor: u64, child: &str) -> Restart {
        self.starting_at(supervisor, child, Instant::now())
    }

    fn starting_at(&self, supervisor: u64, child: &str, now: Instant) -> Restart {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.supervisor != supervisor {
            *seen = Seen { supervisor, ..Seen::default() };
        }
        if !seen.children.insert(child.to_owned()) {
            seen.restarts.push_back(now);
        }
        while seen.restarts.front().is_some_and(|&restart| now.duration_since(restart) >= self.window) {
            seen.restarts.pop_front();
        }
        Restart::counted(seen.restarts.len() as u64, self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_of_all_children_count_until_the_window_has_passed() {
        let restarts = RestartCount::new(3, Duration::from_secs(10));
        let begun = Instant::now();
        let counted = [("a", 0), ("b", 0), ("a", 1), ("b", 9), ("a", 11), ("c", 30)].map(|(child, seconds)| {
            restarts.starting_at(7, child, begun + Duration::from_secs(seconds)).in_window.unwrap_or_default()
        });
        assert_eq!(counted, [0, 0, 1, 2, 2, 0]);
    }

    #[test]
    fn a_supervisor_that_was_restarted_itself_begins_anew() {
        let restarts = RestartCount::new(3, Duration::MAX);
        let counted = [(1, "a"), (1, "a"), (2, "a"), (2, "a")]
            .map(|(supervisor, child)| restarts.starting(supervisor, child).in_window);
        assert_eq!(counted, [Some(0), Some(1), Some(0), Some(1)]);
    }
}
