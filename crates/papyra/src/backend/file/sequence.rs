//! Whether all facts that a file accounts for stand in it, once and in order: what no checksum can tell.

use super::{gaps::Gaps, recent::Recent};
use crate::codec::Header;

/// What the sequence says about one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It stands where it belongs; of the numbers before it, these are not there (yet).
    InOrder { gap: Option<(u64, u64)> },
    /// It belongs further ahead.
    Late,
    /// Its number was taken before.
    Repeated { same_bytes: bool },
}

/// What a header certifies and what was found of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Certified {
    pub(super) first: u64,
    pub(super) through: u64,
    pub(super) kept: u64,
    pub(super) kept_xor: u32,
    found: u64,
    found_xor: u32,
}

impl Certified {
    /// What is wrong with the certified part; `None` if it is whole.
    pub(super) fn fault(&self) -> Option<String> {
        let (first, through, kept, found) = (self.first, self.through, self.kept, self.found);
        if self.through == 0 || (kept, self.kept_xor) == (found, self.found_xor) {
            return None;
        }
        Some(if kept == found {
            format!(
                "the header certifies {kept} entries from {first} to {through}; as many stand here, but not the same"
            )
        } else {
            format!("the header certifies {kept} entries from {first} to {through}, {found} stand here")
        })
    }
}

/// Follows the sequence numbers of a file.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    /// The lowest number that was not accounted for yet; 0 before anything is known.
    next: u64,
    /// Sound facts before sealing began.
    legacy: u64,
    sealed: bool,
    certified: Certified,
    /// Numbers that are missing.
    gaps: Gaps,
    /// Numbers that were not met and are not missed, of the certified part say: most of them were dropped on purpose.
    holes: Gaps,
    recent: Recent,
}

impl Sequence {
    /// The number that the next line should have; `None` before anything is known.
    pub(super) fn expected(&self) -> Option<u64> {
        (self.next > 0).then(|| self.next.max(self.certified.through + 1))
    }

    /// A header of this log begins here; gives the verdict on its place and what was certified before it.
    pub(super) fn header(&mut self, header: &Header) -> (Verdict, Certified) {
        let before = std::mem::take(&mut self.certified);
        let first = header.first_seq;
        if (self.next..first).contains(&before.through) {
            self.holes.add(self.next, before.through);
        }
        let expected = self.next.max(before.through + 1);
        // Before sealing began lines have no numbers of their own: a header knows better how many they were, unless
        // more of them are sound than it has room for.
        let lowest = if self.sealed { expected } else { self.legacy + 1 };
        let verdict = if first < lowest {
            Verdict::Repeated { same_bytes: false }
        } else if first > expected && (self.sealed || self.legacy > 0) {
            self.gaps.add(expected, first - 1);
            Verdict::InOrder { gap: Some((expected, first - 1)) }
        } else {
            Verdict::InOrder { gap: None }
        };
        if !self.sealed && self.legacy == 0 {
            self.forgo(first);
        }
        self.next = if self.sealed { self.next.max(first) } else { lowest.max(first) };
        self.sealed = true;
        self.certified = Certified {
            first,
            through: header.gaps_through,
            kept: header.kept,
            kept_xor: header.kept_xor,
            ..Certified::default()
        };
        (verdict, before)
    }

    /// A file of the log ends here; gives what its last header certified. The next file goes on from here.
    pub(super) fn close(&mut self) -> Certified {
        let before = std::mem::take(&mut self.certified);
        if self.sealed && self.next <= before.through {
            self.holes.add(self.next.max(1), before.through);
            self.next = before.through + 1;
        }
        before
    }

    /// Sealed facts begin here without a header: only from this number on can anything be missed.
    fn begin(&mut self, seq: u64) {
        self.next = seq.max(self.legacy + 1);
        self.forgo(self.next);
        self.sealed = true;
    }

    /// What should stand before this number is not missed, but it may come late.
    fn forgo(&mut self, before: u64) {
        if before > self.legacy + 1 {
            self.holes.add(self.legacy + 1, before - 1);
        }
    }

