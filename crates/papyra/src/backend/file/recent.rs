//! The entries that a reader has met lately, so that a doubled line is delivered once.

/// How many are remembered; a power of two. A copy that stands further away is delivered twice, and named by a scan.
const REMEMBERED: usize = 1 << 16;

/// Sequence numbers and checksums, by the low bits of the number's distance from the first one that was met.
#[derive(Debug, Default)]
pub(super) struct Recent {
    first: u64,
    met: Vec<(u64, u32)>,
}

impl Recent {
    /// Remembers a line; whether the very same line was met before.
    pub(super) fn repeats(&mut self, seq: u64, crc: u32) -> bool {
        if self.met.is_empty() {
            self.first = seq;
        }
        let slot = seq.wrapping_sub(self.first) as usize & (REMEMBERED - 1);
        if self.met.len() <= slot {
            // What is small stays small in memory: a log, or one of its many files.
            self.met.resize((slot + 1).next_power_of_two().min(REMEMBERED), (0, 0));
        }
        std::mem::replace(&mut self.met[slot], (seq, crc)) == (seq, crc)
    }
}
