//! What a limit was compared with, and how that came out.

use papyra::units::format_duration;
use serde::{Serialize, Serializer};

use super::limits::Limit;

/// One limit and what there is.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) state: State,
    pub(super) value: Value,
    pub(super) limit: Value,
    /// The time in which it was counted; `None` for what is not counted in a time.
    window_seconds: Option<f64>,
    #[serde(skip)]
    pub(super) words: String,
}

/// How a comparison came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Ok,
    Exceeded,
    /// The backend cannot tell.
    Unsupported,
}

/// A number of things, seconds, or nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    Count(u64),
    Seconds(f64),
    None,
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Count(count) => serializer.serialize_u64(*count),
            Value::Seconds(seconds) => serializer.serialize_f64(*seconds),
            Value::None => serializer.serialize_none(),
        }
    }
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Exceeded => "exceeded",
            State::Unsupported => "unsupported",
        }
    }

    fn of(exceeded: bool) -> State {
        if exceeded { State::Exceeded } else { State::Ok }
    }
}

impl Finding {
    /// So many within a time.
    pub(super) fn counted(check: &'static str, found: u64, limit: &Limit) -> Self {
        let what = check.replace('_', " ");
        Finding {
            check,
            state: State::of(found > limit.most),
            value: Value::Count(found),
            limit: Value::Count(limit.most),
            window_seconds: Some(limit.within.as_secs_f64()),
            words: format!("{found} {what} {} (at most {})", limit.in_words(), limit.most),
        }
    }

    /// So many findings of a scan; `None` if the backend cannot scan.
    pub(super) fn anomalies(found: Option<u64>, most: u64) -> Self {
        let (state, value, words) = match found {
            Some(found) => {
                (State::of(found > most), Value::Count(found), format!("{found} anomalies (at most {most})"))
            }
            None => {
                (State::Unsupported, Value::None, "the backend does not support scan: no anomaly can be found".into())
            }
        };
        Finding { check: "anomalies", state, value, limit: Value::Count(most), window_seconds: None, words }
    }

    /// How old the last fact is, in seconds; `None` if there is none.
    pub(super) fn age_of_last(age: Option<f64>, most: std::time::Duration) -> Self {
        let limit = format_duration(most);
        let (exceeded, value, words) = match age {
            Some(age) => {
                let whole = format_duration(std::time::Duration::from_secs(age as u64));
                (
                    age > most.as_secs_f64(),
                    Value::Seconds(age),
                    format!("the last fact is {whole} old (at most {limit})"),
                )
            }
            None => (true, Value::None, format!("there is no fact (at most {limit} ago)")),
        };
        Finding {
            check: "age_of_last_seconds",
            state: State::of(exceeded),
            value,
            limit: Value::Seconds(most.as_secs_f64()),
            window_seconds: None,
            words,
        }
    }
}
