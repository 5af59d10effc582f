//! The end of a log: all that must be known to go on, found from the highest segment down.

use std::{fs::File, io, sync::Arc};

use super::{
    encoded::Next,
    layout::{End, LEAST_SKEW, Layout},
    segments::Segment,
    storage,
};
use crate::{Error, Result, codec::Header};

/// The end of a log.
#[derive(Debug)]
pub(super) struct LogEnd {
    /// What the next line depends on.
    pub(super) next: Next,
    /// The highest header that there is.
    pub(super) header: Option<Header>,
    /// The segment whose numbers were believed.
    believed: Option<(Arc<File>, Layout, End)>,
}

impl LogEnd {
    /// Looks at segments, rising by number. Nearly always the last one tells everything; one without a fact says nothing of
    /// times, and one without a header and a fact nothing of numbers.
    ///
    /// # Errors
    /// `NotFound` if a segment is not there any more, and whatever keeps one from being read.
    pub(super) fn of(segments: &[Segment]) -> Result<LogEnd> {
        let mut log = LogEnd { next: Next { seq: 1, skew: LEAST_SKEW, newest: None }, header: None, believed: None };
        // Complete lines that are damaged: each may have been a fact, so each counts as a number.
        let mut damaged = 0;
        for (at, segment) in segments.iter().enumerate().rev() {
            let path = &segment.path;
            let file = Arc::new(storage::open_for_reading(path)?);
            let size = file.metadata().map_err(|error| Error::io("look at", path, error))?.len();
            let (end, layout) = End::seen_from_behind(&file, size, path)?;
            log.header = log.header.or_else(|| layout.header.clone());
            if log.next.newest.is_none() {
                (log.next.skew, log.next.newest) = (end.skew, end.newest);
            }
            if log.believed.is_none() {
                if layout.is_sealed(end.offset) || at == 0 {
                    log.next.seq = end.next_seq + damaged;
                    log.believed = Some((file, layout, end));
                } else {
                    damaged += layout.legacy_lines;
                }
            }
            if log.header.is_some() && log.next.newest.is_some() && log.believed.is_some() {
                break;
            }
        }
        Ok(log)
    }

    /// The end that whoever wrote it knows.
    pub(super) fn known(next: Next, header: Header) -> LogEnd {
        LogEnd { next, header: Some(header), believed: None }
    }

    /// Makes sure that no number stands elsewhere in the segment that is higher than those at its end.
    pub(super) fn look_elsewhere(&mut self) -> io::Result<()> {
        if let Some((file, layout, end)) = &mut self.believed {
            let before = end.next_seq;
            end.look_elsewhere(file, layout)?;
            self.next.seq += end.next_seq - before;
        }
        Ok(())
    }
}
