//! The events of an actor's life and what each carries.

use papyra::{ActorAddress, Event, Payload};
use serde::Serialize;

use crate::roster::Life;

/// The longest text of a panic, error or reason that is kept, in bytes: the fact of a crash must never be too large to record.
const MAX_TEXT: usize = 8 * 1024;

/// The actor takes messages. `parent` is its supervisor's address, null if it has none.
pub(crate) fn started(life: &Life) -> Event {
    #[derive(Serialize)]
    struct Started<'a> {
        generation: u64,
        parent: Option<&'a str>,
    }
    of(life.address.clone(), "ActorStarted", &Started { generation: life.generation, parent: life.parent.as_deref() })
}

/// The actor that started is not the first of its name.
pub(crate) fn restarted(life: &Life) -> Event {
    #[derive(Serialize)]
    struct Restarted {
        generation: u64,
    }
    of(life.address.clone(), "ActorRestarted", &Restarted { generation: life.generation })
}

/// The actor could not start. There is no generation if it was refused the name of another, living actor.
pub(crate) fn start_failed(address: ActorAddress, generation: Option<u64>, error: &str) -> Event {
    #[derive(Serialize)]
    struct StartFailed<'a> {
        generation: Option<u64>,
        error: &'a str,
    }
    of(address, "ActorStartFailed", &StartFailed { generation, error: shortened(error) })
}

/// The actor ended without an error. `reason` is null if none was given.
pub(crate) fn stopped(life: &Life, reason: Option<&str>) -> Event {
    #[derive(Serialize)]
    struct Stopped<'a> {
        generation: u64,
        reason: Option<&'a str>,
    }
    of(life.address.clone(), "ActorStopped", &Stopped { generation: life.generation, reason: reason.map(shortened) })
}

/// The actor ended with an error.
pub(crate) fn crashed(life: &Life, error: &str) -> Event {
    #[derive(Serialize)]
    struct Crashed<'a> {
        generation: u64,
        error: &'a str,
        how: Option<&'static str>,
    }
    // Only the wrapper sees whether an error was returned; of an actor that is merely watched nobody can say.
    let how = life.is_wrapped().then_some(if life.returned_error { "error" } else { "panic" });
    of(life.address.clone(), "ActorCrashed", &Crashed { generation: life.generation, error: shortened(error), how })
}

fn of<T: Serialize>(address: ActorAddress, event_type: &str, payload: &T) -> Event {
    Event::new(address, event_type).with_payload(Payload::of(payload))
}

fn shortened(text: &str) -> &str {
    let fits = |&end: &usize| text.is_char_boundary(end);
    let end = (0..=text.len().min(MAX_TEXT)).rev().find(fits).unwrap_or(0);
    &text[..end]
}
