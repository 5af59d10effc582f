//! A log of logs: kinds of facts that live elsewhere.

use std::sync::Arc;

use crate::{Hybrid, Kind, Log, Part};

impl Log {
    /// The same log, but facts of this kind live in that one from now on: each part keeps its own retention. Two kinds in
    /// clones of one log are one part.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use papyra::{DeadLetter, Event, Kind, ReadOptions};
    /// let letters = papyra::open("memory:?retention.max_age=365d").await?;
    /// let log = papyra::open("memory:?retention.max_age=30d").await?.with_kind(Kind::DeadLetter, &letters);
    /// log.append(&[Event::new("orders://shop", "Opened").into(), DeadLetter::new("orders://7", "Order").into()]).await?;
    /// assert_eq!(log.read(ReadOptions::oldest_first()).collect().await?.len(), 2);
    /// assert_eq!(letters.read(ReadOptions::oldest_first()).collect().await?.len(), 1);
    /// # Ok::<(), papyra::Error>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_kind(self, kind: Kind, log: &Log) -> Log {
        let other = log.for_kind(kind);
        let mut added = Part::new([kind], other.shared_backend());
        added.retention = *other.retention();
        if kind == Kind::Unknown || Arc::ptr_eq(&self.shared_backend(), &added.backend) {
            return self;
        }
        let mut parts: Vec<Part> = self
            .parts()
            .map(|(kinds, log)| {
                let mut part = Part::new(kinds.iter().copied(), log.shared_backend());
                part.retention = *log.retention();
                part
            })
            .collect();
        if parts.is_empty() {
            let mut whole = Part::new(Kind::KNOWN, self.shared_backend());
            whole.retention = *self.retention();
            parts.push(whole);
        }
        self.moved_to(Hybrid::of(parts).with_part(added))
    }
}
