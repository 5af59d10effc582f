//! Dropping what was shipped, so that the spool stays small.

use std::time::{Duration, Instant};

use super::Shipper;
use crate::{Backend, Clock, CompactionConfig, Position, Result, SystemClock};

/// Less is not worth rewriting a file for, in bytes, unless the spool is smaller.
const FLOOR: u64 = 1 << 20;
/// What was shipped a moment ago is held a little longer, unless room is scarce: a server that writes to its disk once a
/// second, and loses power, is then sent it again.
const MOMENT: Duration = Duration::from_secs(5);
/// After an error trimming is left alone for so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// How far it was shipped: the bytes of the file before that, and the number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Place {
    bytes: u64,
    through: u64,
}

/// What may be dropped, and when that failed.
#[derive(Debug, Default)]
pub(super) struct Trimming {
    /// Shipped longer than a moment ago.
    old: Place,
    /// Shipped then.
    new: Option<(Place, Instant)>,
    failed: Option<Instant>,
}

impl Trimming {
    /// How far it was shipped a moment ago, if so far it is shipped now.
    fn a_moment_ago(&mut self, now: Place) -> Place {
        match self.new {
            Some((place, at)) if at.elapsed() >= MOMENT => (self.old, self.new) = (place, Some((now, Instant::now()))),
            Some(_) => {}
            None => self.new = Some((now, Instant::now())),
        }
        self.old
    }
}

/// Whether room is scarce in a spool that may take `most` bytes.
fn is_scarce(held: u64, most: u64) -> bool {
    held > most / 4 * 3
}

/// Whether it is worth while to drop `shipped` of the bytes that are held. The others have to be copied for it: each byte is
/// copied once on average, or a few times when room is scarce.
fn is_due(shipped: u64, held: u64, most: u64) -> bool {
    let others = held.saturating_sub(shipped);
    shipped >= FLOOR.min(most / 8) && (shipped >= others || is_scarce(held, most) && shipped >= others / 4)
}

impl Shipper<'_> {
    /// Drops what was shipped, if that is worth while. A failure is told and changes nothing: the facts are safe.
    pub(super) async fn trim(&mut self) {
        if self.trimming.failed.is_some_and(|at| at.elapsed() < PATIENCE) {
            return;
        }
        let now = {
            let state = self.shared.state();
            Place { bytes: state.offset, through: state.cursor.seq }
        };
        let (held, most) = (self.edition.bytes(), self.shared.config.max_bytes);
        let old = self.trimming.a_moment_ago(now);
        let place = if is_scarce(held, most) { now } else { old };
        if !self.batch.is_empty() || place.through == 0 || !is_due(place.bytes, held, most) {
            return;
        }
        self.trimming = Trimming::default();
        if let Err(error) = self.drop_through(place.through).await {
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
        self.go_on();
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
        assert!(!is_due(MIB / 2, MIB / 2, 1 << 30));
        assert!(is_due(MIB, MIB, 1 << 30));
        assert!(!is_due(10 * MIB, 21 * MIB, 1 << 30));
        assert!(is_due(200 * MIB, 800 * MIB, 1 << 30));
        assert!(!is_due(100 * MIB, 1000 * MIB, 1 << 30));
        assert!(is_due(8 << 10, 9 << 10, 64 << 10));
    }

    #[test]
    fn what_was_shipped_just_now_is_held_a_moment_longer() {
        let place = |n| Place { bytes: n * 100, through: n };
        let mut trimming = Trimming::default();
        assert_eq!(trimming.a_moment_ago(place(1)), Place::default());
        assert_eq!(trimming.a_moment_ago(place(2)), Place::default());
        let then = Instant::now().checked_sub(MOMENT).unwrap();
        trimming.new = Some((place(1), then));
        assert_eq!(trimming.a_moment_ago(place(3)), place(1));
        assert_eq!(trimming.a_moment_ago(place(4)), place(1));
        trimming.new = Some((place(3), then));
        assert_eq!(trimming.a_moment_ago(place(4)), place(3));
    }
}
