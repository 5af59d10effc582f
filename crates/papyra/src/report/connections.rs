//! Connections to the servers that a log lives on.

use serde::Serialize;

/// The connections of this process to the servers that a log lives on, since it opened the log. A connection to a cluster, to
/// however many nodes, counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Connections {
    /// Connections that are open: those that broke without anybody having noticed yet are among them.
    pub open: u64,
    /// Connections that were made.
    pub made: u64,
    /// Attempts to make one that failed.
    pub failed: u64,
    /// Connections that broke, or whose server stopped answering.
    pub broken: u64,
}

impl Connections {
    fn and(self, other: Connections) -> Connections {
        Connections {
            open: self.open + other.open,
            made: self.made + other.made,
            failed: self.failed + other.failed,
            broken: self.broken + other.broken,
        }
    }

    /// Of several logs, some of which live on servers.
    pub(crate) fn of_all(connections: impl IntoIterator<Item = Option<Connections>>) -> Option<Connections> {
        connections.into_iter().flatten().reduce(Connections::and)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_several_logs_are_their_sums() {
        let one = Connections { open: 1, made: 3, failed: 7, broken: 2 };
        let sum = Connections { open: 2, made: 6, failed: 14, broken: 4 };
        assert_eq!(Connections::of_all([Some(one), None, Some(one)]), Some(sum));
        assert_eq!(Connections::of_all([None, None]), None);
    }
}
