//! How a part is, as the last append to it found.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{Appended, Backend, Error, ErrorKind, Fact, Outcome, Result};

/// How long a server that cannot be reached is left alone at first; each further failure doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest that it is left alone.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How a part is. A server that cannot be reached is not asked for a while: every try could cost its whole timeout, and the
/// other parts would have to wait.
#[derive(Debug, Default)]
pub(super) struct State(Mutex<Option<Trouble>>);

#[derive(Debug)]
struct Trouble {
    error: Error,
    pause: Duration,
    since: Instant,
}

impl State {
    /// Whether the last append failed for a reason that concerns more than its own facts.
    pub(super) fn is_down(&self) -> bool {
        self.trouble().is_some()
    }

    /// Appends to the part, unless it is being left alone.
    pub(super) async fn append(&self, backend: &dyn Backend, facts: &[Fact]) -> Result<Appended> {
        if let Some(error) = self.left_alone() {
            return Err(error);
        }
        let appended = backend.append(facts).await.and_then(|appended| counted(appended, facts.len()));
        self.learn(&appended);
        appended
    }

    fn left_alone(&self) -> Option<Error> {
        let trouble = self.trouble();
        let trouble = trouble.as_ref()?;
        let waits = trouble.error.kind() == ErrorKind::Unavailable && trouble.since.elapsed() < trouble.pause;
        // Nothing is tried now, so nothing of these facts can be there, whatever became of the last ones.
        waits.then(|| {
            let error = Error::new(ErrorKind::Unavailable, trouble.error.to_string());
            match trouble.error.cure() {
                Some(cure) => error.with_cure(cure),
                None => error,
            }
        })
    }

    fn learn(&self, appended: &Result<Appended>) {
        let mut trouble = self.trouble();
        match appended {
            Ok(_) => *trouble = None,
            // The facts are at fault, not the part.
            Err(error) if error.kind() == ErrorKind::Invalid && error.outcome() == Outcome::NotWritten => {}
            Err(error) => {
                let pause = trouble.as_ref().map_or(FIRST_PAUSE, |before| LONGEST_PAUSE.min(before.pause * 2));
                *trouble = Some(Trouble { error: error.clone(), pause, since: Instant::now() });
            }
        }
    }

    fn trouble(&self) -> MutexGuard<'_, Option<Trouble>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One position per fact, or nobody could say which fact is where.
fn counted(appended: Appended, facts: usize) -> Result<Appended> {
    if appended.positions.len() == facts {
        return Ok(appended);
    }
    let positions = appended.positions.len();
    Err(Error::new(ErrorKind::Internal, format!("the log acknowledged {facts} facts with {positions} positions"))
        .with_cure("this is a bug of the log's backend: report it")
        .with_unknown_outcome())
}
