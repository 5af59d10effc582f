//! The header: the first line of every file written here.

use serde::Deserialize;

use super::seal;
use crate::Timestamp;

/// The format that this version writes.
pub(crate) const FORMAT: u64 = 1;

/// What the header of a file says; docs/format.md tells each member.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Header {
    pub(crate) log_id: String,
    pub(crate) segment: u64,
    pub(crate) first_seq: u64,
    pub(crate) dropped_through: u64,
    pub(crate) gaps_through: u64,
    pub(crate) kept: u64,
    pub(crate) kept_xor: u32,
    pub(crate) lost: u64,
    pub(crate) created: Timestamp,
}

/// What a line turned out to be when it was asked for a header.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum HeaderLine {
    /// A header of our format.
    Header(Header),
    /// A header of a format that only a newer version knows.
    Newer(u64),
    /// Sealed and of kind `log`, but not a header.
    Broken,
}

#[derive(Deserialize)]
struct Stored<'a> {
    kind: &'a str,
    format: u64,
}

#[derive(Deserialize)]
struct StoredOne<'a> {
    log_id: &'a str,
    segment: u64,
    first_seq: u64,
    dropped_through: u64,
    gaps_through: u64,
    kept: u64,
    kept_xor: &'a str,
    lost: u64,
    created: f64,
}

impl Header {
    /// The header of the first file of a new log.
    pub(crate) fn first(log_id: String, first_seq: u64, created: Timestamp) -> Header {
        Header {
            log_id,
            segment: 1,
            first_seq,
            dropped_through: 0,
            gaps_through: 0,
            kept: 0,
            kept_xor: 0,
            lost: 0,
            created,
        }
    }

    /// Writes the header with its newline.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let mut created = String::new();
        self.created.write(&mut created);
        let text = format!(
            "{{\"kind\":\"log\",\"format\":{FORMAT},\"log_id\":\"{}\",\"segment\":{},\"first_seq\":{},\"dropped_through\":{},\
             \"gaps_through\":{},\"kept\":{},\"kept_xor\":\"{:08x}\",\"lost\":{},\"created\":{created}",
            self.log_id,
            self.segment,
            self.first_seq,
            self.dropped_through,
            self.gaps_through,
            self.kept,
            self.kept_xor,
            self.lost,
        );
        out.extend_from_slice(text.as_bytes());
        seal::seal(out, start);
        out.push(b'\n');
    }

    /// What a **sealed** line is as a header; `None` if its kind is not `log`. A format is believed on a sealed line only,
    /// so that a flipped bit never looks like a newer format.
    pub(crate) fn decode(sealed_line: &[u8]) -> Option<HeaderLine> {
        if !sealed_line.starts_with(b"{\"kind\":\"log\"") {
            return None;
        }
        let text = std::str::from_utf8(sealed_line).ok()?;
        let Ok(stored) = serde_json::from_str::<Stored<'_>>(text) else { return Some(HeaderLine::Broken) };
        if stored.kind != "log" {
            return None;
        }
        if stored.format > FORMAT {
            return Some(HeaderLine::Newer(stored.format));
        }
        let header = serde_json::from_str::<StoredOne<'_>>(text).ok().and_then(|stored| {
            let numbers = [stored.first_seq, stored.dropped_through, stored.gaps_through, stored.kept, stored.lost];
            if numbers.iter().any(|number| *number > seal::MAX_SEQ) {
                return None;
            }
            Some(Header {
                log_id: stored.log_id.to_owned(),
                segment: stored.segment,
                first_seq: stored.first_seq.max(1),
                dropped_through: stored.dropped_through,
                gaps_through: stored.gaps_through,
                kept: stored.kept,
                kept_xor: u32::from_str_radix(stored.kept_xor, 16).ok()?,
                lost: stored.lost,
                created: Timestamp::from_seconds(stored.created).ok()?,
            })
        });
        Some(header.map_or(HeaderLine::Broken, HeaderLine::Header))
    }
}
