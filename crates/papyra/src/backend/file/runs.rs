//! Runs of neighbouring lines that stay: they are copied as they are.

use std::fs::File;

use super::{lines::Raw, replace::Replacement};
use crate::Result;

/// Neighbouring lines that stay.
#[derive(Default)]
pub(super) struct Run {
    start: u64,
    end: u64,
}

impl Run {
    /// Takes the next line.
    pub(super) fn take(&mut self, raw: &Raw<'_>, stays: bool, file: &File, out: &mut Replacement) -> Result<()> {
        if !stays {
            return Ok(());
        }
        if raw.offset() != self.end {
            self.end(file, out)?;
            self.start = raw.offset();
        }
        self.end = raw.offset() + raw.len();
        Ok(())
    }

    /// Writes what has gathered.
    pub(super) fn end(&mut self, file: &File, out: &mut Replacement) -> Result<()> {
        let (start, end) = (self.start, self.end);
        *self = Run { start: end, end };
        if end > start { out.copy(file, start, end) } else { Ok(()) }
    }
}

/// How many runs are remembered from the deciding; with more of them each line is decided on a second time. Unit tests have
/// small files with more of them.
const MAX_RUNS: usize = if cfg!(test) { 16 } else { 4096 };

/// The runs of neighbouring lines that stay, the last one first.
#[derive(Debug, Default)]
pub(super) struct Runs {
    newest_first: Vec<(u64, u64)>,
    too_many: bool,
}

impl Runs {
    /// Lines stay that stand before all others so far.
    pub(super) fn add_before(&mut self, start: u64, end: u64) {
        let room = self.newest_first.len() < MAX_RUNS;
        match self.newest_first.last_mut() {
            Some(run) if run.0 == end => run.0 = start,
            _ if room => self.newest_first.push((start, end)),
            _ => self.too_many = true,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.newest_first.len()
    }

    /// Gives the memory back. A single run costs next to nothing.
    pub(super) fn forget(&mut self) {
        if self.newest_first.len() > 1 {
            (self.newest_first, self.too_many) = (Vec::new(), true);
        }
    }

    /// All runs in the order of the file, unless there were too many.
    pub(super) fn known(&self) -> Option<impl Iterator<Item = (u64, u64)>> {
        (!self.too_many).then(|| self.newest_first.iter().rev().copied())
    }
}
