//! What a line is: sealed or not, whole or pieces of lines whose newlines were damaged.

use std::ops::Range;

use super::encoded::STAMP_BYTES;
use crate::{
    Fact,
    codec::{self, Form, Head, HeaderLine, Tail},
};

/// Garbage between two lines that is put up with when looking for the second: a damaged newline, and little more.
const MAX_JUNK: usize = 8;
/// How many beginnings are tried in a damaged line. The bound keeps a hostile line cheap.
const MAX_TRIES: usize = 16;

const WRONG_CHECKSUM: &str = "its checksum is wrong";

/// A part of a line; nearly always the whole line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// Its place in the line.
    pub(super) range: Range<usize>,
    pub(super) is: Is,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Is {
    /// A sealed header.
    Header(HeaderLine),
    /// A sealed fact.
    Fact { tail: Tail, head: Head, crc: u32 },
    /// Sealed, but neither header nor fact.
    Odd,
    /// A whole line that is not sealed: an old one, another program's, or a damaged one.
    Open,
    /// What is left of a line of which other parts are sealed.
    Junk,
}

/// Judges a line; `parts` is emptied first.
pub(super) fn judge(line: &[u8], parts: &mut Vec<Part>) {
    parts.clear();
    if let Some(crc) = codec::is_sealed(line) {
        parts.push(Part { range: 0..line.len(), is: sealed(line, crc) });
        return;
    }
    // Sealed lines stand next to each other where newlines were damaged: at the beginning, one after the other, and at
    // the very end. Nothing in between is believed: a payload may hold a whole sealed line, but never at either end.
    let mut at = 0;
    let mut start = 0;
    while let Some(len) = codec::sealed_prefix(&line[start..]) {
        push_junk(parts, at..start);
        push_sealed(parts, line, start..start + len);
        at = start + len;
        let Some(next) = memchr::memchr(b'{', &line[at..]).filter(|junk| *junk <= MAX_JUNK) else { break };
        start = at + next;
    }
    let rest = &line[at..];
    let last = memchr::memmem::rfind_iter(rest, b"{\"kind\":")
        .take(MAX_TRIES)
        .find(|from| codec::is_sealed(&rest[*from..]).is_some());
    match last {
        Some(from) => {
            push_junk(parts, at..at + from);
            push_sealed(parts, line, at + from..line.len());
        }
        None if parts.is_empty() => parts.push(Part { range: 0..line.len(), is: Is::Open }),
        None if at < line.len() => push_junk(parts, at..line.len()),
        None => {}
    }
}

/// A line that is a whole sealed fact, as nearly every line is.
pub(super) fn sealed_fact(line: &[u8]) -> Option<(Tail, Head, u32)> {
    let crc = codec::is_sealed(line)?;
    let (tail, head) = codec::tail_and_head(line).filter(|_| !line.starts_with(b"{\"kind\":\"log\""))?;
    Some((tail, head, crc))
}

fn push_junk(parts: &mut Vec<Part>, range: Range<usize>) {
    // Between two lines even an empty one is a finding: their newline is missing.
    if !parts.is_empty() || !range.is_empty() {
        parts.push(Part { range, is: Is::Junk });
    }
}

fn push_sealed(parts: &mut Vec<Part>, line: &[u8], range: Range<usize>) {
    let bytes = &line[range.clone()];
    let crc = codec::is_sealed(bytes).unwrap_or_default();
    parts.push(Part { range, is: sealed(bytes, crc) });
}

fn sealed(line: &[u8], crc: u32) -> Is {
    match codec::Header::decode(line) {
        Some(header) => Is::Header(header),
        None => match codec::tail_and_head(line) {
            Some((tail, head)) => Is::Fact { tail, head, crc },
            None => Is::Odd,
        },
    }
}

/// What an open line is.
#[derive(Debug)]
pub(super) enum Open {
    /// A fact that another program wrote.
    Fact(Box<Fact>),
    /// Damaged, with the reason.
    Damaged(String),
}

