//! Reading a log: without locks, in both orders, at the cost of the entries read, whatever becomes of its files meanwhile.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use super::{
    ahead::Ahead,
    beginning::Beginning,
    delivery::{Delivery, Sink},
    layout::End,
    log_end::LogEnd,
    reading::{MARGIN, Next, Reading},
    segments::{Listing, Segment, Segments},
    storage,
};
use crate::{Error, ErrorKind, Order, Position, ReadOptions, Result};

/// A read of a log.
#[derive(Debug)]
pub(super) struct Reader {
    segments: Segments,
    options: ReadOptions,
    listing: Listing,
    /// Nothing with this number or a lower one is given out: it is not asked for, or was dropped.
    floor: u64,
    skipped: Arc<AtomicU64>,
    /// Set if a compaction dropped what was to be read before the read came there.
    overtaken: Arc<AtomicBool>,
}

impl Reader {
    /// Looks at what is there. What is appended later is not read.
    pub(super) fn open(
        segments: Segments,
        options: ReadOptions,
        skipped: Arc<AtomicU64>,
        overtaken: Arc<AtomicBool>,
    ) -> Result<Reader> {
        let (listing, floor) = segments.look(|listing| floor(&segments, listing, &options))?;
        Ok(Reader { segments, options, listing, floor, skipped, overtaken })
    }

    /// Gives every entry to the sink until it has enough.
    pub(super) fn run(mut self, sink: &mut Sink<'_>) {
        let listing = std::mem::take(&mut self.listing);
        let mut give = |entry| sink(entry);
        let mut out = Delivery::new(&self.options, self.floor, self.skipped.clone(), &mut give);
        let read = match self.options.order {
            Order::OldestFirst => self.forward(listing, &mut out),
            Order::NewestFirst => self.backward(listing, &mut out),
        };
        if let Err(error) = read {
            sink(Err(error));
        }
    }

    fn forward(&self, mut listing: Listing, out: &mut Delivery<'_>) -> Result<()> {
        let mut at = self.start(&listing.segments)?;
        if at > 0 && self.with_lowest(&listing, |lowest| lowest.legacy_forward(out))? == Next::Nothing {
            return Ok(());
        }
        loop {
            let mut ahead = Ahead::of(&self.segments, &listing.segments, at)?;
            if at + 1 < listing.segments.len() {
                // A compaction may have been at work while they were opened. What it dropped must not be given in part.
                out.floor = out.floor.max(self.dropped_by_now(&listing)?);
            }
            while let Some(held) = ahead.next()? {
                self.overtaken.fetch_or(held.is_new, Ordering::Relaxed);
                if Reading::of(held.file, &held.segment.path)?.forward(out)? == Next::Nothing {
                    return Ok(());
                }
            }
            let Some(number) = ahead.gone() else { return Ok(()) };
            self.overtaken.fetch_or(ahead.gives(), Ordering::Relaxed);
            listing = self.list_again(out)?;
            at = listing.segments.partition_point(|segment| segment.number < number);
        }
    }

