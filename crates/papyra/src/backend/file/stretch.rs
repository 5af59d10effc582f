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
};
use crate::{
    Kind,
    codec::{self, Head},
};

/// How much of a file is one piece of work.
const PIECE: u64 = 4 << 20;
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
        self.counts[KINDS.iter().position(|kind| *kind == head.kind).unwrap_or(KINDS.len() - 1)] += 1;
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
    file: Arc<File>,
    end: u64,
    deep: bool,
    /// The next piece to be given.
    next: u64,
    helpers: Option<Helpers>,
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

impl Stretches {
    /// Begins to sum up a file up to `end`, the place behind its last newline.
    pub(super) fn of(file: &Arc<File>, end: u64, deep: bool) -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
        let helpers = (threads > 1 && end > 2 * PIECE).then(|| Helpers::start(file, end, deep, threads)).flatten();
        Stretches { file: file.clone(), end, deep, next: 0, helpers }
    }

    /// The next piece.
    pub(super) fn next(&mut self) -> Option<(u64, io::Result<Option<Stretch>>)> {
        let from = self.next * PIECE;
        if from >= self.end {
            return None;
        }
        let to = (from + PIECE).min(self.end);
        let piece = self.next;
        self.next += 1;
        let helped = self.helpers.as_mut().and_then(|helpers| helpers.wait_for(piece));
        // A helper that ended early leaves its piece to us.
        Some((to, helped.unwrap_or_else(|| Stretch::of(&self.file, from, to, self.end, self.deep))))
    }
}

impl Helpers {
    fn start(file: &Arc<File>, end: u64, deep: bool, threads: usize) -> Option<Helpers> {
        let (results, done) = mpsc::channel();
        let (over, counter) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        for _ in 0..threads {
            let (file, results, over, counter) = (file.clone(), results.clone(), over.clone(), counter.clone());
            let work = move || {
                while !over.load(Ordering::Relaxed) {
                    let piece = counter.fetch_add(1, Ordering::Relaxed);
                    let from = piece * PIECE;
                    if from >= end {
                        break;
                    }
                    let summed = Stretch::of(&file, from, (from + PIECE).min(end), end, deep);
                    if results.send((piece, summed)).is_err() {
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
