//! The trailer that seals a line: `,"crc":"hhhhhhhh"}` over all raw bytes before it, and `,"seq":N` right before that.

use super::number::{self, Digits, digits_at_end};
use crate::{Kind, codec::decode};

/// Length of `,"crc":"hhhhhhhh"}`.
pub(super) const TRAILER: usize = 18;
const OPENING: &[u8] = b",\"crc\":\"";

/// The value of a lower-case hexadecimal digit; 255 for every other byte.
const HEX: [u8; 256] = {
    let mut values = [u8::MAX; 256];
    let mut value = 0;
    while value < 16 {
        values[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    values
};

/// The checksum that a line's trailer claims, if the line ends in exactly the bytes of a trailer. It may be wrong.
pub(crate) fn claimed(line: &[u8]) -> Option<u32> {
    let (_, trailer) = line.split_last_chunk::<TRAILER>()?;
    if !trailer.starts_with(OPENING) || !trailer.ends_with(b"\"}") {
        return None;
    }
    let (mut crc, mut strange) = (0, 0);
    for byte in &trailer[OPENING.len()..OPENING.len() + 8] {
        // Looked up, not compared: whether a digit is a letter is anybody's guess, and guessing wrong is slow.
        let digit = HEX[usize::from(*byte)];
        crc = crc << 4 | u32::from(digit & 0xf);
        strange |= digit;
    }
    if strange > 0xf {
        return None;
    }
    Some(crc)
}

/// Whether a line (without its newline) is sealed: its checksum is there, and it is right. Gives the checksum.
pub(crate) fn is_sealed(line: &[u8]) -> Option<u32> {
    let claimed = claimed(line)?;
    (crc32c::crc32c(&line[..line.len() - TRAILER]) == claimed).then_some(claimed)
}

/// Whether a line at least pretends to be sealed, so that damage is more likely than another program's hand.
pub(crate) fn looks_sealed(line: &[u8]) -> bool {
    let end = &line[line.len().saturating_sub(TRAILER + 40)..];
    memchr::memmem::find(end, b"\"crc\"").is_some() || memchr::memmem::find(end, b",\"seq\":").is_some()
}

/// Whether a line that is not sealed once was: it still ends in the form of a trailer, or in a `seq` and as many bytes as a
/// trailer has. No other program writes either, and one flipped bit cannot spoil both.
pub(crate) fn was_sealed(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    let before = &line[..line.len().saturating_sub(TRAILER)];
    let digits = before.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    claimed(line).is_some() || digits > 0 && before[..before.len() - digits].ends_with(b",\"seq\":")
}

/// Closes the line that begins at `start` of `out`: adds the trailer, not the newline. Gives the checksum.
pub(super) fn seal(out: &mut Vec<u8>, start: usize) -> u32 {
    let crc = crc32c::crc32c(&out[start..]);
    out.extend_from_slice(OPENING);
    out.extend_from_slice(format!("{crc:08x}").as_bytes());
    out.extend_from_slice(b"\"}");
    crc
}

/// The length of the shortest sealed line that `bytes` begin with: how a line is found again whose newline was damaged.
pub(crate) fn sealed_prefix(bytes: &[u8]) -> Option<usize> {
    let (mut crc, mut done) = (0, 0);
    for at in memchr::memmem::find_iter(bytes, OPENING) {
        crc = crc32c::crc32c_append(crc, &bytes[done..at]);
        done = at;
        if let Some(line) = bytes.get(..at + TRAILER)
            && claimed(line) == Some(crc)
        {
            return Some(line.len());
        }
    }
    None
}

/// No log counts further. It leaves room to reckon with numbers that a hostile line claims.
pub(crate) const MAX_SEQ: u64 = u64::MAX >> 1;

/// What stands between the members of a fact and its checksum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tail {
    pub(crate) seq: u64,
    /// Seconds by which facts came late so far, where the line carries it.
    pub(crate) skew: Option<f64>,
}

/// What a scan needs of a fact without decoding it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    pub(crate) timestamp: f64,
}

/// Tail and head of a sealed line; `None` if it is not a fact with a `seq`: a header, or not written by us. The head is taken
/// from where the encoder puts it; of a line that somebody else sealed, by decoding it.
#[inline(always)]
pub(crate) fn tail_and_head(line: &[u8]) -> Option<(Tail, Head)> {
    let before = &line[..line.len().checked_sub(TRAILER)?];
    let Digits { value: seq, count } = digits_at_end(before)?;
    let (named, digits) = before.split_at(before.len() - count);
    if !named.ends_with(b",\"seq\":") {
        return None;
    }
    let mut members = &named[..named.len() - b",\"seq\":".len()];
    if count > 1 && digits[0] == b'0' || !(1..=MAX_SEQ).contains(&seq) {
        return None;
    }
    let mut timestamp = named_number(members, TIMESTAMP);
    let mut skew = None;
    if let Err(Some((number, len))) = timestamp
        && let Some(rest) = members[..members.len() - len].strip_suffix(SKEW)
    {
        (skew, members) = (Some(number), rest);
        timestamp = named_number(members, TIMESTAMP);
    }
    let head = known_head(members, timestamp.ok()).or_else(|| {
        let fact = decode(std::str::from_utf8(line).ok()?, super::Form::Lenient).ok()?;
        Some(Head { kind: fact.kind(), timestamp: fact.timestamp().seconds() })
    })?;
    Some((Tail { seq, skew }, head))
}

pub(super) const TIMESTAMP: &[u8; 13] = b",\"timestamp\":";
const SKEW: &[u8] = b",\"skew\":";

/// The number that `bytes` end with if this name stands right before it; otherwise the number, if any, and its length.
#[inline(always)]
pub(super) fn named_number(bytes: &[u8], name: &[u8]) -> Result<f64, Option<(f64, usize)>> {
    let (number, len) = number::at_end(bytes).ok_or(None)?;
    if bytes[..bytes.len() - len].ends_with(name) { Ok(number) } else { Err(Some((number, len))) }
}

/// Kind and timestamp of a fact as the encoder writes it. An audit's timestamp is not its last member.
#[inline(always)]
pub(super) fn known_head(members: &[u8], last_timestamp: Option<f64>) -> Option<Head> {
    if members.starts_with(b"{\"kind\":\"event\"") {
        return Some(Head { kind: Kind::Event, timestamp: last_timestamp? });
    }
    if members.starts_with(b"{\"kind\":\"dead_letter\"") {
        return Some(Head { kind: Kind::DeadLetter, timestamp: last_timestamp? });
    }
    if !members.starts_with(b"{\"kind\":\"audit\"") {
        return None;
    }
    let start = memchr::memmem::find(members, b"\",\"timestamp\":")? + 1 + TIMESTAMP.len();
    let end = memchr::memchr(b',', &members[start..])? + start;
    Some(Head { kind: Kind::Audit, timestamp: named_number(&members[..end], TIMESTAMP).ok()? })
}
