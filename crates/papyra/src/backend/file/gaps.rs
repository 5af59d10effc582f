//! Ranges of numbers, each of which may still turn up.

use std::collections::BTreeMap;

/// How many separate ranges are remembered.
const MAX_RANGES: usize = 100_000;

/// Ranges that do not touch, by their first number.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    ranges: BTreeMap<u64, u64>,
    /// There were more than can be remembered.
    overflowed: bool,
}

impl Gaps {
    pub(super) fn add(&mut self, first: u64, last: u64) {
        if self.ranges.len() < MAX_RANGES {
            self.ranges.insert(first, last);
        } else {
            self.overflowed = true;
        }
    }

    /// Takes a number out; whether it was in, as far as that is remembered.
    pub(super) fn take(&mut self, number: u64) -> bool {
        let Some((&first, &last)) = self.ranges.range(..=number).next_back().filter(|(_, last)| **last >= number)
        else {
            return self.overflowed;
        };
        self.ranges.remove(&first);
        if first < number {
            self.ranges.insert(first, number - 1);
        }
        if number < last {
            self.ranges.insert(number + 1, last);
        }
        true
    }

    /// What of a range is in.
    pub(super) fn within(&self, first: u64, last: u64) -> impl Iterator<Item = (u64, u64)> {
        let reaching_in = self.ranges.range(..first).next_back().filter(|range| *range.1 >= first);
        let inside = self.ranges.range(first..=last);
        reaching_in.into_iter().chain(inside).map(move |(from, to)| ((*from).max(first), (*to).min(last)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_shrinks_and_splits() {
        let mut gaps = Gaps::default();
        gaps.add(2, 9);
        gaps.add(20, 20);
        assert!(gaps.take(5) && gaps.take(2) && gaps.take(9) && gaps.take(20));
        assert!(!gaps.take(5) && !gaps.take(1) && !gaps.take(10));
        assert_eq!(gaps.within(1, 30).collect::<Vec<_>>(), [(3, 4), (6, 8)]);
        assert_eq!(gaps.within(4, 6).collect::<Vec<_>>(), [(4, 4), (6, 6)]);
    }

    #[test]
    fn what_cannot_be_remembered_is_believed() {
        let mut gaps = Gaps::default();
        for n in 0..=MAX_RANGES as u64 {
            gaps.add(2 * n, 2 * n);
        }
        assert!(gaps.take(2 * MAX_RANGES as u64), "a number that may be missing is never called doubled");
    }
}
