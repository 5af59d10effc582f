//! What of a damaged log is sound, and in which file and order it belongs.

use std::{fs::File, sync::Arc};

use super::{
    encoded::{Encoded, Next},
    layout::{End, Layout},
    lines::{self, Backward, Raw},
    opened::Settled,
    output::{self, Output},
    pass::Pass,
    replace::Replacement,
    scan::{Looked, LookedFile},
    sequence::Sequence,
    stretch::{Run, Stretch},
    walk::{self, Piece, Place},
};
use crate::{
    Error, ErrorKind, Progress, Result, ScanOptions, ScanReport,
    codec::{self, Header},
};

/// A sealed fact at the wrong place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Late {
    seq: u64,
    file: usize,
    range: (u64, u64),
    crc: u32,
}

/// A fact of another program: its file and place.
type Unsealed = (usize, u64, u64);

/// The plan of a recovery: what becomes of each file.
pub(super) struct Salvage {
    files: Vec<LookedFile>,
    /// Where each file's lines end.
    ends: Vec<u64>,
    log_id: Option<String>,
    outputs: Vec<Output>,
    /// By number.
    late: Vec<Late>,
    unsealed: Vec<Unsealed>,
    next: Next,
    /// Entries given up.
    pub(super) lost: u64,
}

impl Salvage {
    /// Plans from what a scan saw. Only what it did not find sound as a whole is looked at again.
    pub(super) fn plan(looked: Looked) -> Result<Salvage> {
        let Looked { mut files, members, .. } = looked;
        let Some(active) = files.last() else {
            return Err(Error::new(ErrorKind::Internal, "a log without files cannot be recovered"));
        };
        let (path, file) = (active.member.path.clone(), active.open()?);
        let failed = |error| Error::io("read", &path, error);
        let (mut end, layout) = End::of(&file, active.size, &path)?;
        let settled = Settled::of(&file, active.size, &mut end, &layout).map_err(failed)?;
        let up_to = if settled.add_newline { settled.cut_from } else { end.offset };
        let mut ends: Vec<u64> = files.iter().map(|file| file.size).collect();
        ends.iter_mut().next_back().into_iter().for_each(|end| *end = up_to);
        if files.len() == 1 {
            // A log of one file is always written anew.
            files.iter_mut().for_each(|file| file.touched = true);
        }
        let mut salvage = Salvage {
            outputs: files.iter().map(|file| Output::new(&file.member, file.touched)).collect(),
            files,
            ends,
            log_id: members.log_id,
            late: Vec::new(),
            unsealed: Vec::new(),
            next: Next { seq: end.next_seq, skew: end.skew, newest: end.newest },
            lost: 0,
        };
        let sequence = salvage.gather()?;
        salvage.drop_copies()?;
        salvage.go_on_behind(&sequence, &layout, end.offset);
        salvage.forget_what_is_sealed_already()?;
        let dropped = salvage.outputs.iter().map(|output| output.dropped_through).max();
        let dropped = dropped.unwrap_or(0).max(members.dropped_through);
        salvage.find_places(dropped);
        salvage.certify(dropped)?;
        Ok(salvage)
    }

    /// Counts what stands where it belongs, and remembers what does not.
    fn gather(&mut self) -> Result<Sequence> {
        let mut outputs = std::mem::take(&mut self.outputs);
        let (mut late, mut unsealed) = (Vec::new(), Vec::new());
        let mut next = self.next;
        let sequence = self.walk(|place, piece, _| {
            let Place { file, range } = place;
            let whole = range.end - range.start + 1;
            let output = &mut outputs[file];
            match piece {
                Piece::Begin { accounted } => output.accounted_before = accounted,
                Piece::Stretch(stretch) => {
                    output.len += stretch.end - stretch.start;
                    match &stretch.sealed {
                        Some(run) => {
                            output.keep((run.first, run.last), stretch.lines, run.xor);
                            next.observe(Some(run.skew), stretch.times.1);
                        }
                        None => output.legacy += stretch.lines,
                    }
                }
                Piece::Legacy => {
                    output.len += whole;
                    output.legacy += 1;
                }
                Piece::Header { header, in_order } => output.header(header, in_order),
                Piece::Fact { seq, crc, skew, timestamp } => {
                    output.len += whole;
                    output.keep((seq, seq), 1, crc);
                    output.begun.get_or_insert((timestamp, crc));
                    next.observe(skew, timestamp);
                }
                Piece::Late { seq, crc } => late.push(Late { seq, file, range: (range.start, range.end), crc }),
                Piece::Unsealed => unsealed.push((file, range.start, range.end)),
                Piece::End => {}
            }
            Ok(true)
        })?;
        late.sort();
        late.dedup_by_key(|late| late.seq);
        (self.outputs, self.late, self.unsealed, self.next) = (outputs, late, unsealed, next);
        Ok(sequence)
    }

