//! Long stretches of a file in which every line is sound and in its place: summed up by several threads at once. What is
//! not such a stretch is looked at line by line, in order, by the [pass](super::pass).

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
};

use super::{
    judge,
    lines::{self, Forward, Raw},
    written::Written,
};
use crate::{
    Kind,
    codec::{self, Head},
};

/// How much of a file is one piece of work, unless there would be too many of them. Unit tests have small files of several pieces.
const PIECE: u64 = if cfg!(test) { 4 << 10 } else { 4 << 20 };
/// Into how many pieces a file is divided at most: each that is one stretch is remembered.
const MAX_PIECES: u64 = 4096;
/// Lines are rarely longer than this: so much behind a piece is waited for where the file is still being written.
const BEHIND: u64 = if cfg!(test) { 256 } else { 64 << 10 };
/// More threads than this gain nothing: memory is then the limit.
const MAX_THREADS: usize = 4;

/// What neighbouring lines come to, all of them sound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stretch {
    /// Where the first line begins, and where the last one ends.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) lines: u64,
    pub(super) sealed: Option<Run>,
    /// By kind, in the order of [`KINDS`].
    pub(super) counts: [u64; 4],
    /// What they take, with their newlines, in the same order.
    pub(super) bytes: [u64; 4],
    /// The lowest and the highest timestamp.
    pub(super) times: (f64, f64),
}

pub(super) const KINDS: [Kind; 4] = [Kind::Event, Kind::Audit, Kind::DeadLetter, Kind::Unknown];

/// Sealed facts whose numbers rise by one; without it, lines from before sealing began.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Run {
    pub(super) first: u64,
    pub(super) last: u64,
    /// All checksums, combined as a header's `kept_xor` does it.
    pub(super) xor: u32,
    pub(super) skew: f64,
}

impl Stretch {
    /// Sums up the lines that begin in a piece of a file; `None` if they are anything but one stretch.
    fn of(file: &Arc<File>, from: u64, to: u64, end: u64, deep: bool) -> io::Result<Option<Stretch>> {
        let start = match from {
            0 => 0,
            from => lines::next_newline(file, from - 1, end)?.map_or(end, |newline| newline + 1),
        };
        let mut stretch = Stretch {
            start,
            end: start,
            lines: 0,
            sealed: None,
            counts: [0; 4],
            bytes: [0; 4],
            times: (f64::INFINITY, f64::NEG_INFINITY),
        };
        let mut lines = Forward::new(file.clone(), start, end);
        while lines.position() < to {
            match lines.next()? {
                Some(Raw::Line { offset, bytes }) if stretch.take(bytes, offset == 0, deep) => {
                    stretch.end = offset + bytes.len() as u64 + 1;
                }
                None => break,
                Some(_) => return Ok(None),
            }
        }
        Ok((stretch.lines > 0).then_some(stretch))
    }

    /// Takes a line in, if it continues the stretch.
    fn take(&mut self, line: &[u8], first: bool, deep: bool) -> bool {
        let head = match judge::sealed_fact(line) {
            Some((tail, head, crc)) => {
                let skew = tail.skew.unwrap_or(0.0);
                match &mut self.sealed {
                    Some(run) if tail.seq == run.last + 1 => {
                        *run = Run { last: tail.seq, xor: run.xor ^ crc, skew: run.skew.max(skew), ..*run };
                    }
                    None if self.lines == 0 => {
                        self.sealed = Some(Run { first: tail.seq, last: tail.seq, xor: crc, skew });
                    }
                    _ => return false,
                }
                // What this understands decodes; what it does not is decoded line by line.
                if deep && std::str::from_utf8(line).ok().and_then(codec::decode_head).is_none() {
                    return false;
                }
                head
            }
            None if self.sealed.is_none() && !first => match legacy_head(line) {
                Some(head) => head,
                None => return false,
            },
            None => return false,
        };
        self.lines += 1;
        let kind = KINDS.iter().position(|kind| *kind == head.kind).unwrap_or(KINDS.len() - 1);
        self.counts[kind] += 1;
        self.bytes[kind] += line.len() as u64 + 1;
        self.times = (self.times.0.min(head.timestamp), self.times.1.max(head.timestamp));
        true
    }
}

