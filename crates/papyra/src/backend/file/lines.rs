//! The lines of a file, forward and backward, in bounded memory whatever stands in it.

use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc};

use super::storage::MAX_INTERRUPTS;
use crate::codec::MAX_READ_LINE;

/// How much is read at once.
const BLOCK: usize = 256 << 10;
/// How much is read at first: the newest entries are close to the end, and whoever probes a place wants one line of it.
const FIRST_BLOCK: usize = 16 << 10;

/// What stands between two newlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raw<'a> {
    /// A line without its newline.
    Line { offset: u64, bytes: &'a [u8] },
    /// A line that is longer than any line may be; it was never held in memory. `len` is without its newline.
    TooLong { offset: u64, len: u64 },
}

impl Raw<'_> {
    pub(super) fn offset(&self) -> u64 {
        match *self {
            Raw::Line { offset, .. } | Raw::TooLong { offset, .. } => offset,
        }
    }

    /// The length with the newline.
    pub(super) fn len(&self) -> u64 {
        match *self {
            Raw::Line { bytes, .. } => bytes.len() as u64 + 1,
            Raw::TooLong { len, .. } => len + 1,
        }
    }
}

/// Reads as much as there is, at most the buffer.
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let (mut filled, mut interrupts) = (0, 0);
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted && interrupts < MAX_INTERRUPTS => interrupts += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The place behind the last newline before `end`; 0 if there is none.
pub(super) fn behind_last_newline(file: &File, end: u64) -> io::Result<u64> {
    let mut block = vec![0; FIRST_BLOCK];
    let mut top = end;
    while top > 0 {
        let base = top.saturating_sub(block.len() as u64);
        let want = (top - base) as usize;
        let got = read_at(file, &mut block[..want], base)?;
        if let Some(at) = memchr::memrchr(b'\n', &block[..got]) {
            return Ok(base + at as u64 + 1);
        }
        top = base;
        block.resize(BLOCK, 0);
    }
    Ok(0)
}

/// The place of the first newline from `from` on, before `end`.
pub(super) fn next_newline(file: &File, from: u64, end: u64) -> io::Result<Option<u64>> {
    let mut block = vec![0; FIRST_BLOCK];
    let mut at = from;
    while at < end {
        let want = block.len().min((end - at) as usize);
        let got = read_at(file, &mut block[..want], at)?;
        if got == 0 {
            break;
        }
        if let Some(found) = memchr::memchr(b'\n', &block[..got]) {
            return Ok(Some(at + found as u64));
        }
        at += got as u64;
        block.resize(BLOCK, 0);
    }
    Ok(None)
}

/// The lines from a place on. Bytes behind the last newline are no line.
#[derive(Debug)]
pub(super) struct Forward {
    file: Arc<File>,
    /// Room for what is read; only its first `held` bytes mean something.
    buffer: Vec<u8>,
    held: usize,
    /// Where `buffer` begins in the file.
    base: u64,
    /// Where the next line begins in `buffer`.
    cursor: usize,
    end: u64,
    block: usize,
    /// Bytes behind the last newline are a line too.
    with_last: bool,
}

impl Forward {
    /// `from` must be the beginning of a line.
    pub(super) fn new(file: Arc<File>, from: u64, end: u64) -> Self {
        Forward { file, buffer: Vec::new(), held: 0, base: from, cursor: 0, end, block: FIRST_BLOCK, with_last: false }
    }

    /// The same, where what stands behind the last newline is a line too.
    pub(super) fn with_last(file: Arc<File>, from: u64, end: u64) -> Self {
        Forward { with_last: true, ..Forward::new(file, from, end) }
    }

    /// Where the next line begins.
    pub(super) fn position(&self) -> u64 {
        self.base + self.cursor as u64
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Raw<'_>>> {
        let mut searched = 0;
        loop {
            let offset = self.position();
            let unsearched = &self.buffer[self.cursor + searched..self.held];
            if let Some(len) = memchr::memchr(b'\n', unsearched).map(|at| at + searched) {
                let start = self.cursor;
                self.cursor += len + 1;
                return Ok(Some(Raw::Line { offset, bytes: &self.buffer[start..start + len] }));
            }
            searched = self.held - self.cursor;
            if searched >= BLOCK {
                // A long line: find its end before any more of it is held.
                let Some(newline) = next_newline(&self.file, offset + searched as u64, self.end)? else {
                    if self.with_last && self.end - offset <= MAX_READ_LINE as u64 {
                        self.fill((self.end - offset) as usize)?;
                        return Ok(self.last());
                    }
                    return Ok(None);
                };
                let len = newline - offset;
                if len > MAX_READ_LINE as u64 {
                    (self.base, self.cursor, self.held) = (newline + 1, 0, 0);
                    self.buffer = Vec::new();
                    return Ok(Some(Raw::TooLong { offset, len }));
                }
                self.fill(len as usize + 1)?;
            } else {
                self.fill(searched + self.block)?;
                self.block = BLOCK;
            }
            if self.held - self.cursor <= searched {
                return Ok(self.last());
            }
        }
    }

