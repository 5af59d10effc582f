//! What of a damaged file is sound, and in which order it belongs.

use std::{fs::File, io, ops::Range, path::Path, sync::Arc};

use super::{
    encoded::{Encoded, Next},
    judge::{self, Is, Open},
    layout::End,
    lines::{Forward, Raw},
    opened::Settled,
    replace::Replacement,
    sequence::{Sequence, Verdict},
};
use crate::{
    Error, Result, Timestamp,
    codec::{self, Header, HeaderLine},
};

/// A sound piece of a file.
enum Piece {
    /// A legacy fact, with its whole line.
    Legacy,
    Header(Header),
    /// A sealed fact where it belongs.
    Fact {
        seq: u64,
        crc: u32,
        skew: Option<f64>,
        timestamp: f64,
    },
    /// A sealed fact that belongs further ahead.
    Late {
        seq: u64,
        crc: u32,
    },
    /// A fact that another program appended.
    Unsealed,
}

/// A sealed fact at the wrong place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Late {
    seq: u64,
    range: (u64, u64),
    crc: u32,
}

/// The plan of a rewrite.
pub(super) struct Salvage {
    file: Arc<File>,
    end: u64,
    header: Option<Header>,
    late: Vec<Late>,
    unsealed: Vec<(u64, u64)>,
    next: Next,
    /// Entries given up.
    pub(super) lost: u64,
}

/// What the first walk counts.
#[derive(Default)]
struct Count {
    legacy: u64,
    kept: u64,
    kept_xor: u32,
    highest: u64,
    dropped_through: u64,
    lost: u64,
    first_timestamp: Option<f64>,
    id: [u32; 4],
}

impl Salvage {
    pub(super) fn plan(path: &Path, file: Arc<File>, size: u64) -> Result<Salvage> {
        let failed = |error| Error::io("read", path, error);
        let (mut end, layout) = End::of(&file, size, path)?;
        let settled = Settled::of(&file, size, &mut end, &layout).map_err(failed)?;
        let up_to = if settled.add_newline { settled.cut_from } else { end.offset };
        let mut salvage = Salvage {
            file,
            end: up_to,
            header: None,
            late: Vec::new(),
            unsealed: Vec::new(),
            next: Next { seq: end.next_seq, skew: end.skew, newest: end.newest },
            lost: 0,
        };
        let mut count = Count::default();
        let (mut late, mut unsealed) = (Vec::new(), Vec::new());
        let mut next = salvage.next;
        let mut header = None::<Header>;
        let sequence = salvage
            .walk(|range, piece, bytes| {
                match piece {
                    Piece::Legacy => count.legacy += 1,
                    Piece::Header(own) => {
                        count.dropped_through = count.dropped_through.max(own.dropped_through);
                        count.lost = count.lost.max(own.lost);
                        header.get_or_insert(own);
                    }
                    Piece::Fact { seq, crc, skew, timestamp } => {
                        count.keep(seq, crc);
                        next.observe(skew, timestamp);
                        count.first_timestamp = count.first_timestamp.or(Some(timestamp));
                        let slot = count.kept as usize % 4;
                        count.id[slot] = crc32c::crc32c_append(count.id[slot], bytes);
                    }
                    Piece::Late { seq, crc } => late.push(Late { seq, range: (range.start, range.end), crc }),
                    Piece::Unsealed => unsealed.push((range.start, range.end)),
                }
                Ok(())
            })
            .map_err(failed)?;
        late.sort();
        late.dedup_by_key(|late| late.seq);
        if !late.is_empty() {
            // A late line whose number stands where it belongs is a copy: the first stays.
            let mut copies = Vec::new();
            salvage
                .walk(|_, piece, _| {
                    if let Piece::Fact { seq, .. } = piece
                        && late.binary_search_by_key(&seq, |late| late.seq).is_ok()
                    {
                        copies.push(seq);
                    }
                    Ok(())
                })
                .map_err(failed)?;
            // Facts that stand where they belong rise.
            late.retain(|late| copies.binary_search(&late.seq).is_err());
        }
        for late in &late {
            count.keep(late.seq, late.crc);
        }
        salvage.late = late;
        // Everything was read by now, and a line out of place may have the highest number of all.
        next.seq = next.seq.max(count.highest + 1);
        salvage.next = next;
        salvage.unsealed = unsealed;
        salvage.lost = sequence.lost() + end.next_seq.saturating_sub(1 + count.highest.max(sequence.accounted()));
        salvage.certify(header, count)?;
        Ok(salvage)
    }

