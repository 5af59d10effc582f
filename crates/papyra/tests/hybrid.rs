//! A log whose kinds of facts live in different places: each part for itself, and none in the way of another.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use papyra::{
    Appended, Audit, Backend, DeadLetter, Entry, EntryStream, Error, ErrorKind, Event, Fact, Hybrid, Kind, Log,
    Outcome, ReadOptions, RecoveryConfig, Result, Retention, Rule, ScanOptions, Schemes, StartupConfig, StartupVerdict,
    Timestamp,
    backend::memory::Memory,
    config::{Config, Sources},
    startup,
};

/// A log in memory that can be told to fail, and counts how often it was asked.
#[derive(Clone, Debug, Default)]
struct Moody {
    memory: Arc<Memory>,
    mood: Arc<std::sync::Mutex<Option<Error>>>,
    appends: Arc<AtomicUsize>,
    reads: Arc<AtomicUsize>,
}

impl Moody {
    fn failing(kind: ErrorKind) -> Self {
        let moody = Moody::default();
        *moody.mood.lock().unwrap() = Some(Error::new(kind, "not today"));
        moody
    }

    fn cheer_up(&self) {
        *self.mood.lock().unwrap() = None;
    }

    fn answer(&self) -> Result<()> {
        self.mood.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Backend for Moody {
    fn name(&self) -> &'static str {
        "moody"
    }

    async fn append(&self, facts: &[Fact]) -> Result<Appended> {
        self.appends.fetch_add(1, Ordering::SeqCst);
        self.answer()?;
        self.memory.append(facts).await
    }

    fn read(&self, options: ReadOptions) -> EntryStream {
        self.reads.fetch_add(1, Ordering::SeqCst);
        match self.answer() {
            Ok(()) => self.memory.read(options),
            Err(error) => EntryStream::failed(error),
        }
    }

    async fn scan(&self, options: ScanOptions) -> Result<papyra::ScanReport> {
        self.answer()?;
        self.memory.scan(options).await
    }

    async fn compact(&self, config: &papyra::CompactionConfig) -> Result<papyra::CompactionReport> {
        self.answer()?;
        self.memory.compact(config).await
    }

    async fn close(&self) -> Result<()> {
        self.memory.close().await
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(seconds as f64).unwrap()
}

fn event(seconds: u64) -> Fact {
    Event::new("t://a", "E").at(at(seconds)).into()
}

fn audit(seconds: u64) -> Fact {
    Audit::new("t").at(at(seconds)).into()
}

fn letter(seconds: u64) -> Fact {
    DeadLetter::new("t://a", "M").at(at(seconds)).into()
}

async fn all(log: &Log, options: ReadOptions) -> Vec<(Kind, u64)> {
    let entries = log.read(options).collect().await.unwrap();
    entries.iter().map(|entry| (entry.fact.kind(), entry.fact.timestamp().seconds() as u64)).collect()
}

#[tokio::test]
async fn an_error_says_where_each_fact_is() {
    let sick = Moody::failing(ErrorKind::Io);
    let log = Log::new(Hybrid::new(Memory::new()).with_kinds([Kind::Audit], sick.clone()));
    let error = log.append(&[event(1), audit(2), letter(3), audit(4)]).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Io, Outcome::Unknown));
    let fates = error.fates().unwrap();
    let places: Vec<Option<u64>> = fates.positions.iter().map(|place| place.and_then(|place| place.seq())).collect();
    assert_eq!(places, [Some(1), None, Some(2), None]);
    assert_eq!(fates.refusals.len(), 1);
    assert_eq!((&*fates.refusals[0].kinds, &*fates.refusals[0].facts), (&[Kind::Audit][..], &[1, 3][..]));
    assert_eq!(fates.refusals[0].error.outcome(), Outcome::NotWritten);
    assert_eq!(all(&log.for_kind(Kind::Event).clone(), ReadOptions::oldest_first()).await.len(), 2);
    assert_eq!(log.metrics().records_written, 2);
    assert_eq!(log.metrics().write_errors, 1);
    // Nothing of it is there: sending it again is safe.
    let error = log.append(&[audit(2)]).await.unwrap_err();
    assert_eq!((error.outcome(), error.fates().unwrap().written()), (Outcome::NotWritten, 0));
    sick.cheer_up();
    assert_eq!(log.append(&[audit(2), event(5)]).await.unwrap().positions.len(), 2);
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_left_alone_for_a_while() {
    let away = Moody::failing(ErrorKind::Unavailable);
    let log = Log::new(Hybrid::new(Memory::new()).with_kinds([Kind::Audit], away.clone()));
    for n in 1..=20 {
        let error = log.append(&[event(n), audit(n)]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(error.fates().unwrap().written(), 1);
    }
    // Twenty timeouts would have held up the events; how many pauses passed, the speed of the machine decides.
    assert!(away.appends.load(Ordering::SeqCst) < 20);
    // A full disk is asked each time: it costs nothing, and may be free again at any moment.
    let full = Moody::failing(ErrorKind::Io);
    let log = Log::new(Hybrid::new(Memory::new()).with_kinds([Kind::Audit], full.clone()));
    for n in 1..=20 {
        log.append(&[audit(n)]).await.unwrap_err();
    }
    assert_eq!(full.appends.load(Ordering::SeqCst), 20);
}

#[tokio::test]
async fn kinds_touch_no_part_but_their_own() {
    let events = Moody::default();
    let audits = Moody::failing(ErrorKind::Io);
    let log = Log::new(Hybrid::new(events.clone()).with_kinds([Kind::Audit], audits.clone()));
    log.append(&[event(1), letter(2)]).await.unwrap();
    let read = all(&log, ReadOptions::oldest_first().kind(Kind::DeadLetter).kind(Kind::Event)).await;
    assert_eq!(read, [(Kind::Event, 1), (Kind::DeadLetter, 2)]);
    assert_eq!(audits.reads.load(Ordering::SeqCst), 0);
    // Of all kinds: the part that cannot be read is told of once, and the others are shown.
    let mut entries = log.read(ReadOptions::newest_first());
    let (mut shown, mut errors) = (Vec::new(), Vec::new());
    while let Some(entry) = entries.next().await {
        match entry {
            Ok(Entry { fact, .. }) => shown.push(fact.kind()),
            Err(error) => errors.push(error.kind()),
        }
    }
    assert_eq!((shown, errors), (vec![Kind::DeadLetter, Kind::Event], vec![ErrorKind::Io]));
}

#[tokio::test]
async fn entries_of_several_parts_come_by_time_in_both_orders() {
    let log = Log::memory().with_kind(Kind::Audit, &Log::memory()).with_kind(Kind::DeadLetter, &Log::memory());
    log.append(&[event(1), event(4), audit(2), letter(3), audit(5)]).await.unwrap();
    let mut forwards = all(&log, ReadOptions::oldest_first()).await;
    assert_eq!(forwards.iter().map(|(_, at)| *at).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    forwards.reverse();
    assert_eq!(all(&log, ReadOptions::newest_first()).await, forwards);
    assert_eq!(all(&log, ReadOptions::oldest_first().since(3.0)).await.len(), 3);
}

#[tokio::test]
async fn a_position_is_one_of_the_place_where_the_kind_lives() {
    let log = Log::memory().with_kind(Kind::Audit, &Log::memory());
    let positions = log.append(&[event(1), audit(2), audit(3)]).await.unwrap().positions;
    let behind = ReadOptions::oldest_first().after(positions[1]);
    assert_eq!(all(&log, behind.clone().kind(Kind::Audit)).await, [(Kind::Audit, 3)]);
    for entries in [log.read(behind.clone()), log.follow(behind)] {
        assert_eq!(entries.collect().await.unwrap_err().kind(), ErrorKind::Config);
    }
    assert_eq!(log.last_position().await.unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(log.for_kind(Kind::Audit).last_position().await.unwrap(), Some(positions[2]));
}

#[tokio::test]
async fn following_tells_what_comes_into_any_part() {
    let log = Log::memory().with_kind(Kind::Audit, &Log::memory());
    let mut followed = log.follow(ReadOptions::oldest_first());
    for n in 1..=3 {
        log.append(&[audit(n)]).await.unwrap();
        log.append(&[event(n)]).await.unwrap();
        let mut kinds = [followed.next().await, followed.next().await].map(|entry| entry.unwrap().unwrap().fact.kind());
        kinds.sort();
        assert_eq!(kinds, [Kind::Event, Kind::Audit]);
    }
    let waited = log.wait_for(Duration::from_secs(60), |entry| entry.fact.kind() == Kind::Audit).await.unwrap();
    assert_eq!(waited.fact, audit(1));
}

#[tokio::test]
async fn each_part_keeps_its_own_retention_in_reading_and_compacting() {
    let newest = |n| Retention::all(Rule::default().with_max_records(n));
    let letters = Log::memory().with_retention(newest(3));
    let log = Log::memory().with_retention(newest(1)).with_kind(Kind::DeadLetter, &letters);
    let facts: Vec<Fact> = (1..=5).flat_map(|n| [event(2 * n), letter(2 * n + 1)]).collect();
    log.append(&facts).await.unwrap();
    let visible = [(Kind::DeadLetter, 7), (Kind::DeadLetter, 9), (Kind::Event, 10), (Kind::DeadLetter, 11)];
    assert_eq!(all(&log, ReadOptions::oldest_first()).await, visible);
    let report = log.compact().await.unwrap();
    assert_eq!((report.before_records, report.after_records, report.parts.len()), (10, 4, 2));
    let stats = log.stats().await.unwrap();
    assert_eq!((stats.entries, stats.parts[1].report.as_ref().unwrap().entries), (4, 3));
    assert_eq!(all(&log, ReadOptions::oldest_first()).await, visible);
}

#[tokio::test]
async fn a_part_that_fails_keeps_no_other_from_being_cared_for() {
    let sick = Moody::default();
    let log = Log::new(Hybrid::new(Memory::new()).with_kinds([Kind::Audit], sick.clone()));
    log.append(&[event(1), event(2), audit(3), audit(4)]).await.unwrap();
    *sick.mood.lock().unwrap() = Some(Error::new(ErrorKind::Permission, "not today"));

    let scan = log.scan(ScanOptions::default()).await.unwrap();
    assert!(!scan.is_clean());
    assert_eq!((scan.entries["event"], scan.parts[1].failure().unwrap().kind), (2, ErrorKind::Permission));
    let newest = Retention::all(Rule::default().with_max_records(1));
    let compaction = log.clone().with_retention(newest).compact().await.unwrap();
    assert_eq!(compaction.parts[0].report.as_ref().unwrap().after_records, 1);
    assert!(compaction.parts[1].failure().is_some());
    assert_eq!(log.metrics().compaction_errors, 1);
    // What a backend does not offer is no failure.
    let recovery = log.recover(&RecoveryConfig::repair()).await.unwrap();
    assert_eq!(recovery.parts[1].error.as_ref().unwrap().kind, ErrorKind::Unsupported);
    assert!(recovery.parts[1].failure().is_none());

    let checked = startup::check(&log, &StartupConfig::default()).await.unwrap();
    assert_eq!(checked.verdict, StartupVerdict::Failed);
    assert_eq!(checked.parts[0].report.as_ref().unwrap().verdict, StartupVerdict::Healthy);
    assert_eq!(checked.into_result(&log).unwrap_err().kind(), ErrorKind::Permission);
}

#[tokio::test]
async fn kinds_in_one_log_are_one_part() {
    let other = Log::memory();
    let log = Log::memory().with_kind(Kind::Audit, &other).with_kind(Kind::DeadLetter, &other);
    let kinds: Vec<Vec<Kind>> = log.parts().map(|(kinds, _)| kinds.to_vec()).collect();
    assert_eq!(kinds, [vec![Kind::Event], vec![Kind::Audit, Kind::DeadLetter]]);
    // A part in which nothing lives any more is none.
    let moved = log.with_kind(Kind::Event, &other);
    assert_eq!(moved.parts().count(), 1);
    moved.append(&[event(1), audit(2)]).await.unwrap();
    assert_eq!(all(&other, ReadOptions::oldest_first()).await.len(), 2);
}

fn sources(dir: &Path, toml: &str) -> Sources {
    let file = dir.join("papyra.toml");
    std::fs::write(&file, toml.replace("DIR", &dir.display().to_string())).unwrap();
    Sources::without_files().file(file)
}

#[tokio::test]
async fn a_configured_kind_lives_at_its_own_address_with_its_own_options() {
    let dir = tempfile::tempdir().unwrap();
    let toml = "url = 'json:DIR/facts.ndjson?retention.max_records=7'\n\
        [retention]\nmax_age = '30d'\n\
        [kind.audit]\nurl = 'json:DIR/audits.ndjson'\n\
        [kind.dead_letter]\nurl = 'json:DIR/dead.ndjson?retention.max_age=365d'\n";
    let config = Config::load(sources(dir.path(), toml)).unwrap();
    let log = config.open(&Schemes::new()).await.unwrap();
    let rules = |kind| log.for_kind(kind).retention().all;
    let days = |n: u64| Rule::default().with_max_age(Duration::from_secs(86_400 * n));
    assert_eq!(rules(Kind::Event), days(30).with_max_records(7));
    // The options in `url` are those of `url`; what is said for all logs holds where an address says nothing.
    assert_eq!(rules(Kind::Audit), days(30));
    assert_eq!(rules(Kind::DeadLetter), days(365));
    log.append(&[event(1), audit(2), letter(3)]).await.unwrap();
    for name in ["facts", "audits", "dead"] {
        let address = format!("json:{}", dir.path().join(name).with_extension("ndjson").display());
        let own = papyra::open(&address).await.unwrap();
        assert_eq!(all(&own, ReadOptions::oldest_first()).await.len(), 1, "{name}");
    }
    assert_eq!(config.kind_url(Kind::Audit).unwrap().value.log_options().retention.all, days(30));
}

#[tokio::test]
async fn one_place_is_one_part_however_it_is_spelled() {
    let dir = tempfile::tempdir().unwrap();
    let toml = "url = 'json:DIR/facts.ndjson'\n\
        [kind.audit]\nurl = 'json:DIR/./other.ndjson?max_line=1MiB'\n\
        [kind.dead_letter]\nurl = 'json:DIR/other.ndjson'\n";
    let log = Config::load(sources(dir.path(), toml)).unwrap().open(&Schemes::new()).await.unwrap();
    assert_eq!(log.parts().count(), 2);
    // With a second handle it would wait for its own lock.
    log.append(&[audit(1), letter(2)]).await.unwrap();
    let toml = "url = 'json:DIR/facts.ndjson'\n[kind.audit]\nurl = 'json:DIR/facts.ndjson'\n";
    let log = Config::load(sources(dir.path(), toml)).unwrap().open(&Schemes::new()).await.unwrap();
    assert_eq!(log.parts().count(), 0);
    // One place cannot be kept in two ways.
    let toml = "url = 'json:DIR/facts.ndjson'\n[kind.audit]\nurl = 'json:DIR/facts.ndjson?durability=buffered'\n";
    let error = Config::load(sources(dir.path(), toml)).unwrap().open(&Schemes::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("`kind.audit.url` in"), "{error}");
}

#[tokio::test]
async fn no_part_lies_in_the_directory_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, inside) = ("rotating:DIR/log", "json:DIR/log/audits.ndjson");
    for (url, audits) in [(whole, inside), (inside, whole), (whole, "json:DIR/./log//facts.000001.ndjson")] {
        let toml = format!("url = '{url}'\n[kind.audit]\nurl = '{audits}'\n");
        let error = Config::load(sources(dir.path(), &toml)).unwrap().open(&Schemes::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("`kind.audit.url` in") && error.cure().is_some(), "{error}");
    }
    let toml = "url = 'rotating:DIR/log/events'\n[kind.audit]\nurl = 'json:DIR/log/audits.ndjson'\n";
    Config::load(sources(dir.path(), toml)).unwrap().open(&Schemes::new()).await.unwrap();
}

#[tokio::test]
async fn a_log_named_on_the_command_line_is_that_log_whole() {
    let dir = tempfile::tempdir().unwrap();
    let toml = "url = 'json:DIR/facts.ndjson'\n[kind.audit]\nurl = 'json:DIR/audits.ndjson'\n";
    let copy = dir.path().join("copy.ndjson");
    let config = Config::load(sources(dir.path(), toml).path(&copy)).unwrap();
    assert!(config.kind_url(Kind::Audit).is_none());
    assert_eq!(config.open(&Schemes::new()).await.unwrap().parts().count(), 0);
    // What the command line itself says of a kind counts.
    let flag = sources(dir.path(), toml).path(&copy).flag("kind.audit.url", "memory:");
    assert_eq!(Config::load(flag).unwrap().open(&Schemes::new()).await.unwrap().parts().count(), 2);
    // A variable moves one kind, as it replaces one key.
    let env = sources(dir.path(), toml).env([("PAPYRA_KIND_DEAD_LETTER_URL", "memory:")]);
    assert_eq!(Config::load(env).unwrap().open(&Schemes::new()).await.unwrap().parts().count(), 3);
}

#[tokio::test]
async fn the_addresses_of_kinds_are_checked_where_they_were_said() {
    let dir = tempfile::tempdir().unwrap();
    for (url, words) in [("jsno:x", "unknown scheme"), ("json:x?max_lin=1", "unknown option `max_lin`")] {
        let toml = format!("url = 'json:DIR/facts.ndjson'\n[kind.audit]\nurl = '{url}'\n");
        let error = Config::load(sources(dir.path(), &toml)).unwrap().open(&Schemes::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let error = error.to_string();
        assert!(error.contains("`kind.audit.url` in") && error.contains("line 3") && error.contains(words), "{error}");
    }
}