    /// A late line whose number stands where it belongs is a copy: the first stays.
    fn drop_copies(&mut self) -> Result<()> {
        if self.late.is_empty() {
            return Ok(());
        }
        let mut late = std::mem::take(&mut self.late);
        let mut copies = Vec::new();
        self.walk(|_, piece, _| {
            let (first, last) = match piece {
                Piece::Fact { seq, .. } => (seq, seq),
                Piece::Stretch(Stretch { sealed: Some(Run { first, last, .. }), .. }) => (*first, *last),
                _ => return Ok(true),
            };
            let from = late.partition_point(|late| late.seq < first);
            copies.extend(late[from..].iter().map(|late| late.seq).take_while(|seq| *seq <= last));
            Ok(true)
        })?;
        // Facts that stand where they belong rise.
        late.retain(|late| copies.binary_search(&late.seq).is_err());
        self.late = late;
        Ok(())
    }

    /// The next number is behind all that stand in the log, and behind those that damage at its end may have taken.
    fn go_on_behind(&mut self, sequence: &Sequence, layout: &Layout, end: u64) {
        let highest =
            self.outputs.iter().map(|output| output.highest).chain(self.late.iter().map(|late| late.seq)).max();
        self.next.seq = self.next.seq.max(highest.unwrap_or(0) + 1);
        if self.files.len() > 1 {
            // Facts of other programs are not lost: they get numbers yet.
            let last = self.files.len() - 1;
            let unsealed = self.unsealed.iter().filter(|(file, ..)| *file == last).count() as u64;
            let damaged = if layout.is_sealed(end) { 0 } else { layout.legacy_lines.saturating_sub(unsealed) };
            self.next.seq = self.next.seq.max(sequence.accounted() + 1 + damaged);
        }
    }

    /// A recovery that was interrupted may have sealed the facts of other programs at the end of the log, and not yet removed
    /// them from the files where they were found.
    fn forget_what_is_sealed_already(&mut self) -> Result<()> {
        let last = self.files.len() - 1;
        let elsewhere = self.unsealed.partition_point(|(file, ..)| *file < last);
        if elsewhere == 0 {
            return Ok(());
        }
        let active = &self.files[last];
        let failed = |error| Error::io("read", &active.member.path, error);
        let file = active.open()?;
        let end = lines::behind_last_newline(&file, self.ends[last]).map_err(failed)?;
        let mut lines = Backward::new(file, 0, end);
        for at in (0..elsewhere).rev() {
            let own = self.unsealed_bytes(self.unsealed[at])?;
            let found = match lines.next().map_err(failed)? {
                Some(Raw::Line { bytes, .. }) if codec::is_sealed(bytes).is_some() => {
                    codec::members(&String::from_utf8_lossy(bytes))
                }
                _ => return Ok(()),
            };
            if found.is_none() || found != codec::members(&String::from_utf8_lossy(&own)) {
                return Ok(());
            }
        }
        self.unsealed.drain(..elsewhere);
        Ok(())
    }

    /// Says what each file accounts for, and which of the late lines belong into it.
    fn find_places(&mut self, dropped_through: u64) {
        let lowest = self.late.first().map(|late| late.seq);
        let mut next = None;
        for (at, output) in self.outputs.iter_mut().enumerate().rev() {
            let first = if at == 0 { output.first_of_all(dropped_through, lowest) } else { output.first_here() };
            // No file begins behind the next one, whatever number junk in it may have been taken for.
            output.first = next.map_or(first, |next| first.min(next));
            output.last = next.map_or(u64::MAX, |next: u64| next - 1);
            next = Some(output.first);
        }
        let mut from = 0;
        for (at, output) in self.outputs.iter_mut().enumerate() {
            let to = from + self.late[from..].partition_point(|late| late.seq <= output.last);
            output.late = from..to;
            for late in &self.late[from..to] {
                output.take(late.seq, late.crc, late.range.1 - late.range.0 + 1, dropped_through);
                output.gains_early |= late.file < at;
            }
            from = to;
        }
    }

