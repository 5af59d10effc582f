//! A remote log in memory that fails on purpose.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;

use crate::{
    Appended, Backend, Entry, EntryStream, Error, ErrorKind, Fact, Order, Origin, Position, ReadOptions,
    RecoveryConfig, RecoveryReport, Result, ScanOptions, ScanReport,
    codec::{self, Form},
    shipping::{Mark, Shipment, Shipped, Shipping},
};

/// Handles of one log, as connections to one server are.
#[derive(Clone, Debug, Default)]
pub(super) struct Remote(Arc<Mutex<State>>);

#[derive(Clone, Debug, Default)]
struct State {
    entries: Vec<Entry>,
    marks: BTreeMap<String, Mark>,
    /// Nothing can be asked.
    away: bool,
    /// Reading works, shipping does not.
    read_only: bool,
    /// So many of the next shipments arrive, and nobody hears of it.
    cuts: u64,
    next: u64,
}

impl Remote {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn reached(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.state();
        match state.away {
            true => Err(Error::new(ErrorKind::Unavailable, "the remote log is away")),
            false => Ok(state),
        }
    }

    pub(super) fn set_away(&self, away: bool) {
        self.state().away = away;
    }

    pub(super) fn set_read_only(&self, read_only: bool) {
        self.state().read_only = read_only;
    }

    pub(super) fn cut_replies(&self, shipments: u64) {
        self.state().cuts = shipments;
    }

    /// Forgets everything, as FLUSHALL does.
    pub(super) fn flush(&self) {
        let mut state = self.state();
        (state.entries, state.marks) = (Vec::new(), BTreeMap::new());
    }

    /// What it is now, to be put back later: as a stale replica or an old backup is.
    pub(super) fn snapshot(&self) -> impl FnOnce() + use<> {
        let (old, handle) = (self.state().clone(), self.clone());
        move || {
            let mut state = handle.state();
            (state.entries, state.marks) = (old.entries, old.marks);
        }
    }

    /// Another writer's fact.
    pub(super) fn add(&self, fact: Fact) {
        let mut state = self.state();
        state.next += 1;
        let entry = Entry::new(Position::from_pair(1000, state.next), fact, 1);
        state.entries.push(entry);
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.state().entries.clone()
    }
}

#[async_trait]
impl Backend for Remote {
    fn name(&self) -> &'static str {
        "remote"
    }

    async fn append(&self, facts: &[Fact]) -> Result<Appended> {
        drop(self.reached()?);
        facts.iter().for_each(|fact| self.add(fact.clone()));
        Ok(Appended::default())
    }

    fn read(&self, options: ReadOptions) -> EntryStream {
        let state = match self.reached() {
            Ok(state) => state,
            Err(error) => return EntryStream::failed(error),
        };
        let newest = state.entries.last().map(|entry| entry.position);
        if let Some(after) = options.after
            && newest.is_none_or(|newest| newest < after)
        {
            return EntryStream::failed(Error::beyond_the_end(after, "remote", 0));
        }
        let wanted =
            |entry: &&Entry| options.after.is_none_or(|after| entry.position > after) && options.selects(&entry.fact);
        let mut entries: Vec<_> = state.entries.iter().filter(wanted).cloned().map(Ok).collect();
        if options.order == Order::NewestFirst {
            entries.reverse();
        }
        EntryStream::of(entries)
    }

    async fn scan(&self, _: ScanOptions) -> Result<ScanReport> {
        let mut report = ScanReport::new("remote", "remote");
        for entry in &self.reached()?.entries {
            report.count(entry.fact.kind());
            report.time(entry.fact.timestamp().seconds());
            report.bytes += entry.bytes;
        }
        Ok(report)
    }

    async fn recover(&self, _: &RecoveryConfig) -> Result<RecoveryReport> {
        Ok(RecoveryReport { before: self.scan(ScanOptions::default()).await?, ..RecoveryReport::default() })
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }

    fn shipping(&self) -> Option<&dyn Shipping> {
        Some(self)
    }
}

#[async_trait]
impl Shipping for Remote {
    async fn mark(&self, writer: &str) -> Result<Option<Mark>> {
        Ok(self.reached()?.marks.get(writer).copied())
    }

    async fn ship(&self, shipment: &Shipment<'_>) -> Result<Shipped> {
        tokio::task::yield_now().await;
        let mut state = self.reached()?;
        if state.read_only {
            return Err(Error::new(ErrorKind::Unavailable, "the remote log takes no writes"));
        }
        let mark = state.marks.get(shipment.writer).map_or(0, |mark| mark.seq);
        let signed = |line: &&[u8]| codec::signed_copy(line, shipment.writer).unwrap();
        let lines: Vec<Vec<u8>> = shipment.lines.iter().map(signed).collect();
        let seqs: Vec<u64> = lines.iter().map(|line| codec::tail_and_head(line).unwrap().0.seq).collect();
        let last = seqs.last().copied().unwrap_or_default();
        let shipped = if seqs.is_empty() && mark == shipment.previous {
            return Ok(Shipped::Done(Vec::new()));
        } else if !seqs.is_empty() && mark >= last {
            Shipped::Repeated
        } else if mark != shipment.previous {
            Shipped::Elsewhere(mark)
        } else {
            let writer = uuid::Uuid::parse_str(shipment.writer).unwrap().as_u128();
            for (line, seq) in lines.iter().zip(&seqs) {
                state.next += 1;
                let fact = codec::decode(std::str::from_utf8(line).unwrap(), Form::Lenient).unwrap();
                let entry = Entry::new(Position::from_pair(1000, state.next), fact, line.len() as u64);
                state.entries.push(entry.by(Origin::new(writer, *seq)));
            }
            let crc = codec::claimed(lines.last().unwrap()).unwrap();
            state.marks.insert(shipment.writer.to_owned(), Mark { seq: last, crc });
            Shipped::Done(Vec::new())
        };
        if state.cuts > 0 {
            state.cuts -= 1;
            return Err(Error::new(ErrorKind::Unavailable, "no answer").with_unknown_outcome());
        }
        Ok(shipped)
    }
}
