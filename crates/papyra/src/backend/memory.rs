//! A log in memory: the whole contract in one small file. For tests and for processes that need no history.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::{
    Appended, Backend, CompactionConfig, CompactionReport, Entry, EntryStream, Error, ErrorKind, Fact, Order, Position,
    ReadOptions, RecoveryConfig, RecoveryReport, Result, ScanOptions, ScanReport,
};

/// A log that lives as long as its handle.
///
/// # Durability
/// None: an acknowledged fact is lost with the process.
#[derive(Debug, Default)]
pub struct Memory(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    entries: Vec<Entry>,
    last_seq: u64,
    closed: bool,
}

impl State {
    /// Facts and bytes.
    fn figures<'a>(entries: impl Iterator<Item = &'a Entry>) -> (u64, u64) {
        entries.fold((0, 0), |(facts, bytes), entry| (facts + 1, bytes + entry.bytes))
    }
}

impl Memory {
    /// An empty log.
    pub fn new() -> Self {
        Memory::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave the state half-changed: each change is one assignment or one extend.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, state: &State) -> ScanReport {
        let mut report = ScanReport::new(self.name(), self.address());
        for entry in &state.entries {
            report.count(entry.fact.kind());
            report.time(entry.fact.timestamp().seconds());
            report.bytes += entry.bytes;
        }
        let seqs = |entry: Option<&Entry>| entry.and_then(|entry| entry.position.seq());
        report.seqs = seqs(state.entries.first()).zip(seqs(state.entries.last()));
        report
    }
}

#[async_trait]
impl Backend for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn address(&self) -> String {
        "memory:".to_owned()
    }

    async fn append(&self, facts: &[Fact]) -> Result<Appended> {
        let mut state = self.state();
        if state.closed {
            return Err(Error::new(ErrorKind::Closed, "the log `memory:` is closed"));
        }
        let next = state.last_seq + 1;
        let entries: Vec<Entry> = (next..)
            .zip(facts)
            .map(|(seq, fact)| Entry::new(Position::from_seq(seq), fact.clone(), fact.to_json().len() as u64 + 1))
            .collect();
        let positions = entries.iter().map(|entry| entry.position).collect();
        let bytes = entries.iter().map(|entry| entry.bytes).sum();
        state.last_seq += entries.len() as u64;
        state.entries.extend(entries);
        Ok(Appended::new(positions, bytes))
    }

    fn read(&self, options: ReadOptions) -> EntryStream {
        let state = self.state();
        if let Some(after) = options.after
            && after > Position::from_seq(state.last_seq)
        {
            return EntryStream::failed(Error::beyond_the_end(after, &self.address(), state.last_seq));
        }
        let wanted =
            |entry: &&Entry| options.after.is_none_or(|after| entry.position > after) && options.selects(&entry.fact);
        let mut entries: Vec<_> = state.entries.iter().filter(wanted).cloned().map(Ok).collect();
        if options.order == Order::NewestFirst {
            entries.reverse();
        }
        EntryStream::of(entries)
    }

    async fn scan(&self, options: ScanOptions) -> Result<ScanReport> {
        let mut report = self.report(&self.state());
        report.deep = options.deep;
        Ok(report)
    }

    async fn recover(&self, _: &RecoveryConfig) -> Result<RecoveryReport> {
        // Memory does not rot: there is never anything to do.
        Ok(RecoveryReport { before: self.report(&self.state()), ..RecoveryReport::default() })
    }

    async fn compact(&self, config: &CompactionConfig) -> Result<CompactionReport> {
        let mut state = self.state();
        let mut cut = config.cut();
        let mut stays: Vec<bool> = state.entries.iter().rev().map(|entry| cut.keeps(entry)).collect();
        let before = State::figures(state.entries.iter());
        let after =
            State::figures(state.entries.iter().rev().zip(&stays).filter(|(_, stays)| **stays).map(|(entry, _)| entry));
        if after.0 == 0 && before.0 > 0 && !config.allow_empty {
            return Err(Error::nothing_would_remain(&self.address()));
        }
        let changed = before != after && !config.dry_run;
        if changed {
            state.entries.retain(|_| stays.pop().unwrap_or(true));
        }
        Ok(CompactionReport {
            backend: self.name().to_owned(),
            before_records: before.0,
            after_records: after.0,
            before_bytes: before.1,
            after_bytes: after.1,
            changed,
            ..CompactionReport::default()
        })
    }

    async fn close(&self) -> Result<()> {
        self.state().closed = true;
        Ok(())
    }
}
