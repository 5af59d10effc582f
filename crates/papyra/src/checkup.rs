//! What can be said of the settings around a log: of its server, say. A scan looks at the facts, a checkup at what they rest on.

use std::fmt;

use async_trait::async_trait;
use serde::Serialize;

use crate::Result;

/// A log whose surroundings can be looked at.
#[async_trait]
pub trait Checkup: fmt::Debug + Send + Sync {
    /// Looks, and changes nothing. What nobody is allowed to look at is a check without an answer, no error.
    ///
    /// # Errors
    /// `Unavailable` if the server cannot be reached.
    async fn checks(&self) -> Result<Vec<Check>>;
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Check {
    /// Its stable name, such as `eviction`.
    pub name: &'static str,
    /// What was found.
    pub verdict: CheckVerdict,
    /// A lower-case sentence for people.
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cure: Option<String>,
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CheckVerdict {
    /// Nothing to worry about.
    Ok,
    /// It could not be looked at.
    Unknown,
    /// Facts may be lost, or more may be needed than there is.
    Warning,
}

impl CheckVerdict {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            CheckVerdict::Ok => "ok",
            CheckVerdict::Unknown => "unknown",
            CheckVerdict::Warning => "warning",
        }
    }
}

impl Check {
    /// Nothing to worry about.
    pub fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Check { name, verdict: CheckVerdict::Ok, detail: detail.into(), cure: None }
    }

    /// Something that should be changed.
    pub fn warning(name: &'static str, detail: impl Into<String>, cure: impl Into<String>) -> Self {
        Check { name, verdict: CheckVerdict::Warning, detail: detail.into(), cure: Some(cure.into()) }
    }

    /// Nobody may look.
    pub fn unknown(name: &'static str, detail: impl Into<String>) -> Self {
        Check { name, verdict: CheckVerdict::Unknown, detail: detail.into(), cure: None }
    }
}
