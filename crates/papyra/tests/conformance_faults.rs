//! The checks are checked: each of them catches a backend that breaks its sentence, and lets the same backend pass
//! without the fault.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use papyra::{
    Anomaly, AnomalyKind, Appended, Backend, CompactionConfig, CompactionReport, Entry, EntryStream, Error, ErrorKind,
    Event, Fact, Kind, Order, Position, ReadOptions, RecoveryConfig, RecoveryMode, RecoveryReport, Result, ScanOptions,
    ScanReport,
    conformance::{self, Harness},
};

/// What is wrong with a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    ReversesBatches,
    LosesTheLastFact,
    DoublesFacts,
    TearsRefusedBatches,
    ReusesPositions,
    GivesTooFewPositions,
    ShowsFactsLate,
    MarksEmptyBatches,
    ForgetsUnknownMembers,
    RoundsNumbers,
    MixesBatches,
    WritesAfterClose,
    CannotBeInterrupted,
    KnowsOneOrder,
    IncludesThePosition,
    TrustsTheClock,
    RoundsTimes,
    IgnoresKinds,
    IgnoresActors,
    ShowsUnknownKinds,
    FailsWhenEmpty,
    ScansIntoTheLog,
    ScansIntoFiles,
    FindsGhosts,
    MiscountsKinds,
    RecoversTooMuch,
    NeverStopsRecovering,
    RecoversThoughIgnoring,
    CompactsOneTooFew,
    CompactsUnknownKinds,
    Renumbers,
    NeverStopsCompacting,
    CountsFromWhatIsLeft,
    ClosesOnce,
    ForgetsOnClose,
}

/// Memory with one fault.
#[derive(Debug)]
struct Faulty {
    fault: Fault,
    dir: PathBuf,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    entries: Vec<Entry>,
    last: u64,
    recoveries: u32,
    closed: bool,
}

/// The largest fact that the backend takes.
const LIMIT: usize = 1 << 20;

impl Faulty {
    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Adds one fact and gives its position.
    fn add(&self, state: &mut State, fact: &Fact) -> Position {
        state.last += 1;
        let position = Position::from_seq(state.last);
        let mut fact = fact.clone();
        if let (Fault::ForgetsUnknownMembers, Fact::Event(event)) = (self.fault, &mut fact) {
            event.extra.clear();
        }
        if self.has(Fault::RoundsNumbers) {
            let json = fact.to_json().replace("12345678901234567890123", "1.2345678901234568e22");
            fact = Fact::from_json(&json).unwrap();
        }
        let bytes = fact.to_json().len() as u64;
        let entry = Entry::new(position, fact, bytes);
        if self.has(Fault::DoublesFacts) {
            state.entries.push(entry.clone());
        }
        state.entries.push(entry);
        position
    }

    fn report(&self) -> ScanReport {
        let mut report = ScanReport::new(self.name(), self.address());
        for entry in &self.state().entries {
            report.count(if self.has(Fault::MiscountsKinds) { Kind::Event } else { entry.fact.kind() });
        }
        report
    }

    fn refusal(&self, facts: &[Fact]) -> Option<Error> {
        if self.state().closed && !self.has(Fault::WritesAfterClose) {
            return Some(Error::new(ErrorKind::Closed, "the log is closed"));
        }
        let large = facts.iter().any(|fact| fact.to_json().len() > LIMIT);
        large.then(|| Error::new(ErrorKind::Invalid, "a fact is too large"))
    }
}

