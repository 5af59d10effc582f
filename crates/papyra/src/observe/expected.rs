//! Panics of tasks whose framework catches them, and tells an adapter what they said but not where they happened.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::task;

/// The tasks whose panics somebody will record.
static EXPECTED: Mutex<Option<HashMap<task::Id, Expected>>> = Mutex::new(None);

#[derive(Default)]
struct Expected {
    /// Two observers may expect the panics of one task.
    holders: usize,
    /// Where it panicked last.
    place: Option<String>,
}

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
            expected().get_or_insert_default().entry(task).or_default().holders += 1;
        }
        ExpectedPanic(task)
    }

    /// Where the task panicked last, as `FILE:LINE`; known if a [`PanicHook`](super::PanicHook) is installed.
    pub fn location(&self) -> Option<String> {
        expected().as_ref()?.get(&self.0?)?.place.clone()
    }
}

impl Drop for ExpectedPanic {
    fn drop(&mut self) {
        if let (Some(task), Some(tasks)) = (self.0, expected().as_mut())
            && let Entry::Occupied(mut expected) = tasks.entry(task)
        {
            expected.get_mut().holders -= 1;
            if expected.get().holders == 0 {
                expected.remove();
            }
        }
    }
}

/// Whether somebody expects a panic of the task that runs now; if so, remembers where it happened.
pub(super) fn is_expected(location: Option<&str>) -> bool {
    let Some(task) = task::try_id() else { return false };
    let mut expected = expected();
    let Some(expected) = expected.as_mut().and_then(|tasks| tasks.get_mut(&task)) else { return false };
    expected.place = location.map(str::to_owned);
    true
}

fn expected() -> MutexGuard<'static, Option<HashMap<task::Id, Expected>>> {
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
            let second = ExpectedPanic::of_this_task();
            drop(expected);
            assert_eq!(second.location().as_deref(), Some("a.rs:2"));
            drop(second);
            is_expected(Some("a.rs:3"))
        });
        assert!(!task.await.unwrap());
    }
}
