//! What a recovery makes of one file.

use std::ops::Range;

use super::members::Member;
use crate::{Result, Timestamp, codec::Header};

/// What becomes of a file: the facts that stay in it, and the header that certifies them.
#[derive(Debug, Default)]
pub(super) struct Output {
    number: Option<u64>,
    /// Bytes of it are not as or where they should be.
    touched: bool,
    /// The first header that stands in its place, and one that does not.
    header: Option<Header>,
    displaced: Option<Header>,
    /// The highest that any header says of what was dropped, and of what was given up.
    pub(super) dropped_through: u64,
    lost_before: u64,
    /// What headers in their places say: the first number, through which it is certified, how many stand there.
    certificates: Vec<(u64, u64, u64)>,
    /// Everything up to here was accounted for before the file.
    pub(super) accounted_before: u64,
    /// The first and the last number that it accounts for.
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) legacy: u64,
    pub(super) kept: u64,
    kept_xor: u32,
    pub(super) highest: u64,
    /// The lowest number of a fact that stands where it belongs.
    lowest: Option<u64>,
    /// The first fact's time and checksum.
    pub(super) begun: Option<(f64, u32)>,
    /// Late facts that nobody missed: those from before the file began.
    unmissed: u64,
    lost: u64,
    /// Which of the late lines belong into it.
    pub(super) late: Range<usize>,
    /// One of them stands in an earlier file.
    pub(super) gains_early: bool,
    /// How long it will be.
    pub(super) len: u64,
    pub(super) changes: bool,
    certified: Option<Header>,
}

impl Output {
    pub(super) fn new(member: &Member, touched: bool) -> Output {
        Output { number: member.number, touched, ..Output::default() }
    }

    /// Facts between two numbers stay.
    pub(super) fn keep(&mut self, (first, last): (u64, u64), facts: u64, xor: u32) {
        self.kept += facts;
        self.kept_xor ^= xor;
        self.highest = self.highest.max(last);
        self.lowest = Some(self.lowest.map_or(first, |lowest| lowest.min(first)));
    }

    /// A header stands here, where it belongs or not.
    pub(super) fn header(&mut self, header: Header, in_order: bool) {
        self.dropped_through = self.dropped_through.max(header.dropped_through);
        self.lost_before = self.lost_before.max(header.lost);
        if !in_order {
            self.displaced.get_or_insert(header);
            return;
        }
        if self.kept == 0 || self.header.is_some() {
            self.certificates.push((header.first_seq, header.gaps_through, header.kept));
        }
        self.header.get_or_insert(header);
    }

    /// Whether one of its headers says that so much was dropped.
    pub(super) fn says_dropped(&self, through: u64) -> bool {
        self.dropped_through >= through
    }

    pub(super) fn has_header(&self) -> bool {
        self.own_header().is_some()
    }

    pub(super) fn own_header(&self) -> Option<&Header> {
        self.header.as_ref().or(self.displaced.as_ref())
    }

    /// The first number of a file that others stand before. Junk in those may have been taken for lines with numbers; facts
    /// know better.
    pub(super) fn first_here(&self) -> u64 {
        let lowest = self.lowest.unwrap_or(u64::MAX);
        let begins = self.certificates.first().map(|certificate| certificate.0);
        begins.filter(|first| *first <= lowest).unwrap_or(lowest.min(self.accounted_before + 1))
    }

    /// The first number of the log's oldest file. What a lost file before it held was given up with that: the log begins
    /// behind what was dropped on purpose.
    pub(super) fn first_of_all(&self, dropped_through: u64, lowest_late: Option<u64>) -> u64 {
        if self.legacy > 0 {
            return self.legacy + 1;
        }
        let own = self.header.as_ref().map(|header| header.first_seq);
        [own, self.lowest, lowest_late].into_iter().flatten().fold(dropped_through + 1, u64::min)
    }

    /// Takes in a late fact.
    pub(super) fn take(&mut self, seq: u64, crc: u32, len: u64, dropped_through: u64) {
        let missed_from = match self.certificates.first() {
            Some((first, ..)) => (*first).min(dropped_through + 1),
            None => self.lowest.unwrap_or(0),
        };
        self.unmissed += u64::from(seq < missed_from);
        self.kept += 1;
        self.kept_xor ^= crc;
        self.highest = self.highest.max(seq);
        self.len += len;
    }