    fn backward(&self, mut listing: Listing, out: &mut Delivery<'_>) -> Result<()> {
        let mut left = listing.segments.len();
        while left > 0 {
            let segment = &listing.segments[left - 1];
            let Some(reading) = self.reading(segment)? else {
                let number = segment.number;
                listing = self.list_again(out)?;
                left = listing.segments.partition_point(|segment| segment.number <= number);
                continue;
            };
            left -= 1;
            let next = reading.backward(out)?;
            let begins_below = reading.layout.header.as_ref().is_some_and(|header| header.first_seq <= out.floor + 1);
            match next {
                Next::Nothing => return Ok(()),
                Next::Segment if !begins_below => {}
                Next::Segment | Next::Legacy => {
                    if left > 0 {
                        self.with_lowest(&listing, |lowest| lowest.legacy_backward(out))?;
                    }
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Opens a segment; `None` if it was dropped since it was listed.
    fn reading<'a>(&self, segment: &'a Segment) -> Result<Option<Reading<'a>>> {
        gone(&self.segments, Reading::open(&segment.path))
    }

    /// The lowest segment may begin with lines from before sealing began. They tell nothing of how late facts came, so every
    /// read looks at them.
    fn with_lowest(&self, listing: &Listing, read: impl FnOnce(&Reading<'_>) -> Result<Next>) -> Result<Next> {
        let lowest = listing.segments.first().map(|segment| self.reading(segment)).transpose()?.flatten();
        lowest.filter(|lowest| lowest.layout.legacy_lines > 0).map_or(Ok(Next::Segment), |lowest| read(&lowest))
    }

    /// A segment was dropped while we read. What is there now is read on, behind what was delivered.
    fn list_again(&self, out: &mut Delivery<'_>) -> Result<Listing> {
        let (listing, floor) = self.segments.look(|listing| dropped_through(&self.segments, listing, None))?;
        out.floor = out.floor.max(floor);
        Ok(listing)
    }

    /// Up to which number everything is dropped by now.
    fn dropped_by_now(&self, listing: &Listing) -> Result<u64> {
        match gone(&self.segments, dropped_through(&self.segments, listing, None))? {
            Some(dropped) => Ok(dropped),
            None => Ok(self.segments.look(|listing| dropped_through(&self.segments, listing, None))?.1),
        }
    }

    /// The segment to begin with, oldest first: all before it is surely not asked for.
    fn start(&self, segments: &[Segment]) -> Result<usize> {
        let mut start = 0;
        if self.floor > 0 {
            // The last segment that begins at or before what is asked for.
            start = self.bisect(segments, 0, |segment| {
                let begins = Beginning::of(&segment.path)?.first_seq;
                Ok(begins.map(|first_seq| first_seq <= self.floor + 1))
            })?;
        }
        if let Some(since) = self.options.since {
            // Facts came late by no more than the last entry's skew: if that one is old enough, all before it are too.
            let passed = self.bisect(segments, start, |segment| {
                let file = Arc::new(storage::open_for_reading(&segment.path)?);
                let size = file.metadata().map_err(|error| Error::io("read", &segment.path, error))?.len();
                let (end, _) = End::seen_from_behind(&file, size, &segment.path)?;
                Ok(end.newest.map(|newest| newest + MARGIN < since))
            })?;
            start = start.max(passed);
        }
        Ok(start)
    }

    /// The last segment from `low` on that says it is `passed`, as are all before it; `low` if none does. For a segment that
    /// cannot tell (`None`) the one before it is asked; one that was dropped meanwhile is passed.
    fn bisect(
        &self,
        segments: &[Segment],
        mut low: usize,
        passed: impl Fn(&Segment) -> Result<Option<bool>>,
    ) -> Result<usize> {
        let mut high = segments.len();
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let mut told = None;
            let mut at = middle;
            while at > low {
                told = match gone(&self.segments, passed(&segments[at]))? {
                    None => Some(true),
                    Some(told) => told,
                };
                if told.is_some() {
                    break;
                }
                at -= 1;
            }
            match told {
                Some(true) => low = at,
                Some(false) | None => high = at.max(low + 1),
            }
        }
        Ok(low)
    }
}

/// What of a segment that may be dropped at any moment; a single file is there or is not.
fn gone<T>(segments: &Segments, looked: Result<T>) -> Result<Option<T>> {
    match (segments, looked) {
        (Segments::Directory(_), Err(error)) if error.kind() == ErrorKind::NotFound => Ok(None),
        (_, looked) => looked.map(Some),
    }
}

/// Below what nothing is given out; also whether the position that was asked for exists.
fn floor(segments: &Segments, listing: &Listing, options: &ReadOptions) -> Result<u64> {
    let mut end = LogEnd::of(&listing.segments)?;
    if let Some(after) = options.after {
        let is_beyond = |end: &LogEnd| after.seq().is_none_or(|seq| seq >= end.next.seq);
        if is_beyond(&end) {
            end.look_elsewhere().map_err(|error| Error::io("read", segments.home(), error))?;
        }
        if is_beyond(&end) {
            let home = segments.home().display().to_string();
            return Err(Error::beyond_the_end(after, &home, end.next.seq - 1));
        }
    }
    let after = options.after.and_then(Position::seq).unwrap_or(0);
    Ok(after.max(dropped_through(segments, listing, Some(end))?))
}

/// Up to which number everything was dropped on purpose. The highest number of any header counts, and it stands in the lowest
/// or in the highest one: see decision 12.
fn dropped_through(segments: &Segments, listing: &Listing, end: Option<LogEnd>) -> Result<u64> {
    let (Segments::Directory(_), [lowest, _, ..]) = (segments, &*listing.segments) else {
        return Ok(0);
    };
    let highest = match end {
        Some(end) => end.header,
        None => LogEnd::of(&listing.segments)?.header,
    };
    Ok(match (Beginning::of(&lowest.path)?.header, highest) {
        // A file of another log knows nothing of this one.
        (Some(lowest), Some(highest)) if lowest.log_id == highest.log_id => {
            lowest.dropped_through.max(highest.dropped_through)
        }
        _ => 0,
    })
}
