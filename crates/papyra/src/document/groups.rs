//! The consumer groups of a log, and how far each is.

use serde::Serialize;

use crate::{ConsumerState, GroupState, Kind, Log, Result};

/// Consumer groups, as they are written in JSON.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Groups {
    /// The groups, by kind and name.
    pub groups: Vec<GroupFigures>,
}

/// How far a group is.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct GroupFigures {
    /// The kind of facts that its consumers share.
    pub kind: &'static str,
    /// Its name.
    pub group: String,
    /// Entries that were delivered and not acknowledged.
    pub pending: u64,
    /// Entries that were not delivered yet; `None` if the server cannot tell.
    pub lag: Option<u64>,
    /// The last entry that was delivered.
    pub last_delivered: Option<String>,
    /// The oldest of the pending entries.
    pub oldest_pending: Option<String>,
    /// How long that has been idle.
    pub oldest_idle_seconds: Option<f64>,
    /// Its consumers.
    pub consumers: Vec<ConsumerFigures>,
}

/// What a consumer has in hand.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct ConsumerFigures {
    /// Its name.
    pub consumer: String,
    /// Entries that are pending with it.
    pub pending: u64,
    /// How long it has not been heard of.
    pub idle_seconds: f64,
}

impl Groups {
    /// Asks for the groups of a log.
    ///
    /// # Errors
    /// `Unsupported` if the log's backend has none; `Unavailable` if the server cannot be reached.
    pub async fn of(log: &Log) -> Result<Groups> {
        let known = log.consumer_groups()?;
        let mut groups = Vec::new();
        for kind in Kind::KNOWN {
            groups.extend(known.list(kind).await?.iter().map(GroupFigures::of));
        }
        Ok(Groups { groups })
    }

    /// These groups.
    pub fn these<'a>(states: impl IntoIterator<Item = &'a GroupState>) -> Groups {
        Groups { groups: states.into_iter().map(GroupFigures::of).collect() }
    }
}

impl GroupFigures {
    /// The figures of this group.
    pub fn of(state: &GroupState) -> Self {
        GroupFigures {
            kind: state.group.kind().as_str(),
            group: state.group.name().to_owned(),
            pending: state.pending,
            lag: state.lag,
            last_delivered: state.last_delivered.map(|position| position.to_string()),
            oldest_pending: state.oldest_pending.map(|position| position.to_string()),
            oldest_idle_seconds: state.oldest_idle.map(|idle| idle.as_secs_f64()),
            consumers: state.consumers.iter().map(ConsumerFigures::of).collect(),
        }
    }
}

impl ConsumerFigures {
    fn of(consumer: &ConsumerState) -> Self {
        ConsumerFigures {
            consumer: consumer.name.clone(),
            pending: consumer.pending,
            idle_seconds: consumer.idle.as_secs_f64(),
        }
    }
}
