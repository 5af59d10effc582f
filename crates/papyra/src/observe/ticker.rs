//! What an observation does now and then, on a thread of its own: no host's runtime has to be there, or to have a timer.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

/// Nothing is done more often than this.
const SHORTEST_PERIOD: Duration = Duration::from_millis(10);
/// How long the end of a ticker waits for work that is under way, such as an audit that asks a framework.
const LONGEST_END: Duration = Duration::from_secs(1);

/// Work that is done again and again.
pub(super) struct Round {
    every: Duration,
    work: Box<dyn FnMut() + Send>,
}

impl Round {
    /// The first time comes after one period.
    pub(super) fn new(every: Duration, work: impl FnMut() + Send + 'static) -> Self {
        Round { every: every.max(SHORTEST_PERIOD), work: Box::new(work) }
    }
}

/// Rounds that are made until it is dropped.
pub(super) struct Ticker {
    shared: Arc<Shared>,
    thread: ThreadId,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stopping: bool,
    ended: bool,
}

impl Ticker {
    /// `None` if the system has no thread to give: then nothing happens by itself.
    pub(super) fn start(rounds: Vec<Round>) -> Option<Self> {
        let shared = Arc::<Shared>::default();
        let ticking = Arc::clone(&shared);
        let thread = thread::Builder::new().name("papyra-observe".to_owned()).spawn(move || {
            ticking.run(rounds);
            ticking.state().ended = true;
            ticking.changed.notify_all();
        });
        thread.ok().map(|thread| Ticker { shared, thread: thread.thread().id() })
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the rounds hold is let go when it returns.
    fn run(&self, rounds: Vec<Round>) {
        let begun = Instant::now();
        // A period beyond what a clock can show never ends.
        let due = |round: Round| Some((begun.checked_add(round.every)?, round));
        let mut rounds: Vec<_> = rounds.into_iter().filter_map(due).collect();
        while let Some(next) = rounds.iter().map(|(due, _)| *due).min() {
            let left = next.saturating_duration_since(Instant::now());
            let waited = self.changed.wait_timeout_while(self.state(), left, |state| !state.stopping);
            if waited.unwrap_or_else(PoisonError::into_inner).0.stopping {
                return;
            }
            let now = Instant::now();
            for (due, round) in rounds.iter_mut().filter(|(due, _)| *due <= now) {
                // The code of an adapter or its user may be called here; the next time it may do better.
                let _ = catch_unwind(AssertUnwindSafe(|| (round.work)()));
                // A busy system is not made busier by work that was not done in time.
                *due = Instant::now().checked_add(round.every).unwrap_or(*due);
            }
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.state().stopping = true;
        self.shared.changed.notify_all();
        // A round may be the last to hold what it works for.
        if thread::current().id() != self.thread {
            let _ = self.shared.changed.wait_timeout_while(self.shared.state(), LONGEST_END, |state| !state.ended);
        }
    }
}

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticker").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn every_round_comes_again_even_if_one_panics_and_none_after_the_drop() {
        let (told, heard) = mpsc::channel();
        let tell = |name: &'static str| {
            let told = told.clone();
            move || told.send(name).unwrap()
        };
        let (a, b) = (tell("panics"), tell("works"));
        let panics = Round::new(Duration::ZERO, move || {
            a();
            std::panic::resume_unwind(Box::new("planned"));
        });
        let ticker = Ticker::start(vec![panics, Round::new(Duration::ZERO, b)]).unwrap();
        drop(told);
        let first: Vec<_> = heard.iter().take(6).collect();
        assert!(first.iter().filter(|name| **name == "panics").count() >= 2, "{first:?}");
        assert!(first.iter().filter(|name| **name == "works").count() >= 2, "{first:?}");
        drop(ticker);
        // What the rounds hold has been let go, so the channel ends.
        heard.iter().for_each(drop);
    }

    #[test]
    fn a_round_that_never_comes_holds_up_no_other() {
        let (told, heard) = mpsc::channel();
        let never = Round::new(Duration::MAX, || {});
        let often = Round::new(Duration::ZERO, move || {
            // Two are enough.
            let _ = told.send(());
        });
        let ticker = Ticker::start(vec![never, often]).unwrap();
        // It ends with an error once the ticker has let its rounds go.
        assert_eq!(heard.iter().take(2).count(), 2);
        drop(ticker);
    }
}
