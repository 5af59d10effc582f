//! What a request may cost.

use std::time::Duration;

/// What requests may cost, each and all together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Facts in one answer, at most; who asks for more is refused. 10,000 unless said otherwise.
    pub facts: usize,
    /// Bytes of the facts in one answer, as JSON; what is beyond is left out, and the answer says so. 16 MiB unless said otherwise.
    pub bytes: usize,
    /// Requests that read the log at the same time; others wait a little, and are told to come again. 4 unless said otherwise.
    pub reads: usize,
    /// Connections that follow the log at the same time. 32 unless said otherwise.
    pub followers: usize,
    /// Connections at the same time; others wait. 256 unless said otherwise.
    pub connections: usize,
    /// How long a read may take. 30 s unless said otherwise.
    pub read_time: Duration,
    /// How long the answer to a scan is waited for; the scan itself goes on. 10 minutes unless said otherwise.
    pub scan_time: Duration,
    /// How long a connection may stay, the followers' included, who then come again and go on where they were. One hour unless
    /// said otherwise.
    pub connection_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            facts: 10_000,
            bytes: 16 << 20,
            reads: 4,
            followers: 32,
            connections: 256,
            read_time: Duration::from_secs(30),
            scan_time: Duration::from_secs(600),
            connection_time: Duration::from_secs(3600),
        }
    }
}
