//! Reading one segment, in both orders, at the cost of the entries read.

use std::{fs::File, io, path::Path, sync::Arc};

use super::{
    delivery::Delivery,
    layout::{self, LEAST_SKEW, Layout},
    lines::{self, Backward, Forward, Raw},
    storage,
};
use crate::{
    Error, Result,
    codec::{self, Tail},
};

/// A search by halves ends at this distance and goes on line by line.
const NEAR: u64 = 32 << 10;
/// Times are compared with this margin, since differences of large numbers are rounded.
pub(super) const MARGIN: f64 = 1e-3;
/// How far to look behind the first entry that is old enough, in case a line stands at the wrong place.
const PATIENCE: u32 = 256;

/// How a read goes on behind what was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// With the next segment.
    Segment,
    /// Nothing older is asked for, but what is from before sealing began.
    Legacy,
    /// Nobody wants more.
    Nothing,
}

/// A segment that is open for reading. What is appended later is not read.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    file: Arc<File>,
    path: &'a Path,
    pub(super) layout: Layout,
    /// Behind the last newline when the file was opened.
    end: u64,
}

impl<'a> Reading<'a> {
    pub(super) fn open(path: &'a Path) -> Result<Reading<'a>> {
        Reading::of(Arc::new(storage::open_for_reading(path)?), path)
    }

    /// The same of a file that is open already.
    pub(super) fn of(file: Arc<File>, path: &'a Path) -> Result<Reading<'a>> {
        let failed = |error| Error::io("read", path, error);
        let size = file.metadata().map_err(failed)?.len();
        let end = lines::behind_last_newline(&file, size).map_err(failed)?;
        let layout = Layout::of(&file, end, path)?;
        Ok(Reading { file, path, layout, end })
    }

    /// Gives out what was asked for, oldest first.
    pub(super) fn forward(&self, out: &mut Delivery<'_>) -> Result<Next> {
        let failed = |error| Error::io("read", self.path, error);
        if self.legacy_forward(out)? == Next::Nothing {
            return Ok(Next::Nothing);
        }
        let from = self.begin_of_sealed(out).map_err(failed)?;
        let mut lines = Forward::new(self.file.clone(), from, self.end);
        while let Some(raw) = lines.next().map_err(failed)? {
            if !out.sealed(raw, self.path) {
                return Ok(Next::Nothing);
            }
        }
        Ok(Next::Segment)
    }

    /// The same for the part from before sealing began.
    pub(super) fn legacy_forward(&self, out: &mut Delivery<'_>) -> Result<Next> {
        if out.floor < self.layout.legacy_lines {
            let mut lines = Forward::new(self.file.clone(), 0, self.layout.legacy_end);
            let mut line = 0;
            while let Some(raw) = lines.next().map_err(|error| Error::io("read", self.path, error))? {
                line += 1;
                if !out.legacy(raw, line) {
                    return Ok(Next::Nothing);
                }
            }
        }
        Ok(Next::Segment)
    }

    /// Gives out what was asked for, newest first.
    pub(super) fn backward(&self, out: &mut Delivery<'_>) -> Result<Next> {
        let failed = |error| Error::io("read", self.path, error);
        let mut lines = Backward::new(self.file.clone(), self.layout.sealed_from, self.end);
        let mut next = Next::Segment;
        let mut old = 0;
        while let Some(raw) = lines.next().map_err(failed)? {
            let newest = newest_possible(&raw, out);
            if !out.sealed(raw, self.path) {
                return Ok(Next::Nothing);
            }
            match newest {
                Some((_, seq)) if seq <= out.floor => old += 1,
                Some((newest, _)) if out.options.since.is_some_and(|since| newest + MARGIN < since) => {
                    next = Next::Legacy;
                    break;
                }
                _ => {}
            }
            if old > PATIENCE {
                next = Next::Legacy;
                break;
            }
        }
        Ok(if self.legacy_backward(out)? == Next::Nothing { Next::Nothing } else { next })
    }

    /// The same for the part from before sealing began.
    pub(super) fn legacy_backward(&self, out: &mut Delivery<'_>) -> Result<Next> {
        let mut line = self.layout.legacy_lines;
        let mut lines = Backward::new(self.file.clone(), 0, self.layout.legacy_end);
        while line > out.floor {
            let Some(raw) = lines.next().map_err(|error| Error::io("read", self.path, error))? else { break };
            if !out.legacy(raw, line) {
                return Ok(Next::Nothing);
            }
            line -= 1;
        }
        Ok(Next::Segment)
    }

    /// Where to begin in the sealed part: behind everything that is surely not asked for.
    fn begin_of_sealed(&self, out: &Delivery<'_>) -> io::Result<u64> {
        let mut begin = self.layout.sealed_from;
        let begins_behind = self.layout.header.as_ref().is_some_and(|header| header.first_seq > out.floor);
        if out.floor > 0 && !begins_behind {
            begin = begin.max(self.bisect(|tail, _| tail.seq <= out.floor)?);
        }
        if let Some(since) = out.options.since {
            // A line whose fact is older than `since` by more than the skew has only older facts before it.
            let old = |tail: &Tail, timestamp: f64| timestamp + tail.skew.unwrap_or(LEAST_SKEW) + MARGIN < since;
            begin = begin.max(self.bisect(old)?);
        }
        Ok(begin)
    }

    /// A beginning of a line such that the line before it is `passed`, and with it all lines before, close to the first line
    /// that is not.
    fn bisect(&self, passed: impl Fn(&Tail, f64) -> bool) -> io::Result<u64> {
        let (mut low, mut high) = (self.layout.sealed_from, self.end);
        while high - low > NEAR {
            let middle = low + (high - low) / 2;
            match layout::first_fact(&self.file, middle, high)? {
                Some(found) if passed(&found.tail, found.timestamp) => low = found.end,
                _ => high = middle,
            }
        }
        Ok(low)
    }
}

/// How new the facts up to this line can be, by its skew, and its number.
fn newest_possible(raw: &Raw<'_>, out: &Delivery<'_>) -> Option<(f64, u64)> {
    if out.options.since.is_none() && out.floor == 0 {
        return None;
    }
    let Raw::Line { bytes, .. } = raw else { return None };
    codec::is_sealed(bytes)?;
    let (tail, head) = codec::tail_and_head(bytes)?;
    Some((head.timestamp + tail.skew.unwrap_or(LEAST_SKEW), tail.seq))
}