    /// A line stands here from before sealing began: its number is that of its line.
    pub(super) fn legacy_line(&mut self, line: u64, sound: bool) {
        self.next = line + 1;
        self.legacy += u64::from(sound);
    }

    /// A sealed fact stands here.
    pub(super) fn fact(&mut self, seq: u64, crc: u32) -> Verdict {
        if !self.sealed {
            self.begin(seq);
        }
        let same_bytes = self.recent.repeats(seq, crc);
        let certified = self.certified.through > 0 && (self.certified.first..=self.certified.through).contains(&seq);
        let expected = if certified { self.next } else { self.expected().unwrap_or(seq) };
        if seq < expected {
            if same_bytes || !(self.holes.take(seq) || self.gaps.take(seq)) {
                return Verdict::Repeated { same_bytes };
            }
            self.count_certified(certified, crc);
            return Verdict::Late;
        }
        self.count_certified(certified, crc);
        let first = self.next.max(1);
        self.next = seq + 1;
        if certified {
            if seq > first {
                self.holes.add(first, seq - 1);
            }
            return Verdict::InOrder { gap: None };
        }
        if first <= self.certified.through {
            self.holes.add(first, self.certified.through);
        }
        let gap = (seq > expected).then(|| (expected, seq - 1));
        if let Some((first, last)) = gap {
            self.gaps.add(first, last);
        }
        Verdict::InOrder { gap }
    }

    /// Sealed facts stand here whose numbers rise by one, with all their checksums combined; `false`, and nothing happens,
    /// if they are not exactly what is expected next.
    pub(super) fn run(&mut self, first: u64, last: u64, xor: u32) -> bool {
        let certified = self.certified.through > 0 && first >= self.certified.first && last <= self.certified.through;
        let behind = first > self.certified.through;
        if !self.sealed || first != self.next || !(certified || behind) {
            return false;
        }
        if certified {
            self.certified.found += last - first + 1;
            self.certified.found_xor ^= xor;
        }
        self.next = last + 1;
        true
    }

    /// So many sound lines stand here, behind this one, from before sealing began.
    pub(super) fn legacy_lines(&mut self, behind: u64, count: u64) {
        self.next = behind + count + 1;
        self.legacy += count;
    }

    fn count_certified(&mut self, certified: bool, crc: u32) {
        if certified {
            self.certified.found += 1;
            self.certified.found_xor ^= crc;
        }
    }

    /// Whether what stands here may be part of what the header certifies.
    pub(super) fn is_certified(&self) -> bool {
        self.next <= self.certified.through
    }

    /// The highest number that is accounted for.
    pub(super) fn accounted(&self) -> u64 {
        self.next.saturating_sub(1).max(self.certified.through)
    }

    /// The first number of a log whose first header comes next: what stands before that are lines that it counts, or junk.
    pub(super) fn first_before(&self, header: &Header) -> u64 {
        if header.first_seq <= self.accounted() + 1 { 1 } else { header.first_seq }
    }

