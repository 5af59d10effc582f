//! How a spool hands its lines to a remote log, each exactly once.

use std::fmt;

use async_trait::async_trait;

use crate::{Event, Result};

/// A log that takes the sealed lines of another log, a spool, and keeps in itself how far it has got.
///
/// Each spool is a *writer* with a name of its own (a UUID, its `log_id`), its lines have its own rising numbers. The log
/// keeps a *mark* for each writer: the number of the last line that it has of it. Line and mark are written in one step, so
/// a shipment whose answer was lost is simply sent again: what is there already is not added a second time.
#[async_trait]
pub trait Shipping: fmt::Debug + Send + Sync {
    /// How far the log has got with this writer; `None` if it knows nothing of it.
    ///
    /// # Errors
    /// `Unavailable` if the server cannot be reached; `Config` if `writer` is no UUID.
    async fn mark(&self, writer: &str) -> Result<Option<Mark>>;

    /// Adds lines if the writer's mark is where the shipment begins. One step: all of them or none. It returns once they are
    /// as durable as the log promises; a shipment without lines waits for that alone, of everything up to its beginning.
    ///
    /// # Errors
    /// `Unavailable`: try again, with the very same shipment. Anything else needs a person first, see
    /// [`Error::cure`](crate::Error::cure); with an unknown outcome the lines may be there all the same, and sending them
    /// again is right in every case.
    async fn ship(&self, shipment: &Shipment<'_>) -> Result<Shipped>;
}

/// Lines of a spool on their way.
#[derive(Clone, Copy, Debug)]
pub struct Shipment<'a> {
    /// The spool's `log_id`.
    pub writer: &'a str,
    /// The number of the line before the first, or 0: where the mark must be.
    pub previous: u64,
    /// The lines as they stand in the spool, sealed, without newline, in the order of their numbers.
    pub lines: &'a [&'a [u8]],
}

/// How far a log has got with a writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The number of the last line.
    pub seq: u64,
    /// The checksum of that line as [`Shipping`] stored it, so that a writer that was set back can tell that it now has
    /// another line under this number.
    pub crc: u32,
}

/// What became of a shipment.
#[derive(Clone, Debug, PartialEq)]
pub enum Shipped {
    /// All of its lines are in the log now. If the log found out that it lost something meanwhile, these events say so: the
    /// spool is to add them.
    Done(Vec<Event>),
    /// All of them were there already: an earlier copy of the shipment had arrived.
    Repeated,
    /// Nothing was added: the log has got to this number with this writer (0: it knows nothing of it), which is not where
    /// the shipment begins. Lower than what was acknowledged before: the log has lost data.
    Elsewhere(u64),
}
