//! Reading: without locks, in both orders, at the cost of the entries read.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    judge::{self, Is, Open, Part},
    layout::{self, End, LEAST_SKEW, Layout},
    lines::{Backward, Forward, Raw},
    recent::Recent,
    sieve::Sieve,
    storage,
};
use crate::{
    Entry, Error, Order, Position, ReadOptions, Result,
    codec::{self, Form, Head, HeaderLine, Tail},
};

/// A search by halves ends at this distance and goes on line by line.
const NEAR: u64 = 32 << 10;
/// Times are compared with this margin, since differences of large numbers are rounded.
const MARGIN: f64 = 1e-3;
/// How far to look behind the first entry that is old enough, in case a line stands at the wrong place.
const PATIENCE: u32 = 256;

/// A read of one file.
#[derive(Debug)]
pub(super) struct Reader {
    file: Arc<File>,
    path: PathBuf,
    options: ReadOptions,
    layout: Layout,
    /// Behind the last newline when the file was opened.
    end: u64,
    recent: Recent,
    sieve: Sieve,
    skipped: Arc<AtomicU64>,
    parts: Vec<Part>,
}

/// What the caller makes of an entry: whether it wants more.
type Sink<'a> = dyn FnMut(Result<Entry>) -> bool + 'a;

impl Reader {
    /// Opens the file of a log. What is appended later is not read.
    pub(super) fn open(path: &Path, options: ReadOptions, skipped: Arc<AtomicU64>) -> Result<Reader> {
        let failed = |error| Error::io("read", path, error);
        let file = Arc::new(storage::open_for_reading(path)?);
        let size = file.metadata().map_err(failed)?.len();
        let (mut end, layout) = End::seen_from_behind(&file, size, path)?;
        if let Some(after) = options.after {
            let is_beyond = |end: &End| after.seq().is_none_or(|seq| seq >= end.next_seq);
            if is_beyond(&end) {
                end.look_elsewhere(&file, &layout).map_err(failed)?;
            }
            if is_beyond(&end) {
                return Err(Error::beyond_the_end(after, &path.display().to_string(), end.next_seq - 1));
            }
        }
        let sieve = Sieve::of(&options);
        Ok(Reader {
            file,
            path: path.to_owned(),
            options,
            layout,
            end: end.offset,
            recent: Recent::default(),
            sieve,
            skipped,
            parts: Vec::new(),
        })
    }

    /// Gives every entry to the sink until it has enough.
    pub(super) fn run(mut self, sink: &mut Sink<'_>) {
        let done = match self.options.order {
            Order::OldestFirst => self.forward(sink),
            Order::NewestFirst => self.backward(sink),
        };
        if let Err(error) = done {
            sink(Err(Error::io("read", &self.path, error)));
        }
    }

    fn after(&self) -> u64 {
        self.options.after.and_then(Position::seq).unwrap_or(0)
    }

