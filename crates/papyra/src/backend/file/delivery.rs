//! What a read gives out of the lines that it meets.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    judge::{self, Is, Open, Part},
    layout,
    lines::Raw,
    recent::Recent,
    sieve::Sieve,
};
use crate::{
    Entry, Order, Position, ReadOptions, Result,
    codec::{self, Form, Head, HeaderLine, Tail},
};

/// What the caller makes of an entry: whether it wants more.
pub(super) type Sink<'a> = dyn FnMut(Result<Entry>) -> bool + 'a;

/// The way of entries out of a log, over all its segments.
pub(super) struct Delivery<'a> {
    pub(super) options: &'a ReadOptions,
    /// Nothing with this number or a lower one is given out.
    pub(super) floor: u64,
    pub(super) sink: &'a mut Sink<'a>,
    sieve: Sieve,
    recent: Recent,
    skipped: Arc<AtomicU64>,
    parts: Vec<Part>,
}

impl<'a> Delivery<'a> {
    pub(super) fn new(options: &'a ReadOptions, floor: u64, skipped: Arc<AtomicU64>, sink: &'a mut Sink<'a>) -> Self {
        let sieve = Sieve::of(options);
        Delivery { options, floor, sink, sieve, recent: Recent::default(), skipped, parts: Vec::new() }
    }

    /// Delivers a line of a legacy part; whether more is wanted.
    pub(super) fn legacy(&mut self, raw: Raw<'_>, line: u64) -> bool {
        let (offset, len) = (raw.offset(), raw.len());
        if let Raw::Line { bytes, .. } = raw
            && let Open::Fact(fact) = judge::judge_legacy(bytes, offset == 0)
        {
            let wanted = line > self.floor && self.options.selects(&fact);
            return !wanted || (self.sink)(Ok(Entry::new(Position::from_seq(line), *fact, len)));
        }
        self.skip();
        true
    }

    /// Delivers what is sound of a line of a sealed part; whether more is wanted.
    pub(super) fn sealed(&mut self, raw: Raw<'_>, path: &Path) -> bool {
        let Raw::Line { bytes, .. } = raw else {
            self.skip();
            return true;
        };
        if let Some((tail, head, crc)) = judge::sealed_fact(bytes) {
            return self.fact(bytes, &tail, &head, crc);
        }
        let mut parts = std::mem::take(&mut self.parts);
        judge::judge(bytes, &mut parts);
        if self.options.order == Order::NewestFirst {
            parts.reverse();
        }
        let more = parts.iter().all(|part| match &part.is {
            Is::Fact { tail, head, crc } => self.fact(&bytes[part.range.clone()], tail, head, *crc),
            Is::Header(HeaderLine::Newer(format)) => {
                (self.sink)(Err(layout::newer(path, *format)));
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

    fn fact(&mut self, line: &[u8], tail: &Tail, head: &Head, crc: u32) -> bool {
        if self.recent.repeats(tail.seq, crc) || tail.seq <= self.floor || !self.sieve.lets_through(line, head) {
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
        (self.sink)(Ok(Entry::new(Position::from_seq(tail.seq), fact, line.len() as u64 + 1)))
    }

    fn skip(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
    }
}