    /// Makes the headers that tell what stands in the files. A purely legacy log stays legacy.
    fn certify(&mut self, dropped_through: u64) -> Result<()> {
        let is_sealed = |output: &Output| output.has_header() || output.kept > 0;
        if !self.outputs.iter().any(is_sealed)
            && self.unsealed.is_empty()
            && self.outputs.iter().any(|output| output.legacy > 0)
        {
            self.outputs.iter_mut().for_each(Output::stays_legacy);
            return Ok(());
        }
        let log_id = match &self.log_id {
            Some(log_id) => Some(log_id.clone()),
            None => self.outputs.iter().find_map(Output::log_id),
        };
        let log_id = log_id.unwrap_or_else(|| output::made_id(&self.outputs));
        let count = self.outputs.len();
        // The last number includes those of damaged lines at the end: they may have been acknowledged.
        self.next.seq = self.next.seq.max(self.outputs[count - 1].first);
        let mut next = self.next;
        let mut sealed = Vec::new();
        for unsealed in &self.unsealed {
            let line = self.reseal(*unsealed, &mut next)?;
            sealed.push((codec::is_sealed(&line[..line.len() - 1]).unwrap_or_default(), line.len() as u64));
        }
        let due = self.next.seq - 1;
        // Readers look for what was dropped in the oldest and in the newest file.
        let dropped = self.outputs[0].first - 1;
        let unsaid = !self.outputs[0].says_dropped(dropped.min(dropped_through))
            && !self.outputs[count - 1].says_dropped(dropped.min(dropped_through));
        for (at, output) in self.outputs.iter_mut().enumerate() {
            let is_last = at + 1 == count;
            let last = if is_last { due } else { output.last };
            self.lost += output.count_lost(last, dropped_through, at == 0);
            if is_last {
                sealed.iter().for_each(|(crc, len)| output.seal(*crc, *len));
            }
            let through = if is_last { next.seq - 1 } else { last };
            let must = is_last && !sealed.is_empty() || at == 0 && unsaid;
            output.certify(&log_id, through, dropped_through, must)?;
        }
        self.log_id = Some(log_id);
        Ok(())
    }

    /// The files that change.
    pub(super) fn changed(&self) -> impl Iterator<Item = &LookedFile> {
        self.files.iter().zip(&self.outputs).filter(|(_, output)| output.changes).map(|(file, _)| file)
    }

    /// Puts the files that change in their places, in such an order that a line that moves stands in its new place before it
    /// goes from the old one.
    pub(super) fn rewrite(
        &mut self,
        report: &ScanReport,
        progress: Option<&Progress>,
        mut put: impl FnMut(Replacement, bool) -> Result<ScanReport>,
    ) -> Result<ScanReport> {
        let last = self.files.len() - 1;
        let mut left: Vec<bool> = self.outputs.iter().map(|output| output.changes).collect();
        let mut first = Vec::new();
        if self.unsealed.iter().any(|(file, ..)| *file < last) {
            first.push(last);
        }
        first.extend(
            (0..=last).rev().filter(|at| self.outputs[*at].gains_early && !first.contains(at)).collect::<Vec<_>>(),
        );
        for at in &first {
            self.files[*at].held = Some(self.files[*at].open()?);
        }
        let mut after = ScanReport::default();
        for at in first.into_iter().filter(|at| std::mem::take(&mut left[*at])).collect::<Vec<_>>() {
            self.write(|file| file == at, report, progress, |out| put(out, at == last).map(|report| after = report))?;
        }
        let mut ahead: Vec<usize> = (0..=last).filter(|at| left[*at]).collect();
        ahead.reverse();
        self.write(
            |file| left[file],
            report,
            progress,
            |out| {
                let at = ahead.pop();
                put(out, at == Some(last)).map(|report| after = report)
            },
        )?;
        Ok(after)
    }