    /// Makes the header that tells what stands in the rewritten file. A purely legacy file stays legacy.
    fn certify(&mut self, header: Option<Header>, mut count: Count) -> Result<()> {
        let any_sealed = header.is_some() || count.kept > 0 || !self.unsealed.is_empty();
        if !any_sealed && count.legacy > 0 {
            self.lost = 0;
            return Ok(());
        }
        let mut header = match header {
            Some(header) => header,
            None => {
                // The same damage must give the same bytes on every machine, so nothing in a new header is random.
                let [a, b, c, d] = count.id;
                let bits = u128::from(a) << 96 | u128::from(b) << 64 | u128::from(c) << 32 | u128::from(d);
                let id = uuid::Builder::from_custom_bytes(bits.to_be_bytes()).into_uuid().to_string();
                let created = Timestamp::from_seconds(count.first_timestamp.unwrap_or_default())?;
                Header::first(id, 1, created)
            }
        };
        if count.legacy > 0 {
            header.first_seq = count.legacy + 1;
        } else {
            // What a lost file held was given up with this: the log begins behind what was dropped on purpose.
            let (first, dropped) = (header.first_seq, count.dropped_through);
            let came_late = self.late.iter().filter(|late| (dropped + 1..first).contains(&late.seq)).count() as u64;
            self.lost += (first - 1).saturating_sub(dropped.saturating_add(came_late));
            let lowest = self.late.first().map_or(u64::MAX, |late| late.seq);
            header.first_seq = first.min(dropped + 1).min(lowest);
        }
        header.dropped_through = count.dropped_through;
        // The last number includes those of damaged lines at the end: they may have been acknowledged.
        self.next.seq = self.next.seq.max(header.first_seq);
        let mut next = self.next;
        for range in &self.unsealed {
            let line = self.reseal(*range, &mut next)?;
            let crc = codec::is_sealed(&line[..line.len() - 1]).unwrap_or_default();
            count.keep(next.seq - 1, crc);
        }
        (header.gaps_through, header.kept, header.kept_xor) = (next.seq - 1, count.kept, count.kept_xor);
        header.lost = count.lost + self.lost;
        self.header = Some(header);
        Ok(())
    }

    /// Writes the sound facts, byte for byte, in the order of their numbers; facts without one at the end.
    pub(super) fn write(&self, path: &Path, out: &mut Replacement) -> Result<()> {
        let mut header = Vec::new();
        self.header.iter().for_each(|own| own.encode(&mut header));
        let mut late = self.late.iter().peekable();
        let mut failure = None;
        let walked = self.walk(|range, piece, bytes| {
            let mut step = || -> Result<()> {
                match piece {
                    Piece::Legacy => {}
                    Piece::Fact { seq, .. } => {
                        out.write(&std::mem::take(&mut header))?;
                        while let Some(late) = late.next_if(|late| late.seq < seq) {
                            out.copy(&self.file, late.range.0, late.range.1)?;
                            out.write(b"\n")?;
                        }
                    }
                    Piece::Header(_) | Piece::Late { .. } | Piece::Unsealed => return Ok(()),
                }
                debug_assert_eq!(range.end - range.start, bytes.len() as u64);
                out.write(bytes)?;
                out.write(b"\n")
            };
            step().map_err(|error| {
                failure = Some(error);
                io::Error::other("cannot write")
            })
        });
        if let Some(error) = failure {
            return Err(error);
        }
        walked.map_err(|error| Error::io("read", path, error))?;
        out.write(&header)?;
        for late in late {
            out.copy(&self.file, late.range.0, late.range.1)?;
            out.write(b"\n")?;
        }
        let mut next = self.next;
        for range in &self.unsealed {
            out.write(&self.reseal(*range, &mut next)?)?;
        }
        Ok(())
    }

