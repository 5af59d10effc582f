//! Facts on their way to the server: encoded by whoever appends, numbered and sealed by the writer.

use tokio::{sync::oneshot, time::Instant};

use super::{id::Id, keys::Stream, script::Line};
use crate::{
    Entry, Error, ErrorKind, Fact, Outcome, Result,
    codec::{self, MAX_WRITE_LINE},
};

/// What a signature adds to a line at most: writer, number, checksum.
const SIGNATURE_BYTES: usize = 110;
/// The most that one append may hold: the server does nothing else while it adds a batch.
const MAX_FACTS: usize = 65_536;
/// Appends of several callers go together up to so many facts, and so many bytes.
pub(super) const TOGETHER: usize = 256;
const TOGETHER_BYTES: usize = 1 << 20;

/// What an append came to.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) ids: Vec<Id>,
    pub(super) bytes: u64,
    pub(super) remarks: Vec<Entry>,
    /// Facts that were acknowledged before, and that the server has lost for good.
    pub(super) lost: u64,
}

/// An append on its way to the writer.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) facts: Vec<Encoded>,
    pub(super) deadline: Instant,
    pub(super) answer: oneshot::Sender<Result<Done>>,
}

/// A fact, encoded up to where the signature goes.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) stream: Stream,
    pub(super) members: Vec<u8>,
    pub(super) timestamp: f64,
}

impl Encoded {
    pub(super) fn of(fact: &Fact) -> Encoded {
        let mut members = Vec::with_capacity(fact.estimated_bytes() + SIGNATURE_BYTES);
        codec::encode_body(fact, &mut members);
        Encoded { stream: Stream::of(fact.kind()), members, timestamp: fact.timestamp().seconds() }
    }

    /// Encodes facts and refuses what no entry may hold.
    pub(super) fn all(facts: &[Fact], log: &str) -> Result<Vec<Encoded>> {
        if facts.len() > MAX_FACTS {
            return Err(Error::new(ErrorKind::Invalid, format!("{} facts are too many for one batch", facts.len()))
                .with_cure(format!("append {MAX_FACTS} at most, since a batch is added whole")));
        }
        let encoded: Vec<Encoded> = facts.iter().map(Encoded::of).collect();
        let long = encoded.iter().map(|fact| fact.members.len() + SIGNATURE_BYTES).enumerate();
        match long.into_iter().find(|(_, len)| *len > MAX_WRITE_LINE) {
            None => Ok(encoded),
            Some((at, len)) => Err(Error::new(
                ErrorKind::Invalid,
                format!(
                    "fact {} of the batch takes {len} bytes, an entry of `{log}` may take {MAX_WRITE_LINE}",
                    at + 1
                ),
            )
            .with_cure("make the payload smaller")),
        }
    }
}

/// Who waits for a part of a batch.
#[derive(Debug)]
struct Waiter {
    facts: usize,
    answer: oneshot::Sender<Result<Done>>,
}

/// Facts that are added together.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) lines: Vec<Line>,
    /// Where the members of each line end: what follows is the signature.
    members: Vec<usize>,
    bytes: usize,
    waiters: Vec<Waiter>,
    /// When the first of them stops waiting; `None` if nobody waits.
    pub(super) deadline: Option<Instant>,
    pub(super) latest: f64,
    /// The writer's number before the first line and that of the last, once they are numbered.
    pub(super) numbers: Option<(u64, u64)>,
    /// Where the writer's mark is, if that is not its number before the first line: the server lost the mark, or more.
    pub(super) follows: Option<u64>,
    /// It was sent, and nobody knows what became of it.
    pub(super) unsure: bool,
    /// What Papyra itself has to say.
    pub(super) remark: Option<Fact>,
}

impl Batch {
    fn empty() -> Self {
        Batch {
            lines: Vec::new(),
            members: Vec::new(),
            bytes: 0,
            waiters: Vec::new(),
            deadline: None,
            latest: f64::MIN,
            numbers: None,
            follows: None,
            unsure: false,
            remark: None,
        }
    }

    pub(super) fn of(request: Request) -> Self {
        let mut batch = Batch::empty();
        batch.join(request);
        batch
    }

    /// A fact of Papyra itself.
    pub(super) fn remark(fact: Fact) -> Self {
        let mut batch = Batch::empty();
        batch.push(Encoded::of(&fact));
        batch.remark = Some(fact);
        batch
    }

    fn push(&mut self, fact: Encoded) {
        self.bytes += fact.members.len();
        self.latest = self.latest.max(fact.timestamp);
        self.members.push(fact.members.len());
        self.lines.push(Line { stream: fact.stream, data: fact.members });
    }

    /// Whether a request may still come into it.
    pub(super) fn has_room_for(&self, request: &Request) -> bool {
        let bytes = request.facts.iter().map(|fact| fact.members.len()).sum::<usize>();
        // An empty batch asks whether writing is possible, and has to be a question of its own.
        self.numbers.is_none()
            && self.remark.is_none()
            && !self.lines.is_empty()
            && !request.facts.is_empty()
            && self.lines.len() + request.facts.len() <= TOGETHER
            && self.bytes + bytes <= TOGETHER_BYTES
    }

    pub(super) fn join(&mut self, request: Request) {
        self.waiters.push(Waiter { facts: request.facts.len(), answer: request.answer });
        self.deadline = Some(self.deadline.map_or(request.deadline, |deadline| deadline.min(request.deadline)));
        request.facts.into_iter().for_each(|fact| self.push(fact));
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.lines.len() * SIGNATURE_BYTES
    }

    /// Numbers and seals the lines as this writer's, behind its number `previous`. Gives the last number.
    pub(super) fn sign(&mut self, writer: &str, previous: u64) -> u64 {
        let mut seq = previous;
        for (line, members) in self.lines.iter_mut().zip(&self.members) {
            seq += 1;
            line.data.truncate(*members);
            codec::sign(&mut line.data, writer, seq);
        }
        self.numbers = Some((previous, seq));
        seq
    }

    /// The numbers are not valid any more.
    pub(super) fn unsign(&mut self) {
        (self.numbers, self.follows, self.unsure) = (None, None, false);
    }

    /// The checksum of the last line.
    pub(super) fn crc(&self) -> u32 {
        self.lines.last().and_then(|line| codec::claimed(&line.data)).unwrap_or_default()
    }

    /// Tells everyone who waits where their facts are. What the log has to say goes to the first.
    pub(super) fn done(&mut self, ids: &[Id], remarks: &mut Vec<Entry>, lost: &mut u64) {
        let mut start = 0;
        for waiter in self.waiters.drain(..) {
            let end = start + waiter.facts;
            let bytes = self.lines[start..end].iter().map(|line| line.data.len() as u64).sum();
            let ids = ids.get(start..end).unwrap_or_default().to_vec();
            let (remarks, lost) = (std::mem::take(remarks), std::mem::take(lost));
            // A waiter may have gone: the facts are in the log all the same.
            let _ = waiter.answer.send(Ok(Done { ids, bytes, remarks, lost }));
            start = end;
        }
        self.deadline = None;
    }

    /// Tells everyone who waits that it failed.
    pub(super) fn failed(&mut self, error: &Error, outcome: Outcome) {
        for waiter in self.waiters.drain(..) {
            let error = error.clone();
            let error = if outcome == Outcome::Unknown { error.with_unknown_outcome() } else { error };
            let _ = waiter.answer.send(Err(error));
        }
        self.deadline = None;
    }
}
