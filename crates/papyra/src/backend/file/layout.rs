//! How a file is laid out: where sealing begins, and how its end looks.

use std::{fs::File, io, path::Path, sync::Arc};

use super::{
    judge::{self, Is, Open},
    lines::{self, Backward, Forward, Raw},
};
use crate::{
    Error, ErrorKind, Result,
    codec::{self, Head, Header, HeaderLine, Tail},
};

/// The least skew: facts that come this late need no mention.
pub(super) const LEAST_SKEW: f64 = 10.0;
/// How much of the end is searched for the highest number.
const WINDOW: u64 = 64 << 10;
/// How many places of a file are looked at for numbers that do not rise.
const PROBES: u64 = 8;

/// Where sealing begins in a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    /// The header at which sealing begins, if there is one.
    pub(super) header: Option<Header>,
    /// Where the first sealed line begins; the place behind the last newline if there is none.
    pub(super) sealed_from: u64,
    /// Lines before it.
    pub(super) legacy_lines: u64,
    /// Where they end: junk may stand between them and the first sealed line.
    pub(super) legacy_end: u64,
}

impl Layout {
    /// Looks at a file up to `end`, the place behind its last newline. It costs one line for a file that begins with a
    /// header, as all do that were begun here; otherwise the legacy part is read.
    pub(super) fn of(file: &Arc<File>, end: u64, path: &Path) -> Result<Layout> {
        let failed = |error| Error::io("read", path, error);
        let mut lines = Forward::new(file.clone(), 0, end);
        let mut layout = Layout { header: None, sealed_from: end, legacy_lines: 0, legacy_end: end };
        let mut parts = Vec::new();
        while let Some(raw) = lines.next().map_err(failed)? {
            if let Raw::Line { offset, bytes } = raw {
                judge::judge(bytes, &mut parts);
                let begins = |is: &Is| match is {
                    Is::Fact { .. } => true,
                    Is::Header(header) => !matches!(header, HeaderLine::Broken),
                    Is::Odd | Is::Open | Is::Junk => false,
                };
                if let Some(part) = parts.iter().find(|part| begins(&part.is)) {
                    layout.sealed_from = offset + part.range.start as u64;
                    layout.legacy_end = offset;
                    match &part.is {
                        Is::Header(HeaderLine::Header(header)) => layout.header = Some(header.clone()),
                        Is::Header(HeaderLine::Newer(format)) => return Err(newer(path, *format)),
                        _ => {}
                    }
                    return Ok(layout);
                }
            }
            layout.legacy_lines += 1;
        }
        Ok(layout)
    }

    /// Whether any line is sealed.
    pub(super) fn is_sealed(&self, end: u64) -> bool {
        self.sealed_from < end
    }
}

/// A log of a format that we do not know: it is left alone.
pub(super) fn newer(path: &Path, format: u64) -> Error {
    let ours = codec::FORMAT;
    Error::new(
        ErrorKind::Corrupt,
        format!("`{}` has format {format}, written by a newer Papyra; this one knows format {ours}", path.display()),
    )
    .with_cure("use a version of Papyra that knows this format; nothing was changed")
}

/// The end of a file: all that a writer must know to go on. It is found by reading backward, whatever the file's size.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct End {
    /// Behind the last newline.
    pub(super) offset: u64,
    /// The number of the next fact.
    pub(super) next_seq: u64,
    /// Seconds by which facts came late so far.
    pub(super) skew: f64,
    /// No fact of the sealed part is newer than this.
    pub(super) newest: Option<f64>,
    /// The highest number of the facts that were looked at.
    highest_fact: u64,
    /// A header of a newer format stands near the end.
    newer: Option<u64>,
}

impl End {
    /// Looks at a file that is `size` long.
    pub(super) fn of(file: &Arc<File>, size: u64, path: &Path) -> Result<(End, Layout)> {
        let (mut end, layout) = End::seen_from_behind(file, size, path)?;
        end.look_elsewhere(file, &layout).map_err(|error| Error::io("read", path, error))?;
        Ok((end, layout))
    }

    /// The same for a reader, who gives out no numbers: only the end is looked at.
    pub(super) fn seen_from_behind(file: &Arc<File>, size: u64, path: &Path) -> Result<(End, Layout)> {
        let offset = lines::behind_last_newline(file, size).map_err(|error| Error::io("read", path, error))?;
        let layout = Layout::of(file, offset, path)?;
        let end = End::behind(file, offset, &layout).map_err(|error| Error::io("read", path, error))?;
        match end.newer {
            Some(format) => Err(newer(path, format)),
            None => Ok((end, layout)),
        }
    }

