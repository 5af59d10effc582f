//! Batches that were acknowledged lately: should the server lose them, they are sent again.

use std::collections::VecDeque;

use tokio::time::{Duration, Instant};

use super::batch::Batch;

/// How much is held, and how long: a server that syncs every second, or a replica, is behind by a second or two.
const MAX_BYTES: usize = 4 << 20;
const LONGEST: Duration = Duration::from_secs(60);

/// The newest batches, oldest first.
#[derive(Debug, Default)]
pub(super) struct Held {
    batches: VecDeque<(Instant, Batch)>,
    bytes: usize,
}

impl Held {
    pub(super) fn add(&mut self, batch: Batch) {
        self.bytes += batch.bytes();
        self.batches.push_back((Instant::now(), batch));
        while let Some((since, oldest)) = self.batches.front()
            && (self.bytes > MAX_BYTES || since.elapsed() > LONGEST)
        {
            self.bytes -= oldest.bytes();
            self.batches.pop_front();
        }
    }

    /// Everything that is held and stands behind this number, oldest first; nothing is held any more.
    pub(super) fn take_behind(&mut self, seq: u64) -> Vec<Batch> {
        self.bytes = 0;
        let behind = |batch: &Batch| batch.numbers.is_some_and(|(previous, last)| previous >= seq && last > previous);
        self.batches.drain(..).map(|(_, batch)| batch).filter(behind).collect()
    }

    /// The writer's numbers begin anew.
    pub(super) fn clear(&mut self) {
        *self = Held::default();
    }
}