    /// Takes in a fact of another program under a number of its own.
    pub(super) fn seal(&mut self, crc: u32, len: u64) {
        self.kept += 1;
        self.kept_xor ^= crc;
        self.len += len;
    }

    /// Counts what is given up of what stood up to the last number.
    pub(super) fn count_lost(&mut self, last: u64, dropped_through: u64, is_first: bool) -> u64 {
        let mut due = match self.lowest {
            _ if !is_first && self.certificates.is_empty() => last.saturating_sub(self.accounted_before),
            Some(lowest) if self.certificates.is_empty() => (last + 1).saturating_sub(lowest),
            // Of a log of one file nobody knows what stood in it if nothing is left.
            None if self.certificates.is_empty() && self.number.is_some() && self.legacy == 0 => {
                last.saturating_sub(dropped_through)
            }
            _ => 0,
        };
        for (at, (first, through, kept)) in self.certificates.iter().enumerate() {
            let end = self.certificates.get(at + 1).map_or(last, |next| next.0 - 1);
            due += kept + end.saturating_sub((*through).max(first - 1));
        }
        if is_first && self.certificates.is_empty() && self.legacy > 0 && self.lowest.is_none() {
            due = last.saturating_sub(self.legacy);
        }
        if is_first
            && self.legacy == 0
            && let Some((first, ..)) = self.certificates.first()
        {
            due += (first - 1).saturating_sub(dropped_through);
        }
        self.lost = due.saturating_sub(self.kept - self.unmissed);
        self.lost
    }

    /// Nothing in the log is sealed.
    pub(super) fn stays_legacy(&mut self) {
        (self.changes, self.lost) = (self.touched, 0);
    }

    /// Makes the header that certifies what stands in the file, through a number.
    pub(super) fn certify(&mut self, log_id: &str, through: u64, dropped_through: u64, must: bool) -> Result<()> {
        let stands = self
            .header
            .as_ref()
            .is_some_and(|own| own.first_seq == self.first && self.number.is_none_or(|number| number == own.segment));
        let is_legacy = self.legacy > 0 && self.kept == 0 && !self.has_header() && self.lost == 0;
        self.changes = self.touched || must || !self.late.is_empty() || self.lost > 0 || !stands && !is_legacy;
        if is_legacy {
            return Ok(());
        }
        let mut header = match self.own_header() {
            Some(header) => header.clone(),
            None => {
                let created = Timestamp::from_seconds(self.begun.map_or(0.0, |begun| begun.0))?;
                Header::first(log_id.to_owned(), 1, created)
            }
        };
        header.segment = self.number.unwrap_or(header.segment);
        header.first_seq = self.first;
        header.dropped_through = dropped_through;
        (header.gaps_through, header.kept, header.kept_xor) = (through.max(self.first - 1), self.kept, self.kept_xor);
        header.lost = self.lost_before + self.lost;
        let mut line = Vec::new();
        header.encode(&mut line);
        self.len += line.len() as u64;
        self.certified = Some(header);
        Ok(())
    }

    /// The header with its newline; nothing for a file that stays legacy.
    pub(super) fn header_bytes(&self) -> Vec<u8> {
        let mut line = Vec::new();
        self.certified.iter().for_each(|own| own.encode(&mut line));
        line
    }

    /// The file as it will be.
    pub(super) fn member(&self, before: &Member) -> Member {
        let through = self.certified.as_ref().map(|own| own.gaps_through).filter(|_| !before.is_active);
        Member { header: self.certified.clone(), through, ..before.clone() }
    }
}

/// The id of a log that has no header any more. The same damage must give the same bytes on every machine, so nothing in it is
/// random.
pub(super) fn made_id(outputs: &[Output]) -> String {
    let kept: u64 = outputs.iter().map(|output| output.kept).sum();
    let xor = outputs.iter().fold(0, |xor, output| xor ^ output.kept_xor);
    let highest = outputs.iter().map(|output| output.highest).max().unwrap_or(0);
    let (created, first_crc) = outputs.iter().find_map(|output| output.begun).unwrap_or_default();
    let facts = u128::from(xor) << 96 | u128::from(first_crc) << 64;
    let bits = facts | u128::from(created.to_bits() ^ kept.rotate_left(16) ^ highest);
    uuid::Builder::from_custom_bytes(bits.to_be_bytes()).into_uuid().to_string()
}