    /// Makes sure that no number stands elsewhere in the file that is higher than those at its end.
    pub(super) fn look_elsewhere(&mut self, file: &Arc<File>, layout: &Layout) -> io::Result<()> {
        if !layout.is_sealed(self.offset) || rises(file, layout.sealed_from, self.offset, self.highest_fact)? {
            return Ok(());
        }
        // Only now the whole file is read, so that no number is given twice.
        let mut lines = Forward::new(file.clone(), layout.sealed_from, self.offset);
        let mut parts = Vec::new();
        while let Some(raw) = lines.next()? {
            let Raw::Line { bytes, .. } = raw else { continue };
            judge::judge(bytes, &mut parts);
            for part in &parts {
                if let Is::Fact { tail, head, .. } = &part.is {
                    self.observe(tail, head);
                }
            }
        }
        self.next_seq = self.next_seq.max(self.highest_fact + 1);
        Ok(())
    }

    fn behind(file: &Arc<File>, offset: u64, layout: &Layout) -> io::Result<End> {
        let mut end = End {
            offset,
            next_seq: layout.legacy_lines + 1,
            skew: LEAST_SKEW,
            newest: None,
            highest_fact: 0,
            newer: None,
        };
        if !layout.is_sealed(offset) {
            return Ok(end);
        }
        let mut highest = 0;
        if let Some(header) = &layout.header {
            highest = (header.first_seq - 1).max(header.gaps_through).max(header.dropped_through);
        }
        let mut damaged = 0;
        let mut found = false;
        let mut lines = Backward::new(file.clone(), layout.sealed_from, offset);
        let mut parts = Vec::new();
        while let Some(raw) = lines.next()? {
            if found && raw.offset() + WINDOW < offset {
                break;
            }
            let Raw::Line { bytes, .. } = raw else {
                damaged += u64::from(!found);
                continue;
            };
            judge::judge(bytes, &mut parts);
            for part in parts.iter().rev() {
                match &part.is {
                    Is::Fact { tail, head, .. } => {
                        // Beyond the last sound line only lines that are out of place can be higher.
                        highest = highest.max(tail.seq);
                        end.observe(tail, head);
                        found = true;
                    }
                    Is::Header(HeaderLine::Header(header)) => {
                        highest = highest.max(header.first_seq - 1).max(header.gaps_through);
                        found = true;
                    }
                    Is::Open if matches!(judge::judge_unsealed(bytes), Open::Fact(_)) => {}
                    Is::Header(HeaderLine::Newer(format)) => end.newer = Some(*format),
                    Is::Open | Is::Odd | Is::Header(HeaderLine::Broken) => damaged += u64::from(!found),
                    Is::Junk => {}
                }
            }
        }
        end.next_seq = highest + 1 + damaged;
        Ok(end)
    }

    /// The highest fact knows how late facts came: one that is out of place knows nothing of those written after it.
    fn observe(&mut self, tail: &Tail, head: &Head) {
        if tail.seq <= self.highest_fact {
            return;
        }
        self.highest_fact = tail.seq;
        self.skew = tail.skew.unwrap_or(LEAST_SKEW).max(LEAST_SKEW);
        self.newest = Some(head.timestamp + self.skew);
    }
}

/// Numbers rise in a sound file. A few probes over it show whether something was appended that does not belong there: another
/// log, an old copy.
fn rises(file: &Arc<File>, start: u64, end: u64, highest: u64) -> io::Result<bool> {
    let len = end - start;
    if len <= WINDOW {
        return Ok(true);
    }
    let evenly = (0..PROBES).map(|n| start + len / PROBES * n);
    let toward_the_end = (1..).map(|n| end - (len >> n)).take_while(|from| end - from > WINDOW / 2);
    let mut probes: Vec<u64> = evenly.chain(toward_the_end).collect();
    probes.sort_unstable();
    let mut before = 0;
    for from in probes {
        if let Some(found) = first_fact(file, from, end)? {
            if found.tail.seq < before || found.tail.seq > highest {
                return Ok(false);
            }
            before = found.tail.seq;
        }
    }
    Ok(true)
}

/// A sealed fact that was found by its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) tail: Tail,
    pub(super) timestamp: f64,
    /// Where its line ends, behind the newline.
    pub(super) end: u64,
}

/// The first sealed fact whose line begins at `from` or behind it, and before `end`.
pub(super) fn first_fact(file: &Arc<File>, from: u64, end: u64) -> io::Result<Option<Found>> {
    // The rest of a line that began earlier, if only its newline, is passed over and never held, however long it is.
    let begin = match from {
        0 => Some(0),
        from => lines::next_newline(file, from - 1, end)?.map(|newline| newline + 1),
    };
    let Some(begin) = begin else { return Ok(None) };
    let mut lines = Forward::new(file.clone(), begin, end);
    let mut parts = Vec::new();
    while let Some(raw) = lines.next()? {
        let line_end = raw.offset() + raw.len();
        let Raw::Line { bytes, .. } = raw else { continue };
        judge::judge(bytes, &mut parts);
        for part in &parts {
            if let Is::Fact { tail, head, .. } = part.is {
                return Ok(Some(Found { tail, timestamp: head.timestamp, end: line_end }));
            }
        }
    }
    Ok(None)
}