    /// Which numbers of a gap are still missing: lines may have come late.
    pub(super) fn still_missing(&self, first: u64, last: u64) -> impl Iterator<Item = (u64, u64)> {
        self.gaps.within(first, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Verdict = Verdict::InOrder { gap: None };

    fn begun() -> Sequence {
        let mut sequence = Sequence::default();
        let header = Header::first("x".into(), 1, crate::Timestamp::default());
        assert_eq!(sequence.header(&header).0, FINE);
        sequence
    }

    #[test]
    fn a_gap_is_missing_until_its_line_comes_late() {
        let mut sequence = begun();
        assert_eq!(sequence.fact(1, 1), FINE);
        assert_eq!(sequence.fact(5, 5), Verdict::InOrder { gap: Some((2, 4)) });
        assert_eq!(sequence.fact(3, 3), Verdict::Late);
        assert_eq!(sequence.still_missing(2, 4).collect::<Vec<_>>(), [(2, 2), (4, 4)]);
        assert_eq!(sequence.fact(5, 5), Verdict::Repeated { same_bytes: true });
        assert_eq!(sequence.fact(1, 7), Verdict::Repeated { same_bytes: false });
        assert_eq!(sequence.fact(6, 6), FINE);
    }

    #[test]
    fn a_number_that_stands_twice_in_the_certified_part_is_doubled_not_late() {
        let mut sequence = Sequence::default();
        let mut header = Header::first("x".into(), 1, crate::Timestamp::default());
        (header.gaps_through, header.kept, header.kept_xor) = (10, 3, 3 ^ 5 ^ 7);
        sequence.header(&header);
        assert_eq!(sequence.fact(3, 3), FINE);
        assert_eq!(sequence.fact(7, 7), FINE);
        assert_eq!(sequence.fact(3, 99), Verdict::Repeated { same_bytes: false });
        assert_eq!(sequence.fact(11, 11), FINE);
        assert_eq!(sequence.fact(5, 5), Verdict::Late);
        assert_eq!(sequence.certified.fault(), None);
    }

    #[test]
    fn what_stands_before_the_first_number_comes_late() {
        let headless = Sequence::default();
        let mut headed = Sequence::default();
        headed.header(&Header::first("x".into(), 9, crate::Timestamp::default()));
        for mut sequence in [headless, headed] {
            assert_eq!(sequence.fact(9, 9), FINE);
            assert_eq!(sequence.fact(2, 2), Verdict::Late);
            assert_eq!(sequence.fact(2, 3), Verdict::Repeated { same_bytes: false });
        }
    }

    #[test]
    fn damage_before_sealing_takes_no_number_from_a_sealed_fact() {
        let header = |first| Header::first("x".into(), first, crate::Timestamp::default());
        // Another program's junk before the header of a file that begins with 1.
        let mut sequence = Sequence::default();
        sequence.legacy_line(1, false);
        assert_eq!(sequence.header(&header(1)).0, FINE);
        assert_eq!(sequence.fact(1, 1), FINE);
        // Two sound lines and one that was put between them.
        let mut sequence = Sequence::default();
        (1..=3).for_each(|line| sequence.legacy_line(line, line != 2));
        assert_eq!(sequence.header(&header(3)).0, FINE);
        assert_eq!(sequence.fact(3, 3), FINE);
        // Three sound lines leave no room.
        let mut sequence = Sequence::default();
        (1..=3).for_each(|line| sequence.legacy_line(line, true));
        assert_eq!(sequence.header(&header(3)).0, Verdict::Repeated { same_bytes: false });
        assert_eq!(sequence.fact(3, 3), Verdict::Repeated { same_bytes: false });
        assert_eq!(sequence.fact(4, 4), FINE);
    }

    #[test]
    fn a_header_behind_facts_of_its_own_takes_their_numbers_for_no_second_time() {
        let mut sequence = Sequence::default();
        assert_eq!(sequence.fact(14, 14), FINE);
        let header = Header::first("x".into(), 14, crate::Timestamp::default());
        assert_eq!(sequence.header(&header).0, Verdict::Repeated { same_bytes: false });
        assert_eq!(sequence.fact(14, 14), Verdict::Repeated { same_bytes: true });
        assert_eq!(sequence.fact(15, 15), FINE);
    }

    #[test]
    fn certified_gaps_are_fine_until_a_line_is_lost() {
        let mut sequence = Sequence::default();
        let mut header = Header::first("x".into(), 1, crate::Timestamp::default());
        (header.gaps_through, header.kept, header.kept_xor) = (10, 2, 3 ^ 7);
        sequence.header(&header);
        assert_eq!(sequence.fact(3, 3), FINE);
        assert!(sequence.certified.fault().is_some());
        assert_eq!(sequence.fact(7, 7), FINE);
        assert_eq!(sequence.certified.fault(), None);
        assert_eq!(sequence.expected(), Some(11));
        assert_eq!(sequence.fact(12, 12), Verdict::InOrder { gap: Some((11, 11)) });
    }
}
