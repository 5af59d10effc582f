//! What waits in a spool.

use serde::Serialize;

/// What waits in a spool for its remote log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Backlog {
    /// Facts that wait.
    pub facts: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// When the oldest of them happened, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<f64>,
    /// Facts that were shipped over the spool's life.
    pub shipped: u64,
    /// Facts that the remote log lost after it had taken them, and that the spool no longer held.
    pub lost: u64,
    /// The remote log could not be reached, or refused the facts, when that was last tried. It is tried again.
    pub stalled: bool,
}

impl Backlog {
    /// What waits in two spools together.
    pub(crate) fn and(self, other: Backlog) -> Backlog {
        Backlog {
            facts: self.facts + other.facts,
            bytes: self.bytes + other.bytes,
            oldest: [self.oldest, other.oldest].into_iter().flatten().reduce(f64::min),
            shipped: self.shipped + other.shipped,
            lost: self.lost + other.lost,
            stalled: self.stalled || other.stalled,
        }
    }

    /// Of several logs, some of which have a spool.
    pub(crate) fn of_all(backlogs: impl IntoIterator<Item = Option<Backlog>>) -> Option<Backlog> {
        backlogs.into_iter().flatten().reduce(Backlog::and)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_in_several_spools_is_their_sum_and_the_oldest_of_all() {
        let one = Backlog { facts: 2, bytes: 20, oldest: Some(7.0), shipped: 3, lost: 1, stalled: false };
        let other = Backlog { facts: 1, bytes: 10, oldest: Some(5.0), shipped: 4, lost: 0, stalled: true };
        let both = Backlog { facts: 3, bytes: 30, oldest: Some(5.0), shipped: 7, lost: 1, stalled: true };
        assert_eq!(Backlog::of_all([Some(one), None, Some(other)]), Some(both));
        assert_eq!(Backlog::of_all([None, Some(one)]), Some(one));
        assert_eq!(Backlog::of_all([None]), None);
    }
}
