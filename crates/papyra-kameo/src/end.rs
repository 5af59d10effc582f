//! How an incarnation ended, in Papyra's words.

use std::{
    any::{Any, TypeId},
    fmt::Debug,
};

use kameo::{
    Actor,
    error::{ActorStopReason, HookError, PanicError, PanicReason},
};
use papyra::observe::{Crash, Life, catch, panic_text};

use crate::entry::Detail;

/// The end of one incarnation.
pub(crate) enum End {
    StartFailed(String),
    /// With the reason, if there was one.
    Stopped(Option<String>),
    Crashed(Crash),
}

impl End {
    /// What kameo tells of a failed start.
    pub(crate) fn of_start<A: Actor>(error: HookError<&A::Error>) -> Self {
        End::StartFailed(cause::<A>(error).0)
    }

    /// What kameo tells of the end of an actor that had started.
    pub(crate) fn of_shutdown<A: Actor>(result: Result<&ActorStopReason, HookError<&A::Error>>) -> Self {
        let (text, crash) = match result {
            Ok(ActorStopReason::Normal) => return End::Stopped(None),
            Ok(ActorStopReason::Killed) => return End::Stopped(Some("killed".to_owned())),
            Ok(ActorStopReason::Panicked(error)) => cause_in::<A>(error),
            Ok(reason) => return End::Stopped(Some(reason.to_string())),
            // It ended while it cleaned up, in `on_stop`; then kameo keeps no other reason.
            Err(error) => cause::<A>(error),
        };
        End::Crashed(crash(text))
    }

    /// What kameo's `tracing` events show of a stop reason: its `Debug` form.
    #[cfg(feature = "tracing")]
    pub(crate) fn of_text(reason: &str) -> Self {
        let error = reason.strip_prefix("Panicked { err: ").and_then(|rest| rest.strip_suffix(" }"));
        match (reason, error) {
            ("Normal", _) => End::Stopped(None),
            ("Killed", _) => End::Stopped(Some("killed".to_owned())),
            (_, None) => End::Stopped(Some(reason.to_owned())),
            (_, Some(error)) => {
                // A text stands there in quotes and with escapes that are nearly those of JSON.
                let text = papyra::Payload::from_json(error).and_then(|text| text.decode::<String>());
                End::Crashed(Crash::unknown(text.unwrap_or_else(|_| error.to_owned())))
            }
        }
    }

    /// Whether nothing went wrong: no supervisor has given up such an actor for sure.
    pub(crate) fn is_normal(&self) -> bool {
        matches!(self, End::Stopped(None))
    }

    pub(crate) fn record(self, life: Life, detail: Detail) {
        match self {
            End::StartFailed(error) => life.start_failed(&error),
            End::Stopped(reason) => life.stopped(reason.as_deref()),
            End::Crashed(crash) => life.crashed(&crash.at(detail.location).handling(detail.message_type)),
        }
    }
}

/// The text of a panic or an error of one of the actor's functions, and which of both it is.
type Cause = (String, fn(String) -> Crash);

fn cause<A: Actor>(error: HookError<&A::Error>) -> Cause {
    match error {
        HookError::Error(error) if is_text::<A>() => (text_of(error, error), Crash::unknown),
        HookError::Error(error) => (text_of(error, error), Crash::error),
        HookError::Panicked(panic) => cause_in::<A>(&panic),
    }
}

fn cause_in<A: Actor>(error: &PanicError) -> Cause {
    let text = error.with(|error| match error.downcast_ref::<Box<dyn Any + Send>>() {
        Some(panic) => panic_text(&**panic).to_owned(),
        None => text_of(error, (**error).as_any()),
    });
    let how = match error.reason() {
        PanicReason::HandlerPanic => Crash::panic,
        PanicReason::OnMessage => Crash::error,
        _ if is_text::<A>() => Crash::unknown,
        _ if error.with_downcast_ref(|_: &A::Error| ()).is_some() => Crash::error,
        _ => Crash::panic,
    };
    (text, how)
}

/// A text as it is, anything else in its `Debug` form, the only one that kameo asks of errors.
fn text_of(error: &dyn Debug, any: &dyn Any) -> String {
    let text = any.downcast_ref::<String>().cloned();
    text.or_else(|| any.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_else(|| {
        // The code of the host runs here, and a fact must not get lost by it.
        catch(|| format!("{error:?}")).unwrap_or_else(|_| "an error that panics when it is shown".to_owned())
    })
}

/// Whether the actor's errors look like panics: of those, kameo keeps the text as just that.
fn is_text<A: Actor>() -> bool {
    [TypeId::of::<&'static str>(), TypeId::of::<String>()].contains(&TypeId::of::<A::Error>())
}
