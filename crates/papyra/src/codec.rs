//! One line and one fact: the only place that knows how a fact is written.

mod decode;
mod encode;
mod header;
mod number;
mod seal;
#[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "a spool signs; only a log with many writers reads that"))]
mod signature;

pub(crate) use decode::{Form, decode, decode_head, members};
pub(crate) use encode::{Stamp, encode_body, stamp};
pub(crate) use header::{FORMAT, Header, HeaderLine};
pub(crate) use seal::{
    Head, MAX_SEQ, Tail, claimed, is_sealed, looks_sealed, sealed_prefix, tail_and_head, was_sealed,
};

#[cfg(feature = "redis")]
pub(crate) use signature::{Signature, signature};
pub(crate) use signature::{sign, signed_copy};

use crate::{Error, ErrorKind, Fact, Result};

/// How long a line may be when it is read, and the most that can be configured for writing.
pub(crate) const MAX_READ_LINE: usize = 64 << 20;
/// How long a line may be when it is written, unless configured otherwise.
pub(crate) const MAX_WRITE_LINE: usize = 1 << 20;

impl Fact {
    /// The fact as one JSON object, as it stands in a log but without position and checksum.
    pub fn to_json(&self) -> String {
        let mut line = Vec::with_capacity(256);
        encode_body(self, &mut line);
        line.push(b'}');
        String::from_utf8(line).expect("the encoder writes UTF-8")
    }

    /// Reads a fact from one JSON object, as strictly as a log is written. Members named `seq`, `skew`, `crc` and
    /// `writer` belong to the log that the object came from, and are dropped.
    ///
    /// # Errors
    /// `Invalid` if it is not a fact: not an object, no string `kind`, no number `timestamp`, a member of the wrong type,
    /// or nested too deeply. The kind `log` is a file's header, not a fact.
    pub fn from_json(text: &str) -> Result<Fact> {
        decode(text, Form::Strict).map_err(|cause| {
            Error::new(ErrorKind::Invalid, format!("not a fact: {cause}")).with_cure(
                "a fact is a JSON object with a string `kind` (event, audit, dead_letter) and a number `timestamp`",
            )
        })
    }

    /// Roughly how many bytes the fact takes in memory and on disk, without encoding it.
    pub(crate) fn estimated_bytes(&self) -> usize {
        encode::estimated_bytes(self)
    }
}

#[cfg(test)]
mod tests;
