//! The trailer that seals a line: `,"crc":"hhhhhhhh"}` over all raw bytes before it, and `,"seq":N` right before that.

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
    /// Where the members end and the tail begins.
    pub(crate) start: usize,
}

/// The tail of a sealed line; `None` if it has no `seq` (a header, or not written by us).
pub(crate) fn tail(line: &[u8]) -> Option<Tail> {
    let end = line.len().checked_sub(TRAILER)?;
    let (digits, start) = number_before(&line[..end], b",\"seq\":")?;
    if digits.len() > 19 || digits.len() > 1 && digits[0] == b'0' {
        return None;
    }
    let mut seq = 0_u64;
    for digit in digits {
        seq = seq * 10 + u64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    if !(1..=MAX_SEQ).contains(&seq) {
        return None;
    }
    let skew = number_before(&line[..start], b",\"skew\":").and_then(|(text, at)| number(text).zip(Some(at)));
    Some(match skew {
        Some((skew, at)) => Tail { seq, skew: Some(skew), start: at },
        None => Tail { seq, skew: None, start },
    })
}

/// The number that `bytes` end with and the place of its name, if the name stands right before it.
fn number_before<'a>(bytes: &'a [u8], name: &[u8]) -> Option<(&'a [u8], usize)> {
    let is_number = |b: &u8| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
    // No number that we write is longer; the bound keeps a hostile line of digits cheap.
    let digits = bytes.iter().rev().take(64).take_while(|b| is_number(b)).count();
    let start = bytes.len() - digits;
    let name_at = start.checked_sub(name.len())?;
    (digits > 0 && &bytes[name_at..start] == name).then(|| (&bytes[start..], name_at))
}

/// A finite number. Those of usual length, as nearly all timestamps are, need no general parser: a whole number below 2^53
/// divided by a power of ten up to 10^22 is rounded once, and so exact.
fn number(text: &[u8]) -> Option<f64> {
    let mut digits = 0_u64;
    let mut decimals = None;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' if at < 17 => digits = digits * 10 + u64::from(byte - b'0'),
            b'.' if decimals.is_none() && at > 0 && at + 1 < text.len() => decimals = Some(text.len() - at - 1),
            _ => return general(text),
        }
    }
    let leading_zero = text.len() > 1 && text[0] == b'0' && text[1] != b'.';
    if text.is_empty() || digits >= 1 << 53 || leading_zero {
        return general(text);
    }
    const POWERS: [f64; 17] =
        [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16];
    Some(digits as f64 / POWERS[decimals.unwrap_or(0)])
}

fn general(text: &[u8]) -> Option<f64> {
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    number.is_finite().then_some(number)
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
    let (kind, timestamp) = if rest.starts_with(b"event\"") {
        (Kind::Event, number_before(members, TIMESTAMP)?.0)
    } else if rest.starts_with(b"dead_letter\"") {
        (Kind::DeadLetter, number_before(members, TIMESTAMP)?.0)
    } else if rest.starts_with(b"audit\"") {
        let name = b"\",\"timestamp\":";
        let start = memchr::memmem::find(members, name)? + name.len();
        let end = memchr::memchr(b',', &members[start..])? + start;
        (Kind::Audit, &members[start..end])
    } else {
        return None;
    };
    Some(Head { kind, timestamp: number(timestamp)? })
}

const TIMESTAMP: &[u8] = b",\"timestamp\":";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_to_a_number_gives_what_the_long_way_gives() {
        let mut seed = 88_172_645_463_325_252_u64;
        let mut next = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        for round in 0..200_000 {
            let text = match round % 4 {
                0 => format!("{}.{}", next() % 10_000_000_000, next() % 1_000_000),
                1 => format!("{}", next() >> (next() % 64)),
                2 => format!("{}.{:0>9}", next() % 100, next() % 1_000_000_000),
                _ => format!("{:?}", f64::from_bits(next())),
            };
            assert_eq!(number(text.as_bytes()), general(text.as_bytes()), "{text}");
        }
        for odd in ["", ".", "1.", ".5", "1.2.3", "-1", "1e3", "00", "0.5", "0", "007"] {
            assert_eq!(number(odd.as_bytes()), general(odd.as_bytes()), "{odd}");
        }
    }
}
