//! How a segment begins: its header and its first number, at the cost of a line.

use std::{path::Path, sync::Arc};

use super::{
    layout::{self, Layout},
    storage,
};
use crate::{Error, Result, codec::Header};

/// The beginning of a segment.
#[derive(Debug)]
pub(super) struct Beginning {
    /// `None` if it is damaged, or not there.
    pub(super) header: Option<Header>,
    /// The first number that the segment accounts for, or that of its first sealed fact.
    pub(super) first_seq: Option<u64>,
}

impl Beginning {
    /// Looks at a segment.
    ///
    /// # Errors
    /// `NotFound` if it is not there, and whatever keeps it from being read.
    pub(super) fn of(path: &Path) -> Result<Beginning> {
        let failed = |error| Error::io("read", path, error);
        let file = Arc::new(storage::open_for_reading(path)?);
        let size = file.metadata().map_err(failed)?.len();
        let layout = Layout::of(&file, size, path)?;
        let first_seq = match &layout.header {
            Some(header) => Some(header.first_seq),
            None => layout::first_fact(&file, layout.sealed_from, size).map_err(failed)?.map(|found| found.tail.seq),
        };
        Ok(Beginning { header: layout.header, first_seq })
    }
}