    fn forward(&mut self, sink: &mut Sink<'_>) -> io::Result<()> {
        if self.after() < self.layout.legacy_lines {
            let mut lines = Forward::new(self.file.clone(), 0, self.layout.legacy_end);
            let mut line = 0;
            while let Some(raw) = lines.next()? {
                line += 1;
                if !self.legacy(raw, line, sink) {
                    return Ok(());
                }
            }
        }
        let from = self.begin_of_sealed()?;
        let mut lines = Forward::new(self.file.clone(), from, self.end);
        while let Some(raw) = lines.next()? {
            if !self.sealed(raw, sink) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn backward(&mut self, sink: &mut Sink<'_>) -> io::Result<()> {
        let mut lines = Backward::new(self.file.clone(), self.layout.sealed_from, self.end);
        let mut old = 0;
        while let Some(raw) = lines.next()? {
            let newest = self.newest_possible(&raw);
            if !self.sealed(raw, sink) {
                return Ok(());
            }
            match newest {
                Some((_, seq)) if seq <= self.after() => old += 1,
                Some((newest, _)) if self.options.since.is_some_and(|since| newest + MARGIN < since) => break,
                _ => {}
            }
            if old > PATIENCE {
                break;
            }
        }
        let mut line = self.layout.legacy_lines;
        let mut lines = Backward::new(self.file.clone(), 0, self.layout.legacy_end);
        while line > self.after() {
            let Some(raw) = lines.next()? else { break };
            if !self.legacy(raw, line, sink) {
                break;
            }
            line -= 1;
        }
        Ok(())
    }

    /// How new the facts up to this line can be, by its skew, and its number.
    fn newest_possible(&self, raw: &Raw<'_>) -> Option<(f64, u64)> {
        if self.options.since.is_none() && self.options.after.is_none() {
            return None;
        }
        let Raw::Line { bytes, .. } = raw else { return None };
        codec::is_sealed(bytes)?;
        let (tail, head) = codec::tail_and_head(bytes)?;
        Some((head.timestamp + tail.skew.unwrap_or(LEAST_SKEW), tail.seq))
    }

    /// Where to begin in the sealed part: behind everything that is surely not asked for.
    fn begin_of_sealed(&self) -> io::Result<u64> {
        let mut begin = self.layout.sealed_from;
        if self.after() > 0 {
            let after = self.after();
            begin = begin.max(self.bisect(|tail, _| tail.seq <= after)?);
        }
        if let Some(since) = self.options.since {
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

    /// Delivers a line of the legacy part; whether the sink wants more.
    fn legacy(&mut self, raw: Raw<'_>, line: u64, sink: &mut Sink<'_>) -> bool {
        let (offset, len) = (raw.offset(), raw.len());
        if let Raw::Line { bytes, .. } = raw
            && let Open::Fact(fact) = judge::judge_legacy(bytes, offset == 0)
        {
            let wanted = line > self.after() && self.options.selects(&fact);
            return !wanted || sink(Ok(Entry::new(Position::from_seq(line), *fact, len)));
        }
        self.skip();
        true
    }

    /// Delivers what is sound of a line of the sealed part; whether the sink wants more.
    fn sealed(&mut self, raw: Raw<'_>, sink: &mut Sink<'_>) -> bool {
        let Raw::Line { bytes, .. } = raw else {
            self.skip();
            return true;
        };
        if let Some((tail, head, crc)) = judge::sealed_fact(bytes) {
            return self.fact(bytes, &tail, &head, crc, sink);
        }
        let mut parts = std::mem::take(&mut self.parts);
        judge::judge(bytes, &mut parts);
        if self.options.order == Order::NewestFirst {
            parts.reverse();
        }
        let more = parts.iter().all(|part| match &part.is {
            Is::Fact { tail, head, crc } => self.fact(&bytes[part.range.clone()], tail, head, *crc, sink),
            Is::Header(HeaderLine::Newer(format)) => {
                sink(Err(layout::newer(&self.path, *format)));
                false
            }
            Is::Header(HeaderLine::Header(_)) => true,
            Is::Header(HeaderLine::Broken) | Is::Odd | Is::Open | Is::Junk => {
                self.skip();
                true
            }
        });
        self.parts = parts;
        more
    }

    fn fact(&mut self, line: &[u8], tail: &Tail, head: &Head, crc: u32, sink: &mut Sink<'_>) -> bool {
        if self.recent.repeats(tail.seq, crc) || tail.seq <= self.after() || !self.sieve.lets_through(line, head) {
            return true;
        }
        let fact = std::str::from_utf8(line).ok().and_then(|text| codec::decode(text, Form::Lenient).ok());
        let Some(fact) = fact else {
            self.skip();
            return true;
        };
        if !self.options.selects(&fact) {
            return true;
        }
        sink(Ok(Entry::new(Position::from_seq(tail.seq), fact, line.len() as u64 + 1)))
    }

    fn skip(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
    }
}
