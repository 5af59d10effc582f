//! What of a message may stand in its dead letter: nothing, unless somebody asked for it.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use crate::Payload;

/// A larger payload is left out, in bytes: dead letters come by the thousand.
const MAX_PAYLOAD: usize = 64 * 1024;

/// Decides about a payload by its message's type: gives what may stand in the log, `None` for nothing.
#[derive(Clone)]
pub(super) struct Redaction(Arc<Hook>);

type Hook = dyn Fn(&str, Payload) -> Option<Payload> + Send + Sync;

impl Redaction {
    pub(super) fn new(hook: impl Fn(&str, Payload) -> Option<Payload> + Send + Sync + 'static) -> Self {
        Redaction(Arc::new(hook))
    }

    /// The payload as it may be recorded. Code of the host runs here; its panic must not reach the sender.
    pub(super) fn of(&self, message_type: &str, payload: impl FnOnce() -> Option<Payload>) -> Option<Payload> {
        let redacted = catch_unwind(AssertUnwindSafe(|| (self.0)(message_type, payload()?)));
        redacted.ok().flatten().filter(|payload| payload.as_json().len() <= MAX_PAYLOAD)
    }
}

impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redaction").finish_non_exhaustive()
    }
}
