//! What a storm is.

use std::fmt;

use serde::{Serialize, Serializer};

/// The kinds of storms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum StormKind {
    /// One actor crashes, or fails to start, again and again for the same reason.
    CrashLoop,
    /// Several actors crash for the same reason.
    CrashStorm,
    /// One actor is restarted again and again, whatever for.
    RestartStorm,
    /// Messages of one type to one actor are lost for the same reason.
    DeadLetterStorm,
}

impl StormKind {
    /// Every kind.
    pub const ALL: [StormKind; 4] =
        [StormKind::CrashLoop, StormKind::CrashStorm, StormKind::RestartStorm, StormKind::DeadLetterStorm];

    /// The word that stands in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            StormKind::CrashLoop => "crash_loop",
            StormKind::CrashStorm => "crash_storm",
            StormKind::RestartStorm => "restart_storm",
            StormKind::DeadLetterStorm => "dead_letter_storm",
        }
    }
}

impl fmt::Display for StormKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for StormKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The same thing, again and again in a short time.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Storm {
    /// Which kind of storm.
    #[serde(rename = "storm")]
    pub kind: StormKind,
    /// The actor; `None` if it was several, or one without an address.
    pub actor: Option<String>,
    /// The type of the messages that were lost.
    pub message_type: Option<String>,
    /// Why: the error of crashes, the reason of dead letters; `None` if nobody told.
    pub reason: Option<String>,
    /// How often; of dead letters, how many messages.
    pub count: u64,
    /// When it began, in seconds since 1970.
    pub since: f64,
    /// When it happened for the last time, in seconds since 1970.
    pub until: f64,
}
