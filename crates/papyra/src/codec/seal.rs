//! The trailer that seals a line: `,"crc":"hhhhhhhh"}` over all raw bytes before it, and `,"seq":N` right before that.

use crate::{Kind, codec::decode};

/// Length of `,"crc":"hhhhhhhh"}`.
pub(super) const TRAILER: usize = 18;
const OPENING: &[u8] = b",\"crc\":\"";

/// The checksum that a line's trailer claims, if the line ends in exactly the bytes of a trailer.
fn claimed(line: &[u8]) -> Option<u32> {
    let trailer = line.get(line.len().checked_sub(TRAILER)?..)?;
    let hex = trailer.strip_prefix(OPENING)?.strip_suffix(b"\"}")?;
    let lower = hex.iter().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b));
    if !lower {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()
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
    /// Where the members end and the tail begins.
    pub(crate) start: usize,
}

/// The tail of a sealed line; `None` if it has no `seq` (a header, or not written by us).
pub(crate) fn tail(line: &[u8]) -> Option<Tail> {
    let end = line.len().checked_sub(TRAILER)?;
    let (seq, start) = number_before(&line[..end], b",\"seq\":")?;
    if seq.len() > 1 && seq.starts_with('0') {
        return None;
    }
    let seq: u64 = seq.parse().ok().filter(|seq| (1..=MAX_SEQ).contains(seq))?;
    match number_before(&line[..start], b",\"skew\":").and_then(|(text, at)| text.parse::<f64>().ok().zip(Some(at))) {
        Some((skew, at)) if skew.is_finite() => Some(Tail { seq, skew: Some(skew), start: at }),
        _ => Some(Tail { seq, skew: None, start }),
    }
}

/// The number that `bytes` end with and the place of its name, if the name stands right before it.
fn number_before<'a>(bytes: &'a [u8], name: &[u8]) -> Option<(&'a str, usize)> {
    let is_number = |b: &u8| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
    // No number that we write is longer; the bound keeps a hostile line of digits cheap.
    let digits = bytes.iter().rev().take(64).take_while(|b| is_number(b)).count();
    let start = bytes.len() - digits;
    let name_at = start.checked_sub(name.len())?;
    if digits == 0 || &bytes[name_at..start] != name {
        return None;
    }
    Some((std::str::from_utf8(&bytes[start..]).ok()?, name_at))
}

/// What a scan needs of a fact without decoding it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    pub(crate) timestamp: f64,
}

/// Kind and timestamp of a sealed line, taken from where the encoder puts them; of a line that somebody else sealed, by
/// decoding it.
pub(crate) fn head(line: &[u8], tail: &Tail) -> Option<Head> {
    known_head(&line[..tail.start]).or_else(|| {
        let fact = decode(std::str::from_utf8(line).ok()?, super::Form::Lenient).ok()?;
        Some(Head { kind: fact.kind(), timestamp: fact.timestamp().seconds() })
    })
}

fn known_head(members: &[u8]) -> Option<Head> {
    let rest = members.strip_prefix(b"{\"kind\":\"")?;
    let word = &rest[..memchr::memchr(b'"', rest)?];
    let kind = Kind::from_word(std::str::from_utf8(word).ok()?)?;
    let timestamp = match kind {
        Kind::Event | Kind::DeadLetter => number_before(members, b",\"timestamp\":")?.0,
        _ => {
            let name = b"\",\"timestamp\":";
            let start = memchr::memmem::find(members, name)? + name.len();
            let end = memchr::memchr(b',', &members[start..])? + start;
            std::str::from_utf8(&members[start..end]).ok()?
        }
    };
    let timestamp: f64 = timestamp.parse().ok()?;
    timestamp.is_finite().then_some(Head { kind, timestamp })
}