    fn last(&mut self) -> Option<Raw<'_>> {
        let (offset, start) = (self.position(), self.cursor);
        if !self.with_last || start == self.held {
            return None;
        }
        self.cursor = self.held;
        Some(Raw::Line { offset, bytes: &self.buffer[start..self.held] })
    }

    /// Makes the buffer hold `want` bytes from the cursor on, or all there are.
    fn fill(&mut self, want: usize) -> io::Result<()> {
        self.buffer.copy_within(self.cursor..self.held, 0);
        self.base += self.cursor as u64;
        self.held -= self.cursor;
        self.cursor = 0;
        let want = want.min(self.end.saturating_sub(self.base) as usize);
        if want > self.held {
            if self.buffer.len() > 4 * BLOCK && want <= 2 * BLOCK {
                // A long line has passed: its memory goes.
                self.buffer.truncate(2 * BLOCK);
                self.buffer.shrink_to_fit();
            }
            if self.buffer.len() < want {
                self.buffer.resize(want, 0);
            }
            self.held += read_at(&self.file, &mut self.buffer[self.held..want], self.base + self.held as u64)?;
        }
        Ok(())
    }
}

/// The lines before a place, the last one first.
#[derive(Debug)]
pub(super) struct Backward {
    file: Arc<File>,
    buffer: Vec<u8>,
    /// Where `buffer` begins in the file.
    base: u64,
    /// Where the lines that are left end in `buffer`: right behind a newline.
    cursor: usize,
    /// Nothing before this is read.
    start: u64,
    block: usize,
}

impl Backward {
    /// `end` must stand right behind a newline, or at `start`; `start` at the beginning of a line.
    pub(super) fn new(file: Arc<File>, start: u64, end: u64) -> Self {
        Backward { file, buffer: Vec::new(), base: end, cursor: 0, start, block: FIRST_BLOCK }
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Raw<'_>>> {
        loop {
            let bottom = self.cursor == 0 && self.base <= self.start;
            if bottom {
                return Ok(None);
            }
            let held = &self.buffer[..self.cursor.saturating_sub(1)];
            let start = match memchr::memrchr(b'\n', held) {
                Some(at) => Some(at + 1),
                None if self.cursor > 0 && self.base <= self.start => Some(0),
                None => None,
            };
            if let Some(start) = start {
                let end = self.cursor - 1;
                self.cursor = start;
                return Ok(Some(Raw::Line { offset: self.base + start as u64, bytes: &self.buffer[start..end] }));
            }
            if self.cursor >= BLOCK {
                // A long line: find its beginning before any more of it is held.
                let offset = behind_last_newline(&self.file, self.base)?.max(self.start);
                let end = self.base + self.cursor as u64 - 1;
                if end - offset > MAX_READ_LINE as u64 {
                    (self.base, self.cursor) = (offset, 0);
                    self.buffer = Vec::new();
                    return Ok(Some(Raw::TooLong { offset, len: end - offset }));
                }
                // With the newline before it, or the next look would not see that it is whole.
                self.extend((self.base - offset) as usize + 1)?;
            } else {
                self.extend(self.block)?;
            }
        }
    }

    /// Reads what stands before what is held.
    fn extend(&mut self, bytes: usize) -> io::Result<()> {
        let want = (bytes as u64).min(self.base - self.start) as usize;
        self.block = BLOCK;
        let base = self.base - want as u64;
        let mut buffer = vec![0; want + self.cursor];
        if read_at(&self.file, &mut buffer[..want], base)? < want {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file was cut while it was read"));
        }
        buffer[want..].copy_from_slice(&self.buffer[..self.cursor]);
        self.buffer = buffer;
        self.base = base;
        self.cursor += want;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(bytes: &[u8]) -> Arc<File> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Arc::new(file)
    }

    fn forward(bytes: &[u8]) -> Vec<(u64, usize)> {
        let mut lines = Forward::new(file(bytes), 0, bytes.len() as u64);
        let mut all = Vec::new();
        while let Some(raw) = lines.next().unwrap() {
            all.push((raw.offset(), raw.len() as usize));
        }
        all
    }

    fn backward(bytes: &[u8]) -> Vec<(u64, usize)> {
        let file = file(bytes);
        let end = behind_last_newline(&file, bytes.len() as u64).unwrap();
        let mut lines = Backward::new(file, 0, end);
        let mut all = Vec::new();
        while let Some(raw) = lines.next().unwrap() {
            all.push((raw.offset(), raw.len() as usize));
        }
        all.reverse();
        all
    }

    #[test]
    fn both_directions_see_the_same_lines() {
        let long = [vec![b'x'; 3 * BLOCK], b"\n".to_vec()].concat();
        let many = b"line\n".repeat(100_000);
        for bytes in [
            &b""[..],
            b"\n",
            b"a\n",
            b"a\nb",
            b"tail",
            b"\n\n\n",
            b"a\n\nbb\n",
            &long,
            &many,
            &[&many[..], &long, b"z\n"].concat(),
        ] {
            let mut expected = Vec::new();
            let mut at = 0;
            for line in bytes.split_inclusive(|b| *b == b'\n').filter(|line| line.ends_with(b"\n")) {
                expected.push((at, line.len()));
                at += line.len() as u64;
            }
            assert_eq!(forward(bytes), expected);
            assert_eq!(backward(bytes), expected);
        }
    }

    #[test]
    fn a_line_beyond_the_limit_is_passed_over() {
        let mut bytes = b"a\n".to_vec();
        bytes.resize(bytes.len() + MAX_READ_LINE + 2, b'x');
        bytes.extend_from_slice(b"\nb\n");
        let lines = forward(&bytes);
        assert_eq!(lines, [(0, 2), (2, MAX_READ_LINE + 3), (bytes.len() as u64 - 2, 2)]);
        assert_eq!(backward(&bytes), lines);
    }
}
