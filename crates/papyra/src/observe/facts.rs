//! The events of an actor's life and what each carries: the one place where they are written.

use std::cell::RefCell;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{Crash, Decision, Life, Restart, processing::Handled};
use crate::{ActorAddress, Event, Payload, Timestamp};

/// The longest name, text of a panic, error or reason that is kept, in bytes: the fact of a crash must never be too large to
/// record.
const MAX_TEXT: usize = 8 * 1024;

pub(super) fn started(life: &Life) -> Event {
    #[derive(Serialize)]
    struct Started<'a> {
        generation: u64,
        parent: Option<&'a str>,
    }
    of(life.address(), "ActorStarted", &Started { generation: life.generation(), parent: life.parent().map(shortened) })
}

pub(super) fn restarted(life: &Life, restart: Restart) -> Event {
    #[derive(Serialize)]
    struct Restarted {
        generation: u64,
        in_window: Option<u64>,
        limit: Option<u64>,
    }
    let Restart { in_window, limit } = restart;
    of(life.address(), "ActorRestarted", &Restarted { generation: life.generation(), in_window, limit })
}

/// There is no generation if the actor was refused the name of another, living one.
pub(super) fn start_failed(actor: &ActorAddress, generation: Option<u64>, error: &str) -> Event {
    #[derive(Serialize)]
    struct StartFailed<'a> {
        generation: Option<u64>,
        error: &'a str,
    }
    of(actor, "ActorStartFailed", &StartFailed { generation, error: shortened(error) })
}

pub(super) fn stopped(life: &mut Life, reason: Option<&str>) -> Event {
    #[derive(Serialize)]
    struct Stopped<'a> {
        generation: u64,
        reason: Option<&'a str>,
    }
    let stopped = Stopped { generation: life.generation(), reason: reason.map(shortened) };
    last_of(life.take_address(), "ActorStopped", &stopped)
}

pub(super) fn crashed(life: &mut Life, crash: &Crash) -> Event {
    #[derive(Serialize)]
    struct Crashed<'a> {
        generation: u64,
        error: &'a str,
        how: Option<&'static str>,
        location: Option<&'a str>,
        message_type: Option<&'a str>,
    }
    let crashed = Crashed {
        generation: life.generation(),
        error: shortened(&crash.error),
        how: crash.how.map(|how| how.as_str()),
        location: crash.location.as_deref().map(shortened),
        message_type: crash.message_type.as_deref().map(shortened),
    };
    last_of(life.take_address(), "ActorCrashed", &crashed)
}

pub(super) fn decided(actor: &ActorAddress, decision: Decision, context: &Payload) -> Event {
    #[derive(Serialize)]
    struct Decided<'a> {
        decision: &'static str,
        context: Option<&'a RawValue>,
    }
    // A payload is JSON, so this cannot fail.
    let context = serde_json::from_str(context.as_json()).ok();
    let decided = Decided { decision: decision.as_str(), context };
    // It nests one level deeper than its context, which may be one too many.
    Event::new(actor.clone(), "SupervisionDecision").with_payload(Payload::of(&decided))
}

/// A sum over the messages of one type since a time.
pub(super) fn processed(actor: &ActorAddress, handled: &Handled, since: &Timestamp) -> Event {
    #[derive(Serialize)]
    struct Processed<'a> {
        message_type: &'a str,
        count: u64,
        total_seconds: f64,
        max_seconds: f64,
        since: f64,
    }
    let processed = Processed {
        message_type: shortened(handled.message_type),
        count: handled.count,
        total_seconds: handled.total.as_secs_f64(),
        max_seconds: handled.max.as_secs_f64(),
        since: since.seconds(),
    };
    of(actor, "MessageProcessed", &processed)
}

/// So many generations in a row crashed on a message of this type.
pub(super) fn poisoned(actor: &ActorAddress, message_type: &str, generations: u64, error: &str) -> Event {
    #[derive(Serialize)]
    struct Poisoned<'a> {
        message_type: &'a str,
        generations: u64,
        error: &'a str,
    }
    let poisoned = Poisoned { message_type: shortened(message_type), generations, error: shortened(error) };
    of(actor, "PoisonMessage", &poisoned)
}

/// A panic that no adapter catches. It concerns no actor.
pub(super) fn panicked(system: &str, message: &str, place: Option<(&str, u32)>, thread: Option<&str>) -> Event {
    #[derive(Serialize)]
    struct Panicked<'a> {
        message: &'a str,
        file: Option<&'a str>,
        line: Option<u32>,
        thread: Option<&'a str>,
    }
    let (file, line) = place.unzip();
    let panicked =
        Panicked { message: shortened(message), file: file.map(shortened), line, thread: thread.map(shortened) };
    of(&ActorAddress::UNKNOWN, "ProcessPanicked", &panicked).with_system(system)
}

thread_local! {
    /// Where payloads are written before they are kept: an actor's thread asks for memory once for each, and for no more than
    /// it takes.
    static TEXT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// These payloads are flat and their numbers finite: what [`Payload::of`] would look for cannot be there, and looking costs
/// the actor more than all the rest.
fn of<T: Serialize>(actor: &ActorAddress, event_type: &str, payload: &T) -> Event {
    last_of(actor.clone(), event_type, payload)
}

/// The same for an actor that needs its address no more.
fn last_of<T: Serialize>(actor: ActorAddress, event_type: &str, payload: &T) -> Event {
    let written = TEXT.try_with(|text| {
        let mut text = text.try_borrow_mut().ok()?;
        text.clear();
        serde_json::to_writer(&mut *text, payload).ok()?;
        std::str::from_utf8(&text).ok().map(Payload::trusted)
    });
    // A thread that ends has no such place any more, and a panic may have come in between.
    let anew = || serde_json::to_string(payload).map_or_else(|_| Payload::empty(), Payload::trusted);
    let payload = written.ok().flatten().unwrap_or_else(anew);
    Event::carrying(actor, event_type.to_owned(), payload)
}

pub(super) fn shortened(text: &str) -> &str {
    let fits = |&end: &usize| text.is_char_boundary(end);
    let end = (0..=text.len().min(MAX_TEXT)).rev().find(fits).unwrap_or(0);
    &text[..end]
}