#[async_trait]
impl Backend for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    async fn append(&self, facts: &[Fact]) -> Result<Appended> {
        if let Some(error) = self.refusal(facts) {
            if self.has(Fault::TearsRefusedBatches) && error.kind() == ErrorKind::Invalid {
                for fact in facts.iter().take_while(|fact| fact.to_json().len() <= LIMIT) {
                    self.add(&mut self.state(), fact);
                }
            }
            return Err(error);
        }
        let mut facts = facts.to_vec();
        if self.has(Fault::MarksEmptyBatches) && facts.is_empty() {
            self.add(&mut self.state(), &Event::new("faulty://log", "Checked").into());
        }
        if self.has(Fault::ReversesBatches) {
            facts.reverse();
        }
        let mut positions = Vec::new();
        if matches!(self.fault, Fault::MixesBatches | Fault::CannotBeInterrupted) {
            for fact in &facts {
                positions.push(self.add(&mut self.state(), fact));
                tokio::task::yield_now().await;
            }
        } else {
            let mut state = self.state();
            positions.extend(facts.iter().map(|fact| self.add(&mut state, fact)));
        }
        if self.has(Fault::LosesTheLastFact) && facts.len() > 1 {
            self.state().entries.pop();
        }
        if self.has(Fault::GivesTooFewPositions) {
            positions.pop();
        }
        if self.has(Fault::ReusesPositions) {
            positions = (1..=positions.len() as u64).map(Position::from_seq).collect();
        }
        Ok(Appended::new(positions, 0))
    }

    fn read(&self, options: ReadOptions) -> EntryStream {
        let state = self.state();
        if self.has(Fault::FailsWhenEmpty) && state.entries.is_empty() {
            return EntryStream::failed(Error::new(ErrorKind::Io, "there is nothing to read"));
        }
        if self.has(Fault::ForgetsOnClose) && state.closed {
            return EntryStream::failed(Error::new(ErrorKind::Closed, "the log is closed"));
        }
        let mut wanted = options.clone();
        match self.fault {
            Fault::IgnoresKinds => wanted.kinds.clear(),
            Fault::IgnoresActors => wanted.about = None,
            Fault::RoundsTimes => wanted.since = options.since.map(f64::floor),
            Fault::TrustsTheClock => wanted.since = None,
            _ => {}
        }
        let behind = |position: Position| match options.after {
            Some(after) if self.has(Fault::IncludesThePosition) => position >= after,
            Some(after) => position > after,
            None => true,
        };
        let shows_unknown = self.has(Fault::ShowsUnknownKinds) && options.kinds.is_empty();
        let selects = |fact: &Fact| wanted.selects(fact) || (shows_unknown && fact.kind() == Kind::Unknown);
        let shown = if self.has(Fault::ShowsFactsLate) { state.entries.len().saturating_sub(1) } else { usize::MAX };
        let shown = state.entries.iter().take(shown);
        let mut entries: Vec<Entry> =
            shown.filter(|entry| behind(entry.position) && selects(&entry.fact)).cloned().collect();
        if options.order == Order::NewestFirst && !self.has(Fault::KnowsOneOrder) {
            entries.reverse();
        }
        if let (Fault::TrustsTheClock, Some(since)) = (self.fault, options.since) {
            // It believes that time only rises: whatever stands on the wrong side of the first hit is not looked at.
            let young = |entry: &Entry| entry.fact.timestamp().seconds() >= since;
            let first = entries.iter().position(young).unwrap_or(entries.len());
            match options.order {
                Order::OldestFirst => drop(entries.drain(..first)),
                Order::NewestFirst => entries = entries.into_iter().take_while(young).collect(),
            }
        }
        EntryStream::of(entries.into_iter().map(Ok))
    }

    async fn scan(&self, _: ScanOptions) -> Result<ScanReport> {
        let mut report = self.report();
        match self.fault {
            Fault::ScansIntoTheLog => {
                self.add(&mut self.state(), &Event::new("faulty://log", "Scanned").into());
            }
            Fault::ScansIntoFiles => std::fs::write(self.dir.join("scanned"), "").unwrap(),
            Fault::FindsGhosts => report.add(Anomaly::new(AnomalyKind::UnsealedLine, "log", "a ghost")),
            _ => {}
        }
        Ok(report)
    }

    async fn recover(&self, config: &RecoveryConfig) -> Result<RecoveryReport> {
        let mut state = self.state();
        let ignores = config.mode == RecoveryMode::Ignore || config.dry_run;
        state.recoveries += 1;
        let drops = match self.fault {
            Fault::RecoversTooMuch => !ignores,
            Fault::NeverStopsRecovering => state.recoveries > 1,
            Fault::RecoversThoughIgnoring => ignores,
            _ => false,
        };
        if drops {
            state.entries.pop();
        }
        Ok(RecoveryReport::default())
    }

    async fn compact(&self, config: &CompactionConfig) -> Result<CompactionReport> {
        let mut state = self.state();
        let mut report = CompactionReport::default();
        report.before_records = state.entries.len() as u64;
        let mut cut = config.retention.cut(config.now);
        let mut kept: Vec<Entry> = state.entries.iter().rev().filter(|entry| cut.keeps(entry)).cloned().collect();
        kept.reverse();
        let unchanged = kept.len() == state.entries.len();
        match self.fault {
            Fault::CompactsOneTooFew if !unchanged => kept.insert(0, state.entries[0].clone()),
            Fault::CompactsUnknownKinds => kept.retain(|entry| entry.fact.kind() != Kind::Unknown),
            Fault::NeverStopsCompacting if unchanged && !kept.is_empty() => drop(kept.remove(0)),
            Fault::Renumbers => {
                (1..).zip(&mut kept).for_each(|(seq, entry)| entry.position = Position::from_seq(seq));
            }
            Fault::CountsFromWhatIsLeft => {
                state.last = kept.last().and_then(|entry| entry.position.seq()).unwrap_or(0);
            }
            _ => {}
        }
        state.entries = kept;
        report.after_records = state.entries.len() as u64;
        Ok(report)
    }

    async fn close(&self) -> Result<()> {
        let mut state = self.state();
        if state.closed && self.has(Fault::ClosesOnce) {
            return Err(Error::new(ErrorKind::Closed, "the log is closed"));
        }
        state.closed = true;
        Ok(())
    }
}

