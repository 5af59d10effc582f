//! A log whose kinds of facts live in different places: audits in one file, dead letters in another that is kept for a year.
//!
//! Each part is a log of its own with its own positions, its own lock and its own retention. What one part cannot do or take
//! keeps no other from doing and taking it.

mod append;
mod groups;
mod join;
mod state;

use std::sync::Arc;

use async_trait::async_trait;

use self::state::State;
use crate::{
    Appended, Backend, Backlog, CompactionConfig, CompactionReport, Connections, ConsumerGroups, EntryStream, Fact,
    Kind, Part, PartReport, ReadOptions, RecoveryConfig, RecoveryReport, Result, ScanOptions, ScanReport, part,
    report::in_words,
};

/// A log whose kinds of facts live in different places.
///
/// [`Log::with_kind`](crate::Log::with_kind) makes one of logs that are open already.
///
/// # Durability
/// That of its parts: an append returns once every part has acknowledged its facts.
#[derive(Debug)]
pub struct Hybrid {
    parts: Vec<Part>,
    states: Vec<State>,
}

impl Hybrid {
    /// All kinds live in this backend, until others are said to live elsewhere.
    pub fn new(backend: impl Backend) -> Self {
        Hybrid::of(vec![Part::new(Kind::KNOWN, Arc::new(backend))])
    }

    /// The same, but facts of these kinds live in that backend.
    #[must_use]
    pub fn with_kinds(self, kinds: impl IntoIterator<Item = Kind>, backend: impl Backend) -> Self {
        self.with_part(Part::new(kinds, Arc::new(backend)))
    }

    /// The same, but the kinds of this part live there. If the log has a part with the very same backend, the kinds join it
    /// and its retention stays.
    #[must_use]
    pub fn with_part(mut self, added: Part) -> Self {
        for part in &mut self.parts {
            part.kinds.retain(|kind| !added.kinds.contains(kind));
        }
        match self.parts.iter_mut().find(|part| Arc::ptr_eq(&part.backend, &added.backend)) {
            Some(part) => {
                part.kinds.extend(added.kinds);
                part.kinds.sort_unstable();
            }
            None => self.parts.push(added),
        }
        self.parts.retain(|part| !part.kinds.is_empty());
        Hybrid::of(self.parts)
    }

    /// A log of these parts, in which every kind lives somewhere.
    pub(crate) fn of(parts: Vec<Part>) -> Self {
        let states = parts.iter().map(|_| State::default()).collect();
        Hybrid { parts, states }
    }
}

#[async_trait]
impl Backend for Hybrid {
    fn name(&self) -> &'static str {
        "hybrid"
    }

    fn address(&self) -> String {
        let part = |part: &Part| format!("{} in {}", in_words(&part.kinds), part.backend.address());
        self.parts.iter().map(part).collect::<Vec<_>>().join("; ")
    }

    fn parts(&self) -> &[Part] {
        &self.parts
    }

    async fn append(&self, facts: &[Fact]) -> Result<Appended> {
        self.append_to_parts(facts).await
    }

    fn read(&self, options: ReadOptions) -> EntryStream {
        let order = options.order;
        match part::asked(self.parts.iter().map(|part| &*part.kinds), &options) {
            Ok(asked) => {
                let reads = asked.into_iter().map(|(part, options)| self.parts[part].backend.read(options));
                EntryStream::merged(reads.collect(), order)
            }
            Err(error) => EntryStream::failed(error),
        }
    }

    async fn scan(&self, options: ScanOptions) -> Result<ScanReport> {
        let mut reports = Vec::new();
        for part in &self.parts {
            let result = part.backend.scan(options.clone()).await;
            reports.push(PartReport::new(&part.kinds, part.backend.address(), result));
        }
        ScanReport::of_parts(self.name(), self.address(), reports)
    }

    async fn recover(&self, config: &RecoveryConfig) -> Result<RecoveryReport> {
        let mut reports = Vec::new();
        for part in &self.parts {
            let result = part.backend.recover(&config.for_part(&part.kinds)).await;
            reports.push(PartReport::new(&part.kinds, part.backend.address(), result));
        }
        RecoveryReport::of_parts(self.name(), &self.address(), reports)
    }

    async fn compact(&self, config: &CompactionConfig) -> Result<CompactionReport> {
        let mut reports = Vec::new();
        for part in &self.parts {
            let result = part.backend.compact(config).await;
            reports.push(PartReport::new(&part.kinds, part.backend.address(), result));
        }
        CompactionReport::of_parts(self.name(), reports)
    }

    async fn close(&self) -> Result<()> {
        let mut closed = Ok(());
        for part in &self.parts {
            // Every part is to be closed, whatever the others say.
            closed = part.backend.close().await.and(closed);
        }
        closed
    }

    fn has_quarantine(&self) -> bool {
        self.parts.iter().all(|part| part.backend.has_quarantine())
    }

    fn consumer_groups(&self) -> Option<&dyn ConsumerGroups> {
        self.parts.iter().any(|part| part.backend.consumer_groups().is_some()).then_some(self as &dyn ConsumerGroups)
    }

    fn backlog(&self) -> Option<Backlog> {
        Backlog::of_all(self.parts.iter().map(|part| part.backend.backlog()))
    }

    fn connections(&self) -> Option<Connections> {
        Connections::of_all(self.parts.iter().map(|part| part.backend.connections()))
    }
}
