//! Facts on their way into a file: encoded by the caller, stamped by the writer.

use super::{FileConfig, layout::LEAST_SKEW};
use crate::{
    Error, ErrorKind, Fact, Result,
    codec::{self, Stamp},
};

/// What the next line depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Next {
    pub(super) seq: u64,
    pub(super) skew: f64,
    pub(super) newest: Option<f64>,
}

impl Next {
    /// Takes note of a fact that was written before.
    pub(super) fn observe(&mut self, skew: Option<f64>, timestamp: f64) {
        self.skew = self.skew.max(skew.unwrap_or_default());
        self.newest = Some(self.newest.map_or(timestamp, |newest| newest.max(timestamp)));
    }

    /// Goes on behind the end of another file of the same log.
    pub(super) fn go_on_from(&mut self, before: &Next) {
        self.seq = self.seq.max(before.seq);
        self.skew = self.skew.max(before.skew);
        self.newest = self.newest.into_iter().chain(before.newest).reduce(f64::max);
    }

    fn stamp(&mut self, timestamp: f64) -> Stamp<'static> {
        if let Some(newest) = self.newest {
            // Times at both ends of what a number can hold are further apart than a number can say.
            self.skew = self.skew.max(newest - timestamp).min(f64::MAX);
        }
        self.newest = Some(self.newest.map_or(timestamp, |newest| newest.max(timestamp)));
        let stamp = Stamp { seq: self.seq, skew: (self.skew > LEAST_SKEW).then_some(self.skew), writer: None };
        self.seq += 1;
        stamp
    }
}

/// The encoded members of facts, ready to be stamped.
#[derive(Debug, Default)]
pub(super) struct Encoded {
    bytes: Vec<u8>,
    /// Where each fact's members end, and its time.
    ends: Vec<(usize, f64)>,
}

/// What a stamp adds to a line at most: skew, seq, checksum, newline.
pub(super) const STAMP_BYTES: usize = 80;

impl Encoded {
    /// Encodes facts and refuses what no line may hold.
    pub(super) fn of(facts: &[Fact], config: &FileConfig) -> Result<Encoded> {
        let mut encoded = Encoded::default();
        for (at, fact) in facts.iter().enumerate() {
            encoded.push(fact);
            let (end, _) = encoded.ends[at];
            let start = if at == 0 { 0 } else { encoded.ends[at - 1].0 };
            let len = end - start + STAMP_BYTES;
            if len > config.max_line {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!(
                        "fact {} of the batch takes {len} bytes, a line of `{}` may take {}",
                        at + 1,
                        config.path.display(),
                        config.max_line
                    ),
                )
                .with_cure("make the payload smaller, or raise max_line (at most 64MiB)"));
            }
        }
        Ok(encoded)
    }

    pub(super) fn push(&mut self, fact: &Fact) {
        codec::encode_body(fact, &mut self.bytes);
        self.ends.push((self.bytes.len(), fact.timestamp().seconds()));
    }

    /// Adds the members of a fact of another program, as they are.
    pub(super) fn push_members(&mut self, members: &str, timestamp: f64) {
        self.bytes.extend_from_slice(members.as_bytes());
        self.ends.push((self.bytes.len(), timestamp));
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn write(&self, next: &mut Next, out: &mut Vec<u8>) {
        let mut start = 0;
        for &(end, timestamp) in &self.ends {
            let line = out.len();
            out.extend_from_slice(&self.bytes[start..end]);
            codec::stamp(out, line, next.stamp(timestamp));
            start = end;
        }
    }
}
