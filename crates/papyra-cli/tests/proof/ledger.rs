//! The record of what was sent and acknowledged, and the comparison with the log.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::lab::Lab;

/// What `append --ack` prints.
#[derive(Deserialize)]
struct Ack {
    line: u64,
    /// A log with a spool in front numbers nothing that others could compare.
    #[serde(default)]
    seq: u64,
}

/// What `inspect events -o ndjson` prints, as far as it matters here.
#[derive(Deserialize)]
struct Listed {
    event_type: String,
    actor_address: String,
    position: serde_json::Value,
}

/// The facts of a log's life, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The number of the next fact that nobody has sent yet.
    pub(crate) next: u64,
    /// The acknowledged facts, and the numbers that the log gave them.
    pub(crate) acknowledged: BTreeMap<u64, u64>,
}

impl Ledger {
    /// Takes the acknowledgements of one writer that was sent the facts from `first` to `self.next - 1`, a line each. The last
    /// one may be torn.
    #[track_caller]
    pub(crate) fn take(&mut self, first: u64, output: &str) {
        for (at, line) in output.split_inclusive('\n').filter(|line| line.ends_with('\n')).enumerate() {
            let ack: Ack = serde_json::from_str(line).unwrap();
            assert_eq!(ack.line, at as u64 + 1, "acknowledgements come in the order of the input");
            let n = first + at as u64;
            assert!(n < self.next, "a fact was acknowledged that was never sent");
            self.acknowledged.insert(n, ack.seq);
        }
    }

    /// All acknowledged facts are in the log exactly once, the others at most once, everything in the order of sending.
    #[track_caller]
    pub(crate) fn check(&self, lab: &Lab) {
        self.check_kept(lab, 0);
    }

    /// The same for a log that was compacted to at least so many records: only the newest acknowledged facts must be there.
    #[track_caller]
    pub(crate) fn check_kept(&self, lab: &Lab, records: u64) {
        let listed = listed(lab);
        let mut present = BTreeSet::new();
        let mut before = None;
        for (n, seq) in &listed {
            assert!(present.insert(*n), "the fact {n} is in the log twice");
            assert!(*n < self.next, "the fact {n} was never sent");
            assert!(before < Some(*seq), "the number {seq} does not rise");
            before = Some(*seq);
            if let Some(told) = self.acknowledged.get(n) {
                assert_eq!(seq, told, "the fact {n} has another number than was acknowledged");
            }
        }
        let in_order = listed.windows(2).all(|pair| pair[0].0 < pair[1].0);
        assert!(in_order, "the order of sending was not kept");
        let last = before.unwrap_or(0);
        let from = if records == 0 { 0 } else { last.saturating_sub(records - 1) };
        let lost: Vec<_> = self.acknowledged.iter().filter(|(n, seq)| **seq >= from && !present.contains(n)).collect();
        let first: Vec<_> = lost.iter().take(5).collect();
        assert!(lost.is_empty(), "{} acknowledged and lost, the first (fact, number): {first:?}", lost.len());
        let highest = self.acknowledged.values().max().copied().unwrap_or(0);
        assert!(last >= highest, "the log ends at {last}, before the acknowledged {highest}");
    }
}

/// The facts in a log with their numbers, in its order, without Papyra's own.
#[track_caller]
pub(crate) fn listed(lab: &Lab) -> Vec<(u64, u64)> {
    let run = lab.on_log(&["inspect", "events", "-o", "ndjson"]).ended(0);
    parse(&run.stdout)
}

/// The facts in a listing with their numbers.
#[track_caller]
pub(crate) fn parse(listing: &str) -> Vec<(u64, u64)> {
    let facts =
        listing.lines().map(|line| serde_json::from_str::<Listed>(line).unwrap_or_else(|e| panic!("{e}: {line}")));
    facts
        .filter(|fact| fact.actor_address != "papyra://log")
        .map(|fact| {
            let seq = match &fact.position {
                serde_json::Value::String(text) => text.parse().unwrap(),
                number => number.as_u64().unwrap(),
            };
            (fact.event_type[1..].parse().unwrap(), seq)
        })
        .collect()
}
