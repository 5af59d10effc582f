//! The sound pieces of a damaged file, one after the other.

use std::{fs::File, io, ops::Range, sync::Arc};

use super::{
    judge::{self, Is, Open, Part},
    lines::{Forward, Raw},
    sections::{Section, sections},
    sequence::{Sequence, Verdict},
    stretch::{Run, Stretch},
};
use crate::codec::{Header, HeaderLine};

/// A sound piece of a file.
pub(super) enum Piece<'a> {
    /// Neighbouring lines with their newlines, all of them sound and where they belong: sealed facts, or legacy ones.
    Stretch(&'a Stretch),
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

/// Walks over the pieces before `end`, of which a scan has found these stretches to be sound. The visitor is given each
/// piece's place and, unless it is a stretch, its bytes. Gives what the sequence came to.
pub(super) fn walk(
    file: &Arc<File>,
    sound: &[Stretch],
    end: u64,
    visit: impl FnMut(Range<u64>, Piece<'_>, &[u8]) -> io::Result<()>,
) -> io::Result<Sequence> {
    let mut walk =
        Walk { visit, sequence: Sequence::default(), log_id: None, sealed: false, line: 0, parts: Vec::new() };
    for section in sections(sound, 0, end) {
        match section {
            Section::Stretch(stretch) if walk.stretch(stretch) => {
                (walk.visit)(stretch.start..stretch.end, Piece::Stretch(stretch), &[])?;
            }
            Section::Stretch(&Stretch { start: from, end: to, .. }) | Section::Lines { from, to } => {
                let mut lines = Forward::with_last(file.clone(), from, to);
                while let Some(raw) = lines.next()? {
                    walk.line(raw)?;
                }
            }
        }
    }
    Ok(walk.sequence)
}

struct Walk<V> {
    visit: V,
    sequence: Sequence,
    log_id: Option<String>,
    sealed: bool,
    line: u64,
    parts: Vec<Part>,
}

impl<V: FnMut(Range<u64>, Piece<'_>, &[u8]) -> io::Result<()>> Walk<V> {
    /// Takes a stretch in, as the scan did that found it.
    fn stretch(&mut self, stretch: &Stretch) -> bool {
        match stretch.sealed {
            Some(Run { first, last, xor, .. }) if self.sealed && self.sequence.run(first, last, xor) => {}
            None if !self.sealed => self.sequence.legacy_lines(self.line, stretch.lines),
            _ => return false,
        }
        self.line += stretch.lines;
        true
    }

    fn line(&mut self, raw: Raw<'_>) -> io::Result<()> {
        self.line += 1;
        let Raw::Line { offset, bytes } = raw else {
            self.unnumbered();
            return Ok(());
        };
        let mut parts = std::mem::take(&mut self.parts);
        judge::judge(bytes, &mut parts);
        for part in &parts {
            let range = offset + part.range.start as u64..offset + part.range.end as u64;
            let own = &bytes[part.range.clone()];
            if let Some(piece) = self.part(&part.is, offset == 0, own) {
                (self.visit)(range, piece, own)?;
            }
        }
        self.parts = parts;
        Ok(())
    }

    fn part(&mut self, is: &Is, first: bool, own: &[u8]) -> Option<Piece<'static>> {
        match is {
            Is::Header(HeaderLine::Header(header)) => {
                if self.log_id.as_ref().is_some_and(|own| *own != header.log_id) {
                    return None;
                }
                self.log_id = Some(header.log_id.clone());
                self.sealed = true;
                self.sequence.header(header);
                Some(Piece::Header(header.clone()))
            }
            Is::Fact { tail, head, crc } => {
                if !self.sealed {
                    self.sealed = true;
                    self.sequence.begin(tail.seq);
                }
                let (seq, crc) = (tail.seq, *crc);
                match self.sequence.fact(seq, crc) {
                    Verdict::InOrder { .. } => {
                        Some(Piece::Fact { seq, crc, skew: tail.skew, timestamp: head.timestamp })
                    }
                    Verdict::Late => Some(Piece::Late { seq, crc }),
                    Verdict::Repeated { .. } => None,
                }
            }
            Is::Open if self.sealed => match judge::judge_unsealed(own) {
                Open::Fact(_) => Some(Piece::Unsealed),
                Open::Damaged(_) => None,
            },
            Is::Open => {
                let sound = matches!(judge::judge_legacy(own, first), Open::Fact(_));
                self.sequence.legacy_line(self.line, sound);
                sound.then_some(Piece::Legacy)
            }
            Is::Header(_) | Is::Odd | Is::Junk => {
                self.unnumbered();
                None
            }
        }
    }

    /// Before sealing began, a damaged line too has the number of its place.
    fn unnumbered(&mut self) {
        if !self.sealed {
            self.sequence.legacy_line(self.line, false);
        }
    }
}