/// The head of a line that is surely a fact from before sealing began. Whatever is odd about a line is judged elsewhere.
fn legacy_head(line: &[u8]) -> Option<Head> {
    if codec::claimed(line).is_some() || codec::looks_sealed(line) || memchr::memchr(0, line).is_some() {
        return None;
    }
    codec::decode_head(std::str::from_utf8(line).ok()?)
}

/// The pieces of a file in their order, each with its end and with what it comes to if it is one stretch.
pub(super) struct Stretches {
    pieces: Pieces,
    /// The next piece to be given.
    next: u64,
    helpers: Option<Helpers>,
}

/// A file that is summed up piece by piece.
#[derive(Clone)]
struct Pieces {
    file: Arc<File>,
    end: u64,
    each: u64,
    deep: bool,
    /// Somebody is still writing the file.
    written: Option<Arc<Written>>,
}

struct Helpers {
    done: mpsc::Receiver<(u64, io::Result<Option<Stretch>>)>,
    early: BTreeMap<u64, io::Result<Option<Stretch>>>,
    over: Arc<AtomicBool>,
}

impl Drop for Helpers {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

impl Pieces {
    fn bounds(&self, piece: u64) -> Option<(u64, u64)> {
        let from = piece * self.each;
        (from < self.end).then(|| (from, (from + self.each).min(self.end)))
    }

    fn sum(&self, from: u64, to: u64) -> io::Result<Option<Stretch>> {
        if let Some(written) = &self.written {
            // A line that reaches further breaks the stretch off, and is looked at when everything is written.
            written.wait_for((to + BEHIND).min(self.end))?;
        }
        Stretch::of(&self.file, from, to, self.end, self.deep)
    }
}

impl Stretches {
    /// Begins to sum up a file up to `end`, the place behind its last newline.
    pub(super) fn of(file: &Arc<File>, end: u64, deep: bool, written: Option<Arc<Written>>) -> Self {
        let each = PIECE.max(end.div_ceil(MAX_PIECES));
        let pieces = Pieces { file: file.clone(), end, each, deep, written };
        // To ask for the number of processors takes longer than to look through a small file, and there may be thousands of those.
        let helpers = (end > 2 * PIECE).then(|| Helpers::start(&pieces)).flatten();
        Stretches { pieces, next: 0, helpers }
    }

    /// The next piece.
    pub(super) fn next(&mut self) -> Option<(u64, io::Result<Option<Stretch>>)> {
        let piece = self.next;
        let (from, to) = self.pieces.bounds(piece)?;
        self.next += 1;
        let helped = self.helpers.as_mut().and_then(|helpers| helpers.wait_for(piece));
        // A helper that ended early leaves its piece to us.
        Some((to, helped.unwrap_or_else(|| self.pieces.sum(from, to))))
    }
}

impl Helpers {
    fn start(pieces: &Pieces) -> Option<Helpers> {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
        if threads < 2 {
            return None;
        }
        let (results, done) = mpsc::channel();
        let (over, counter) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        for _ in 0..threads {
            let (pieces, results, over, counter) = (pieces.clone(), results.clone(), over.clone(), counter.clone());
            let work = move || {
                while !over.load(Ordering::Relaxed) {
                    let piece = counter.fetch_add(1, Ordering::Relaxed);
                    let Some((from, to)) = pieces.bounds(piece) else { break };
                    if results.send((piece, pieces.sum(from, to))).is_err() {
                        break;
                    }
                }
            };
            thread::Builder::new().name("papyra-scan-piece".to_owned()).spawn(work).ok()?;
        }
        Some(Helpers { done, early: BTreeMap::new(), over })
    }

    fn wait_for(&mut self, piece: u64) -> Option<io::Result<Option<Stretch>>> {
        while !self.early.contains_key(&piece) {
            let (done, summed) = self.done.recv().ok()?;
            self.early.insert(done, summed);
        }
        self.early.remove(&piece)
    }
}