/// Judges an open line from before sealing began: JSON object, string `kind`, number `timestamp`.
pub(super) fn judge_legacy(line: &[u8], first: bool) -> Open {
    if codec::is_sealed(line).is_some() {
        return Open::Damaged("sealed, but neither a header nor a fact with a `seq`".to_owned());
    }
    let line = if first { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
    match readable(line) {
        Err(why) => Open::Damaged(why),
        Ok(text) => match codec::decode(text, Form::Lenient) {
            // Nothing would tell a changed fact from a sound one if a line that lost its seal passed for an old one.
            Ok(_) if codec::was_sealed(line) => Open::Damaged(WRONG_CHECKSUM.to_owned()),
            Ok(fact) => Open::Fact(Box::new(fact)),
            Err(_) if codec::looks_sealed(line) => Open::Damaged(WRONG_CHECKSUM.to_owned()),
            Err(cause) => Open::Damaged(cause.into_owned()),
        },
    }
}

/// Judges an open line where every line must be sealed.
pub(super) fn judge_unsealed(line: &[u8]) -> Open {
    if line.len() + STAMP_BYTES > codec::MAX_READ_LINE {
        return Open::Damaged("without a checksum, and too long to get one".to_owned());
    }
    match judge_legacy(line, false) {
        Open::Fact(_) | Open::Damaged(_) if codec::looks_sealed(line) => Open::Damaged(WRONG_CHECKSUM.to_owned()),
        open => open,
    }
}

/// Refuses what cannot be text, with the reason.
fn readable(line: &[u8]) -> Result<&str, String> {
    if line.iter().all(u8::is_ascii_whitespace) {
        return Err("it is blank".to_owned());
    }
    let zeros = line.iter().filter(|byte| **byte == 0).count();
    if zeros > 0 {
        return Err(format!("it holds {zeros} zero bytes, as a power cut leaves them"));
    }
    std::str::from_utf8(line).map_err(|error| format!("it is not UTF-8 from its byte {} on", error.valid_up_to()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = include_str!("../../../tests/vectors/format-1.ndjson");

    fn lines() -> Vec<&'static [u8]> {
        LOG.lines().map(str::as_bytes).collect()
    }

    fn kinds(line: &[u8]) -> Vec<&'static str> {
        let mut parts = Vec::new();
        judge(line, &mut parts);
        parts
            .iter()
            .map(|part| match part.is {
                Is::Header(_) => "header",
                Is::Fact { .. } => "fact",
                Is::Odd => "odd",
                Is::Open => "open",
                Is::Junk => "junk",
            })
            .collect()
    }

    #[test]
    fn lines_whose_newlines_were_damaged_are_all_found() {
        let lines = lines();
        assert_eq!(kinds(lines[0]), ["header"]);
        assert_eq!(kinds(&[lines[0], lines[1]].join(&0x0b)), ["header", "junk", "fact"]);
        assert_eq!(kinds(&[lines[1], lines[2], lines[3]].join(&0x0e)), ["fact", "junk", "fact", "junk", "fact"]);
        assert_eq!(kinds(&[&[0; 4096], lines[1]].concat()), ["junk", "fact"]);
        assert_eq!(kinds(&[lines[1], lines[2]].concat()), ["fact", "junk", "fact"]);
        assert_eq!(kinds(&[lines[1], &[0; 4096]].concat()), ["fact", "junk"]);
        assert_eq!(kinds(&lines[1][1..]), ["open"]);
    }

    #[test]
    fn a_line_that_lost_its_seal_never_passes_for_an_old_one() {
        let line = lines()[1];
        for at in 0..line.len() {
            for bit in 0..8 {
                let mut flipped = line.to_vec();
                flipped[at] ^= 1 << bit;
                for around in [&b""[..], b"\r", b" \r"] {
                    let line = [&b"\xef\xbb\xbf"[..], &flipped, around].concat();
                    assert!(matches!(judge_legacy(&line, true), Open::Damaged(_)), "bit {bit} of byte {at}");
                }
            }
        }
        let spaced = br#"{"kind": "event", "timestamp": 1.0, "seq": 1, "crc": "00000000"}"#;
        assert!(matches!(judge_legacy(spaced, true), Open::Fact(_)), "rewritten by the Python Papyra");
    }

    #[test]
    fn a_sealed_line_inside_a_damaged_payload_is_not_believed() {
        let inner = String::from_utf8(lines()[1].to_vec()).unwrap();
        let line = format!(r#"{{"kind":"event","payload":{{"copy":{inner}}},"timestamp":1,"seq":9,"crc":"00000000"}}"#);
        assert_eq!(kinds(line.as_bytes()), ["open"]);
    }
}
