//! What of a damaged file is sound, and in which order it belongs.

use std::{fs::File, io, ops::Range, path::Path, sync::Arc};

use super::{
    encoded::{Encoded, Next},
    layout::End,
    opened::Settled,
    replace::Replacement,
    scan::Looked,
    sequence::Sequence,
    stretch::{Run, Stretch},
    walk::{self, Piece},
};
use crate::{
    Error, Result, Timestamp,
    codec::{self, Header},
};

/// A sealed fact at the wrong place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Late {
    seq: u64,
    range: (u64, u64),
    crc: u32,
}

/// The plan of a rewrite.
pub(super) struct Salvage {
    pub(super) file: Arc<File>,
    /// What the scan found sound as a whole.
    sound: Vec<Stretch>,
    end: u64,
    header: Option<Header>,
    late: Vec<Late>,
    unsealed: Vec<(u64, u64)>,
    next: Next,
    /// Entries given up.
    pub(super) lost: u64,
    /// How long the rewritten file will be.
    pub(super) len: u64,
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
    /// The first fact's timestamp and checksum.
    first: Option<(f64, u32)>,
}

impl Salvage {
    /// Plans from what a scan saw. Only what it did not find sound as a whole is looked at again.
    pub(super) fn plan(path: &Path, looked: Looked) -> Result<Salvage> {
        let Looked { file, size, sound, .. } = looked;
        let failed = |error| Error::io("read", path, error);
        let (mut end, layout) = End::of(&file, size, path)?;
        let settled = Settled::of(&file, size, &mut end, &layout).map_err(failed)?;
        let up_to = if settled.add_newline { settled.cut_from } else { end.offset };
        let mut salvage = Salvage {
            file,
            sound,
            end: up_to,
            header: None,
            late: Vec::new(),
            unsealed: Vec::new(),
            next: Next { seq: end.next_seq, skew: end.skew, newest: end.newest },
            lost: 0,
            len: 0,
        };
        let mut count = Count::default();
        let (mut late, mut unsealed) = (Vec::new(), Vec::new());
        let mut next = salvage.next;
        let mut header = None::<Header>;
        let mut len = 0;
        let sequence = salvage
            .walk(|range, piece, _| {
                let whole = range.end - range.start + 1;
                match piece {
                    Piece::Stretch(stretch) => {
                        len += stretch.end - stretch.start;
                        match &stretch.sealed {
                            Some(run) => {
                                count.keep(run.last, stretch.lines, run.xor);
                                next.observe(Some(run.skew), stretch.times.1);
                            }
                            None => count.legacy += stretch.lines,
                        }
                    }
                    Piece::Legacy => {
                        len += whole;
                        count.legacy += 1;
                    }
                    Piece::Header(own) => {
                        count.dropped_through = count.dropped_through.max(own.dropped_through);
                        count.lost = count.lost.max(own.lost);
                        header.get_or_insert(own);
                    }
                    Piece::Fact { seq, crc, skew, timestamp } => {
                        len += whole;
                        count.keep(seq, 1, crc);
                        next.observe(skew, timestamp);
                        count.first.get_or_insert((timestamp, crc));
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
                    let (first, last) = match piece {
                        Piece::Fact { seq, .. } => (seq, seq),
                        Piece::Stretch(Stretch { sealed: Some(Run { first, last, .. }), .. }) => (*first, *last),
                        _ => return Ok(()),
                    };
                    let from = late.partition_point(|late| late.seq < first);
                    copies.extend(late[from..].iter().map(|late| late.seq).take_while(|seq| *seq <= last));
                    Ok(())
                })
                .map_err(failed)?;
            // Facts that stand where they belong rise.
            late.retain(|late| copies.binary_search(&late.seq).is_err());
        }
        for late in &late {
            len += late.range.1 - late.range.0 + 1;
            count.keep(late.seq, 1, late.crc);
        }
        salvage.late = late;
        // Everything was read by now, and a line out of place may have the highest number of all.
        next.seq = next.seq.max(count.highest + 1);
        salvage.next = next;
        salvage.unsealed = unsealed;
        salvage.lost = sequence.lost() + end.next_seq.saturating_sub(1 + count.highest.max(sequence.accounted()));
        salvage.len = len;
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
                let (created, first_crc) = count.first.unwrap_or_default();
                let facts = u128::from(count.kept_xor) << 96 | u128::from(first_crc) << 64;
                let bits = facts | u128::from(created.to_bits() ^ count.kept.rotate_left(16) ^ count.highest);
                let id = uuid::Builder::from_custom_bytes(bits.to_be_bytes()).into_uuid().to_string();
                Header::first(id, 1, Timestamp::from_seconds(created)?)
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
            count.keep(next.seq - 1, 1, crc);
            self.len += line.len() as u64;
        }
        (header.gaps_through, header.kept, header.kept_xor) = (next.seq - 1, count.kept, count.kept_xor);
        header.lost = count.lost + self.lost;
        let mut line = Vec::new();
        header.encode(&mut line);
        self.len += line.len() as u64;
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
                let first = match &piece {
                    Piece::Fact { seq, .. } => Some(*seq),
                    Piece::Stretch(Stretch { sealed: Some(run), .. }) => Some(run.first),
                    Piece::Stretch(_) | Piece::Legacy => None,
                    Piece::Header(_) | Piece::Late { .. } | Piece::Unsealed => return Ok(()),
                };
                if let Some(first) = first {
                    out.write(&std::mem::take(&mut header))?;
                    while let Some(late) = late.next_if(|late| late.seq < first) {
                        out.copy(&self.file, late.range.0, late.range.1)?;
                        out.write(b"\n")?;
                    }
                }
                if let Piece::Stretch(stretch) = piece {
                    return out.copy(&self.file, stretch.start, stretch.end);
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

    fn walk(&self, visit: impl FnMut(Range<u64>, Piece<'_>, &[u8]) -> io::Result<()>) -> io::Result<Sequence> {
        walk::walk(&self.file, &self.sound, self.end, visit)
    }
}

impl Count {
    /// Counts facts by the highest of their numbers and their combined checksum.
    fn keep(&mut self, highest: u64, facts: u64, xor: u32) {
        self.kept += facts;
        self.kept_xor ^= xor;
        self.highest = self.highest.max(highest);
    }
}
