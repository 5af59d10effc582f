//! Panics of tasks whose framework catches them, and tells an adapter what they said but not where they happened.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::task;

/// The tasks whose panics somebody will record, each with the place of its panic.
static EXPECTED: Mutex<Option<HashMap<task::Id, Option<String>>>> = Mutex::new(None);

/// As long as it lives, an installed [`PanicHook`](super::PanicHook) leaves a panic of the task in which it was made to its
/// holder, and remembers where it happened. It is for adapters whose framework catches the panics of its actors: it costs
/// a message nothing.
#[derive(Debug)]
pub struct ExpectedPanic(Option<task::Id>);

impl ExpectedPanic {
    /// Expects panics of the tokio task that runs now; outside of a task, none.
    pub fn of_this_task() -> Self {
        let task = task::try_id();
        if let Some(task) = task {
            expected().get_or_insert_default().insert(task, None);
        }
        ExpectedPanic(task)
    }

    /// Where the task panicked, as `FILE:LINE`; known if a [`PanicHook`](super::PanicHook) is installed.
    pub fn location(&self) -> Option<String> {
        expected().as_mut()?.get_mut(&self.0?)?.take()
    }
}

impl Drop for ExpectedPanic {
    fn drop(&mut self) {
        if let (Some(task), Some(tasks)) = (self.0, expected().as_mut()) {
            tasks.remove(&task);
        }
    }
}

/// Whether somebody expects a panic of the task that runs now; if so, remembers where it happened.
pub(super) fn is_expected(location: Option<&str>) -> bool {
    let Some(task) = task::try_id() else { return false };
    let mut expected = expected();
    let Some(place) = expected.as_mut().and_then(|tasks| tasks.get_mut(&task)) else { return false };
    *place = location.map(str::to_owned);
    true
}

fn expected() -> MutexGuard<'static, Option<HashMap<task::Id, Option<String>>>> {
    EXPECTED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_expected_of_one_task_as_long_as_somebody_waits_for_it() {
        assert!(!is_expected(None), "the test's own task");
        let task = tokio::spawn(async {
            assert!(!is_expected(Some("a.rs:1")));
            let expected = ExpectedPanic::of_this_task();
            assert!(is_expected(Some("a.rs:2")));
            assert!(!tokio::spawn(async { is_expected(Some("b.rs:1")) }).await.unwrap());
            assert_eq!(expected.location().as_deref(), Some("a.rs:2"));
            drop(expected);
            is_expected(Some("a.rs:3"))
        });
        assert!(!task.await.unwrap());
    }
}