/// A backend with this fault. Its logs outlive their handles, as logs do.
fn harness(fault: Fault) -> Harness {
    let logs: Mutex<Vec<(PathBuf, Arc<Mutex<State>>)>> = Mutex::default();
    Harness::new(move |dir: &Path| {
        let mut logs = logs.lock().unwrap();
        let known = logs.iter().find(|(path, _)| path == dir).map(|(_, state)| state.clone());
        let state = known.unwrap_or_else(|| {
            let state = Arc::<Mutex<State>>::default();
            logs.push((dir.to_owned(), state.clone()));
            state
        });
        // A new handle is open, whatever became of those before.
        state.lock().unwrap().closed = false;
        Faulty { fault, dir: dir.to_owned(), state }
    })
}

mod without_fault {
    papyra::conformance!(|dir| super::Faulty {
        fault: super::Fault::None,
        dir: dir.to_owned(),
        state: Default::default()
    });
}

macro_rules! each_check_catches {
    ($($check:ident: $($fault:ident)+;)*) => {
        mod caught {
            $($(
                #[test]
                #[allow(non_snake_case, reason = "the fault's own name")]
                fn $fault() {
                    let harness = super::harness(super::Fault::$fault);
                    super::assert_caught(|| harness.run(stringify!($check), papyra::conformance::$check));
                }
            )+)*
        }

        const COVERED: &[&str] = &[$(stringify!($check)),*];
    };
}

fn assert_caught(check: impl FnOnce()) {
    let failure = catch_unwind(AssertUnwindSafe(check)).expect_err("the fault went unnoticed");
    let said = failure.downcast_ref::<String>().map(String::as_str).or(failure.downcast_ref::<&str>().copied());
    assert!(said.is_some_and(|said| !said.is_empty()), "a failing check must say why");
}

each_check_catches! {
    append_keeps_order: ReversesBatches LosesTheLastFact DoublesFacts;
    append_is_all_or_nothing: TearsRefusedBatches;
    positions_rise: ReusesPositions GivesTooFewPositions;
    read_after_write: ShowsFactsLate;
    an_empty_batch_adds_nothing: MarksEmptyBatches;
    facts_are_kept_whole: ForgetsUnknownMembers RoundsNumbers;
    concurrent_batches_do_not_mix: MixesBatches;
    append_after_close_fails: WritesAfterClose;
    a_dropped_append_is_whole_or_absent: CannotBeInterrupted;
    read_in_both_orders: KnowsOneOrder;
    read_after_a_position: IncludesThePosition;
    since_is_exact: TrustsTheClock RoundsTimes;
    read_selects_kinds: IgnoresKinds ShowsUnknownKinds;
    read_selects_actors: IgnoresActors;
    an_empty_log_reads_as_nothing: FailsWhenEmpty;
    scan_does_not_write: ScansIntoTheLog ScansIntoFiles;
    a_fresh_log_scans_clean: FindsGhosts MiscountsKinds;
    recover_keeps_sound_facts: RecoversTooMuch;
    recover_twice_changes_nothing: NeverStopsRecovering;
    recover_ignore_changes_nothing: RecoversThoughIgnoring;
    compact_equals_read: CompactsOneTooFew CompactsUnknownKinds;
    compact_keeps_order_and_positions: Renumbers;
    compact_twice_changes_nothing: NeverStopsCompacting;
    positions_rise_after_compaction: CountsFromWhatIsLeft;
    close_twice_is_fine: ClosesOnce;
    reading_survives_close: ForgetsOnClose;
}

#[test]
fn each_check_has_a_fault_to_catch() {
    let set = |names: &[&'static str]| names.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(set(COVERED), set(conformance::CHECKS));
}
