//! Chance that can be repeated: every number follows from a seed, and the seed is printed.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A generator of numbers (splitmix64).
pub(crate) struct Chance(u64);

impl Chance {
    /// Begins with a new seed, or with that of `PAPYRA_SEED`, and prints it.
    pub(crate) fn begin(test: &str) -> Self {
        let given = std::env::var("PAPYRA_SEED").ok().map(|seed| seed.parse().expect("PAPYRA_SEED is a number"));
        let seed = given.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        println!("{test}: again with PAPYRA_SEED={seed}");
        Chance(seed)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below a bound, which must not be 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.number() % bound as u64) as usize
    }

    /// A number of a range that includes both ends.
    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }
}
