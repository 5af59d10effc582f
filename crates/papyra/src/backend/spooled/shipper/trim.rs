//! Dropping what was shipped, so that the spool stays small.

use std::time::{Duration, Instant};

use super::Shipper;
use crate::{Backend, Clock, CompactionConfig, Position, Result, SystemClock};

/// Less is not worth rewriting a file for, in bytes, unless the spool is smaller.
const FLOOR: u64 = 1 << 20;
/// After an error trimming is left alone for so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// When trimming failed.
#[derive(Debug, Default)]
pub(super) struct Trimming {
    failed: Option<Instant>,
}

/// Whether it is worth while to drop `shipped` bytes in front of `waiting` ones, which have to be copied for it: each byte is
/// copied once on average, or a few times when the room grows scarce.
fn is_due(shipped: u64, waiting: u64, most: u64) -> bool {
    let is_scarce = shipped + waiting > most / 4 * 3;
    shipped >= FLOOR.min(most / 8) && (shipped >= waiting || is_scarce && shipped >= waiting / 4)
}

impl Shipper<'_> {
    /// Drops what was shipped, if that is worth while. A failure is told and changes nothing: the facts are safe.
    pub(super) async fn trim(&mut self) {
        if self.trimming.failed.is_some_and(|at| at.elapsed() < PATIENCE) {
            return;
        }
        let (shipped, through) = {
            let state = self.shared.state();
            (state.offset, state.cursor.seq)
        };
        let waiting = self.edition.bytes().saturating_sub(shipped);
        if !self.batch.is_empty() || through == 0 || !is_due(shipped, waiting, self.shared.config.max_bytes) {
            return;
        }
        self.trimming.failed = None;
        if let Err(error) = self.drop_through(through).await {
            self.trimming.failed = Some(Instant::now());
            let path = self.shared.config.path.display();
            tracing::warn!(target: "papyra", %path, %error, cure = error.cure(), "cannot drop from the spool what was shipped");
        }
    }

    async fn drop_through(&mut self, through: u64) -> Result<()> {
        // What was dropped cannot be compared any more: from now on the cursor must know of it.
        let cursor = self.shared.state().cursor.clone();
        self.edition.note(&cursor)?;
        let config = CompactionConfig::dropping_through(Position::from_seq(through), SystemClock.now());
        self.edition.log.compact(&config).await?;
        self.outgoing = self.edition.outgoing(through);
        self.shared.state().offset = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_is_copied_a_few_times_at_most() {
        const MIB: u64 = 1 << 20;
        assert!(!is_due(MIB / 2, 0, 1 << 30));
        assert!(is_due(MIB, 0, 1 << 30));
        assert!(!is_due(10 * MIB, 11 * MIB, 1 << 30));
        assert!(is_due(200 * MIB, 600 * MIB, 1 << 30));
        assert!(!is_due(100 * MIB, 900 * MIB, 1 << 30));
        assert!(is_due(8 << 10, 1 << 10, 64 << 10));
    }
}
