//! The signature of a line where several writers share a log: `,"writer":"<name>","seq":N` before the checksum.

use super::{
    Stamp, encode,
    number::digits_at_end,
    seal::{self, Head, MAX_SEQ, TRAILER},
    stamp, tail_and_head,
};
use crate::codec::decode;

const WRITER: &[u8] = b",\"writer\":\"";
const SEQ: &[u8] = b",\"seq\":";
/// No name of a writer is longer: ours have 36 characters.
const MAX_WRITER: usize = 64;

/// Who wrote a line, as its how-manieth, and what it is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Signature<'a> {
    pub(crate) writer: &'a str,
    pub(crate) seq: u64,
    pub(crate) head: Head,
}

/// The signature of a sealed line; `None` if it has none.
pub(crate) fn signature(line: &[u8]) -> Option<Signature<'_>> {
    let (members, seq) = numbered(line)?;
    let named = members.strip_suffix(b"\"")?;
    let start = memchr::memmem::rfind(&named[named.len().saturating_sub(MAX_WRITER + WRITER.len())..], WRITER)?;
    let start = named.len().saturating_sub(MAX_WRITER + WRITER.len()) + start;
    let writer = std::str::from_utf8(&named[start + WRITER.len()..]).ok()?;
    if writer.contains(['"', '\\']) {
        return None;
    }
    let members = &members[..start];
    let timestamp = seal::named_number(members, seal::TIMESTAMP).ok();
    let head = seal::known_head(members, timestamp).or_else(|| {
        let fact = decode(std::str::from_utf8(line).ok()?, super::Form::Lenient).ok()?;
        Some(Head { kind: fact.kind(), timestamp: fact.timestamp().seconds() })
    })?;
    Some(Signature { writer, seq, head })
}

/// Finishes a line, begun by [`encode_body`](super::encode_body), with signature and checksum, without newline.
pub(crate) fn sign(line: &mut Vec<u8>, writer: &str, seq: u64) {
    encode::stamp(line, 0, Stamp { seq, skew: None, writer: Some(writer) });
    line.pop();
}

/// The fact of a sealed line of a file, signed by this writer under the same number. `None` if the line is not a sealed
/// fact.
pub(crate) fn signed_copy(line: &[u8], writer: &str) -> Option<Vec<u8>> {
    seal::is_sealed(line)?;
    let (tail, _) = tail_and_head(line)?;
    let (mut members, seq) = numbered(line)?;
    if tail.skew.is_some() {
        members = &members[..memchr::memmem::rfind(members, b",\"skew\":")?];
    }
    let mut copy = Vec::with_capacity(line.len() + WRITER.len() + writer.len() + 1);
    copy.extend_from_slice(members);
    stamp(&mut copy, 0, Stamp { seq, skew: None, writer: Some(writer) });
    copy.pop();
    Some(copy)
}

/// What stands before the number of a sealed line, and the number.
fn numbered(line: &[u8]) -> Option<(&[u8], u64)> {
    let before = &line[..line.len().checked_sub(TRAILER)?];
    let digits = digits_at_end(before)?;
    let members = before[..before.len() - digits.count].strip_suffix(SEQ)?;
    (1..=MAX_SEQ).contains(&digits.value).then_some((members, digits.value))
}
