//! Whether all facts that a file accounts for stand in it, once and in order: what no checksum can tell.

use super::recent::Recent;
use crate::codec::Header;

/// How many separate gaps are remembered; past that a late line counts as doubled.
const MAX_GAPS: usize = 100_000;

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
    fn shortage(&self) -> u64 {
        self.kept.saturating_sub(self.found)
    }

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
    certified: Certified,
    /// Entries missing of what earlier headers certified.
    shortage: u64,
    gaps: Vec<(u64, u64)>,
    /// Below the first number of a part without a header: nobody knows whether these were ever here, so none is missing, but
    /// one that comes late is no copy.
    unknown: Vec<(u64, u64)>,
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
        self.shortage += before.shortage();
        let expected = self.next.max(before.through + 1);
        let verdict = match (self.next, header.first_seq) {
            (0, _) => Verdict::InOrder { gap: None },
            (_, first) if first > expected => {
                self.remember_gap(expected, first - 1);
                Verdict::InOrder { gap: Some((expected, first - 1)) }
            }
            (_, first) if first < expected => Verdict::Repeated { same_bytes: false },
            _ => Verdict::InOrder { gap: None },
        };
        self.next = self.next.max(header.first_seq);
        self.certified = Certified {
            first: header.first_seq,
            through: header.gaps_through,
            kept: header.kept,
            kept_xor: header.kept_xor,
            ..Certified::default()
        };
        (verdict, before)
    }

    /// Sealed facts begin here without a header: only from this number on can anything be missed.
    pub(super) fn begin(&mut self, seq: u64) {
        let first = self.next.max(1);
        if seq > first {
            self.unknown.push((first, seq - 1));
        }
        self.next = seq;
    }

    /// A legacy line stands here: its number is that of its line.
    pub(super) fn legacy_line(&mut self, line: u64) {
        self.next = line + 1;
    }

    /// A sealed fact stands here.
    pub(super) fn fact(&mut self, seq: u64, crc: u32) -> Verdict {
        let same_bytes = self.recent.repeats(seq, crc);
        let certified = self.certified.through > 0 && (self.certified.first..=self.certified.through).contains(&seq);
        if certified && !same_bytes {
            self.certified.found += 1;
            self.certified.found_xor ^= crc;
        }
        let expected = if certified { self.next } else { self.expected().unwrap_or(seq) };
        if seq < expected {
            return if same_bytes {
                Verdict::Repeated { same_bytes }
            } else if certified || self.take_from_gap(seq) {
                Verdict::Late
            } else {
                Verdict::Repeated { same_bytes }
            };
        }
        self.next = seq + 1;
        let gap = (!certified && seq > expected).then(|| (expected, seq - 1));
        if let Some((first, last)) = gap {
            self.remember_gap(first, last);
        }
        Verdict::InOrder { gap }
    }

    /// How many entries are missing: in gaps, and of what headers certify.
    pub(super) fn lost(&self) -> u64 {
        let gaps: u64 = self.gaps.iter().map(|(first, last)| last - first + 1).sum();
        gaps + self.shortage + self.certified.shortage()
    }

    /// The highest number that is accounted for.
    pub(super) fn accounted(&self) -> u64 {
        self.next.saturating_sub(1).max(self.certified.through)
    }

    /// The file is over; gives what its last header certified.
    pub(super) fn end(&self) -> Certified {
        self.certified
    }

    /// Which numbers of a gap are still missing: lines may have come late.
    pub(super) fn still_missing(&self, first: u64, last: u64) -> impl Iterator<Item = (u64, u64)> {
        self.gaps
            .iter()
            .filter(move |gap| gap.0 <= last && gap.1 >= first)
            .map(move |gap| (gap.0.max(first), gap.1.min(last)))
    }

    fn remember_gap(&mut self, first: u64, last: u64) {
        if self.gaps.len() < MAX_GAPS {
            self.gaps.push((first, last));
        }
    }

    fn take_from_gap(&mut self, seq: u64) -> bool {
        take(&mut self.gaps, seq) || take(&mut self.unknown, seq)
    }
}

/// Takes a number out of the gap that it is in; whether it is in any.
fn take(gaps: &mut Vec<(u64, u64)>, seq: u64) -> bool {
    let Some(at) = gaps.iter().position(|gap| (gap.0..=gap.1).contains(&seq)) else { return false };
    let (first, last) = gaps[at];
    match (first == seq, last == seq) {
        (true, true) => drop(gaps.remove(at)),
        (true, false) => gaps[at].0 += 1,
        (false, true) => gaps[at].1 -= 1,
        (false, false) => {
            gaps[at].1 = seq - 1;
            gaps.insert(at + 1, (seq + 1, last));
        }
    }
    true
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
    fn without_a_header_a_number_below_the_first_is_late_and_no_copy() {
        let mut sequence = Sequence::default();
        sequence.begin(40);
        assert_eq!(sequence.fact(40, 40), FINE);
        assert_eq!(sequence.fact(7, 7), Verdict::Late);
        assert_eq!(sequence.fact(8, 8), Verdict::Late);
        assert_eq!(sequence.fact(7, 9), Verdict::Repeated { same_bytes: false });
        assert_eq!(sequence.lost(), 0);
    }

    #[test]
    fn certified_gaps_are_fine_until_a_line_is_lost() {
        let mut sequence = Sequence::default();
        let mut header = Header::first("x".into(), 1, crate::Timestamp::default());
        (header.gaps_through, header.kept, header.kept_xor) = (10, 2, 3 ^ 7);
        sequence.header(&header);
        assert_eq!(sequence.fact(3, 3), FINE);
        assert!(sequence.end().fault().is_some());
        assert_eq!(sequence.fact(7, 7), FINE);
        assert_eq!(sequence.end().fault(), None);
        assert_eq!(sequence.expected(), Some(11));
        assert_eq!(sequence.fact(12, 12), Verdict::InOrder { gap: Some((11, 11)) });
    }
}