    /// Writes some of the files: the sound facts, byte for byte, in the order of their numbers; facts without one at the end.
    fn write(
        &self,
        wanted: impl Fn(usize) -> bool,
        report: &ScanReport,
        progress: Option<&Progress>,
        mut done: impl FnMut(Replacement) -> Result<()>,
    ) -> Result<()> {
        let count = self.files.len();
        let Some(final_one) = (0..count).rposition(&wanted) else { return Ok(()) };
        let mut current: Option<(Replacement, Arc<File>, Vec<u8>)> = None;
        let mut late = [].iter().peekable();
        let mut sources = Sources { files: &self.files, open: None };
        self.walk(|place, piece, bytes| {
            let Place { file: at, range } = place;
            if let Piece::Begin { .. } = piece {
                if wanted(at) {
                    let file = self.files[at].open()?;
                    late = self.late[self.outputs[at].late.clone()].iter().peekable();
                    let header = self.outputs[at].header_bytes();
                    current = Some((self.begin(at, &file, report, progress)?, file, header));
                }
                return Ok(true);
            }
            let Some((out, file, header)) = &mut current else { return Ok(at < final_one) };
            let first = match &piece {
                Piece::Fact { seq, .. } => Some(*seq),
                Piece::Stretch(Stretch { sealed: Some(run), .. }) => Some(run.first),
                Piece::Stretch(_) | Piece::Legacy => None,
                Piece::End => Some(u64::MAX),
                Piece::Begin { .. } | Piece::Header { .. } | Piece::Late { .. } | Piece::Unsealed => return Ok(true),
            };
            if let Some(first) = first {
                out.write(&std::mem::take(header))?;
                while let Some(late) = late.next_if(|late| late.seq < first) {
                    out.copy(&*sources.open(late.file)?, late.range.0, late.range.1)?;
                    out.write(b"\n")?;
                }
            }
            match piece {
                Piece::Stretch(stretch) => out.copy(file, stretch.start, stretch.end)?,
                Piece::End => {
                    if at + 1 == count {
                        let mut next = self.next;
                        for unsealed in &self.unsealed {
                            out.write(&self.reseal(*unsealed, &mut next)?)?;
                        }
                    }
                    if let Some((out, ..)) = current.take() {
                        done(out)?;
                    }
                    return Ok(at < final_one);
                }
                _ => {
                    debug_assert_eq!(range.end - range.start, bytes.len() as u64);
                    out.write(bytes)?;
                    out.write(b"\n")?;
                }
            }
            Ok(true)
        })
        .map(drop)
    }

    fn begin(&self, at: usize, file: &File, report: &ScanReport, progress: Option<&Progress>) -> Result<Replacement> {
        let (looked, output) = (&self.files[at], &self.outputs[at]);
        let mut out = Replacement::begin(&looked.member.path, file)?;
        let options = ScanOptions { progress: progress.cloned(), ..ScanOptions::default() };
        let report = ScanReport { bytes: output.len, ..report.clone() };
        let mut pass = Pass::new(options, report);
        if self.files.len() > 1 {
            pass = pass.of_log(self.log_id.clone(), output.first - 1);
        }
        out.read_back_as(output.len, output.member(&looked.member), pass)?;
        Ok(out)
    }

    /// Gives a fact of another program the next number and a checksum.
    fn reseal(&self, unsealed: Unsealed, next: &mut Next) -> Result<Vec<u8>> {
        let bytes = self.unsealed_bytes(unsealed)?;
        let text = String::from_utf8_lossy(&bytes);
        let (members, timestamp) = codec::members(&text)
            .ok_or_else(|| Error::new(ErrorKind::Internal, "a fact of another program is none any more"))?;
        let mut encoded = Encoded::default();
        encoded.push_members(&members, timestamp);
        let mut line = Vec::new();
        encoded.write(next, &mut line);
        Ok(line)
    }

    fn unsealed_bytes(&self, (file, from, to): Unsealed) -> Result<Vec<u8>> {
        let looked = &self.files[file];
        let mut bytes = vec![0; (to - from) as usize];
        let read = lines::read_at(&*looked.open()?, &mut bytes, from);
        read.map_err(|error| Error::io("read a fact again in", &looked.member.path, error))?;
        Ok(bytes)
    }

    fn walk(&self, visit: impl FnMut(Place, Piece<'_>, &[u8]) -> Result<bool>) -> Result<Sequence> {
        walk::walk(self.files.iter().zip(self.ends.iter().copied()), self.log_id.as_deref(), visit)
    }
}

/// The files that late lines are copied from: they mostly come from one.
struct Sources<'a> {
    files: &'a [LookedFile],
    open: Option<(usize, Arc<File>)>,
}

impl Sources<'_> {
    fn open(&mut self, at: usize) -> Result<Arc<File>> {
        match &self.open {
            Some((open, file)) if *open == at => Ok(file.clone()),
            _ => {
                let file = self.files[at].open()?;
                self.open = Some((at, file.clone()));
                Ok(file)
            }
        }
    }
}

impl Output {
    fn log_id(&self) -> Option<String> {
        self.own_header().map(|header: &Header| header.log_id.clone())
    }
}
