//! The entries that a reader has met lately, so that a doubled line is delivered once.

/// How many are remembered; a power of two. A copy that stands further away is delivered twice, and named by a scan.
const REMEMBERED: usize = 1 << 16;

/// Sequence numbers and checksums, by the low bits of the number.
#[derive(Debug, Default)]
pub(super) struct Recent(Vec<(u64, u32)>);

impl Recent {
    /// Remembers a line; whether the very same line was met before.
    pub(super) fn repeats(&mut self, seq: u64, crc: u32) -> bool {
        let slot = seq as usize & (REMEMBERED - 1);
        if self.0.len() <= slot {
            // Small logs stay small in memory.
            self.0.resize((slot + 1).next_power_of_two().min(REMEMBERED), (0, 0));
        }
        std::mem::replace(&mut self.0[slot], (seq, crc)) == (seq, crc)
    }
}
