//! The sound pieces of a damaged log, one after the other.

use std::{ops::Range, path::Path};

use super::{
    judge::{self, Is, Open, Part},
    lines::{Forward, Raw},
    scan::LookedFile,
    sections::{Section, sections},
    sequence::{Sequence, Verdict},
    stretch::{Run, Stretch},
};
use crate::{
    Error, Result,
    codec::{Header, HeaderLine},
};

/// A sound piece of a log.
pub(super) enum Piece<'a> {
    /// A file begins; everything up to this number was accounted for before it.
    Begin { accounted: u64 },
    /// Neighbouring lines with their newlines, all of them sound and where they belong: sealed facts, or legacy ones.
    Stretch(&'a Stretch),
    /// A legacy fact, with its whole line.
    Legacy,
    /// A header, and whether it stands where its first number belongs.
    Header { header: Header, in_order: bool },
    /// A sealed fact where it belongs.
    Fact { seq: u64, crc: u32, skew: Option<f64>, timestamp: f64 },
    /// A sealed fact that belongs elsewhere.
    Late { seq: u64, crc: u32 },
    /// A fact that another program appended.
    Unsealed,
    /// The file ends.
    End,
}

/// Where a piece stands.
pub(super) struct Place {
    /// The file, counted from 0.
    pub(super) file: usize,
    pub(super) range: Range<u64>,
}

/// Walks over the pieces of files, each before its end, of which a scan has found some stretches to be sound. The visitor is
/// given each piece with its place and, unless it is a stretch, its bytes; it says whether to go on. Gives what the sequence
/// came to.
pub(super) fn walk<'a>(
    files: impl IntoIterator<Item = (&'a LookedFile, u64)>,
    log_id: Option<&str>,
    visit: impl FnMut(Place, Piece<'_>, &[u8]) -> Result<bool>,
) -> Result<Sequence> {
    let mut walk = Walk {
        visit,
        sequence: Sequence::default(),
        log_id: log_id.map(str::to_owned),
        sealed: false,
        sealed_here: false,
        file: 0,
        through: None,
        line: 0,
        parts: Vec::new(),
    };
    for (number, (looked, end)) in files.into_iter().enumerate() {
        (walk.file, walk.through, walk.line, walk.sealed_here) = (number, looked.member.through, 0, false);
        let accounted = walk.sequence.accounted();
        walk.visit(0..0, Piece::Begin { accounted }, &[])?;
        walk.file(looked, end)?;
        walk.sequence.close();
        if !walk.visit(end..end, Piece::End, &[])? {
            break;
        }
    }
    Ok(walk.sequence)
}

struct Walk<V> {
    visit: V,
    sequence: Sequence,
    log_id: Option<String>,
    sealed: bool,
    /// Sealing has begun in this file.
    sealed_here: bool,
    file: usize,
    /// The last number that may stand in this file.
    through: Option<u64>,
    line: u64,
    parts: Vec<Part>,
}

impl<V: FnMut(Place, Piece<'_>, &[u8]) -> Result<bool>> Walk<V> {
    fn visit(&mut self, range: Range<u64>, piece: Piece<'_>, bytes: &[u8]) -> Result<bool> {
        (self.visit)(Place { file: self.file, range }, piece, bytes)
    }

    fn file(&mut self, looked: &LookedFile, end: u64) -> Result<()> {
        let path: &Path = &looked.member.path;
        // Files without anything odd in them need not even be opened for it.
        let mut opened = None;
        for section in sections(&looked.sound, 0, end) {
            match section {
                Section::Stretch(stretch) if self.stretch(stretch) => {
                    self.visit(stretch.start..stretch.end, Piece::Stretch(stretch), &[])?;
                }
                Section::Stretch(&Stretch { start: from, end: to, .. }) | Section::Lines { from, to } => {
                    let file = match &opened {
                        Some(file) => file,
                        None => opened.insert(looked.open()?),
                    };
                    let mut lines = Forward::with_last(file.clone(), from, to);
                    while let Some(raw) = lines.next().map_err(|error| Error::io("read", path, error))? {
                        self.line(raw)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes a stretch in, as the scan did that found it.
    fn stretch(&mut self, stretch: &Stretch) -> bool {
        match stretch.sealed {
            Some(Run { first, last, xor, .. })
                if self.sealed_here && !self.is_beyond(last) && self.sequence.run(first, last, xor) => {}
            None if self.may_be_legacy() => self.sequence.legacy_lines(self.line, stretch.lines),
            _ => return false,
        }
        self.line += stretch.lines;
        true
    }

    /// Lines from before sealing began stand in the oldest file only.
    fn may_be_legacy(&self) -> bool {
        !self.sealed && self.file == 0
    }

    fn is_beyond(&self, seq: u64) -> bool {
        self.through.is_some_and(|through| seq > through)
    }

    fn line(&mut self, raw: Raw<'_>) -> Result<()> {
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
                self.visit(range, piece, own)?;
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
                (self.sealed, self.sealed_here) = (true, true);
                let in_order = !self.is_beyond(header.first_seq - 1)
                    && !matches!(self.sequence.header(header).0, Verdict::Repeated { .. });
                Some(Piece::Header { header: header.clone(), in_order })
            }
            Is::Fact { tail, head, crc } => {
                (self.sealed, self.sealed_here) = (true, true);
                let (seq, crc, skew, timestamp) = (tail.seq, *crc, tail.skew, head.timestamp);
                if self.is_beyond(seq) {
                    return Some(Piece::Late { seq, crc });
                }
                match self.sequence.fact(seq, crc) {
                    Verdict::InOrder { .. } => Some(Piece::Fact { seq, crc, skew, timestamp }),
                    Verdict::Late => Some(Piece::Late { seq, crc }),
                    Verdict::Repeated { .. } => None,
                }
            }
            Is::Open if !self.may_be_legacy() => match judge::judge_unsealed(own) {
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
        if self.may_be_legacy() {
            self.sequence.legacy_line(self.line, false);
        }
    }
}