    /// Gives a fact of another program the next number and a checksum.
    fn reseal(&self, range: (u64, u64), next: &mut Next) -> Result<Vec<u8>> {
        let mut bytes = vec![0; (range.1 - range.0) as usize];
        let read = super::lines::read_at(&self.file, &mut bytes, range.0);
        read.map_err(|error| Error::new(crate::ErrorKind::Io, "cannot read a fact again").with_source(error))?;
        let text = String::from_utf8_lossy(&bytes);
        let (members, timestamp) = codec::members(&text)
            .ok_or_else(|| Error::new(crate::ErrorKind::Internal, "a fact of another program is none any more"))?;
        let mut encoded = Encoded::default();
        encoded.push_members(&members, timestamp);
        let mut line = Vec::new();
        encoded.write(next, &mut line);
        Ok(line)
    }

    /// Walks over the sound pieces in the order of the file.
    fn walk(&self, mut visit: impl FnMut(Range<u64>, Piece, &[u8]) -> io::Result<()>) -> io::Result<Sequence> {
        let mut sequence = Sequence::default();
        let mut log_id: Option<String> = None;
        let mut sealed = false;
        let mut line = 0;
        let mut parts = Vec::new();
        let mut lines = Forward::with_last(self.file.clone(), 0, self.end);
        while let Some(raw) = lines.next()? {
            line += 1;
            let Raw::Line { offset, bytes } = raw else {
                if !sealed {
                    sequence.legacy_line(line, false);
                }
                continue;
            };
            judge::judge(bytes, &mut parts);
            for part in &parts {
                let range = offset + part.range.start as u64..offset + part.range.end as u64;
                let own = &bytes[part.range.clone()];
                let piece = match &part.is {
                    Is::Header(HeaderLine::Header(header)) => {
                        if log_id.as_ref().is_some_and(|own| *own != header.log_id) {
                            continue;
                        }
                        log_id = Some(header.log_id.clone());
                        sealed = true;
                        sequence.header(header);
                        Some(Piece::Header(header.clone()))
                    }
                    Is::Fact { tail, head, crc } => {
                        if !sealed {
                            sealed = true;
                            sequence.begin(tail.seq);
                        }
                        match sequence.fact(tail.seq, *crc) {
                            Verdict::InOrder { .. } => Some(Piece::Fact {
                                seq: tail.seq,
                                crc: *crc,
                                skew: tail.skew,
                                timestamp: head.timestamp,
                            }),
                            Verdict::Late => Some(Piece::Late { seq: tail.seq, crc: *crc }),
                            Verdict::Repeated { .. } => None,
                        }
                    }
                    Is::Open if sealed => match judge::judge_unsealed(own) {
                        Open::Fact(_) => Some(Piece::Unsealed),
                        Open::Damaged(_) => None,
                    },
                    Is::Open => {
                        let sound = matches!(judge::judge_legacy(own, offset == 0), Open::Fact(_));
                        sequence.legacy_line(line, sound);
                        sound.then_some(Piece::Legacy)
                    }
                    Is::Header(_) | Is::Odd | Is::Junk => {
                        if !sealed {
                            sequence.legacy_line(line, false);
                        }
                        None
                    }
                };
                if let Some(piece) = piece {
                    visit(range, piece, own)?;
                }
            }
        }
        Ok(sequence)
    }
}

impl Count {
    fn keep(&mut self, seq: u64, crc: u32) {
        self.kept += 1;
        self.kept_xor ^= crc;
        self.highest = self.highest.max(seq);
    }
}
