//! The engine on a real disk and on disks that break on purpose.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
};

use super::*;
use crate::codec::Header;
use crate::{AnomalyKind, Durability, Entry, Event, Order, Outcome, Payload, Position, Timestamp};

mod broken;
mod compacting;
mod extremes;
mod overtaken;
mod recovering;
mod rotating;
mod rotation_faults;
mod sets;
mod strangers;
mod summed;

struct Place {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.ndjson");
    Place { _dir: dir, path }
}

impl Place {
    fn log(&self) -> FileLog {
        FileLog::new(FileConfig::new(&self.path).with_lock_timeout(std::time::Duration::ZERO))
    }

    fn with(bytes: &[u8]) -> Place {
        let place = place();
        fs::write(&place.path, bytes).unwrap();
        place
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.path).unwrap()
    }

    fn seqs(&self) -> Vec<u64> {
        seqs(&self.read(ReadOptions::oldest_first()))
    }

    fn read(&self, options: ReadOptions) -> Vec<Entry> {
        block_on(self.log().read(options).collect()).unwrap()
    }

    fn scan(&self) -> ScanReport {
        block_on(self.log().scan(ScanOptions::default())).unwrap()
    }

    fn found(&self) -> Vec<AnomalyKind> {
        self.scan().anomalies.iter().map(|anomaly| anomaly.kind).collect()
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn fact(n: u64) -> Fact {
    at(n, 1_700_000_000.0 + n as f64)
}

fn at(n: u64, seconds: f64) -> Fact {
    Event::new("t://a", "E").with_payload(Payload::of(&n)).at(Timestamp::from_seconds(seconds).unwrap()).into()
}

fn facts(range: std::ops::RangeInclusive<u64>) -> Vec<Fact> {
    range.map(fact).collect()
}

fn seqs(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.position.seq().unwrap()).collect()
}

const LOG: &str = include_str!("../../../tests/vectors/format-1.ndjson");
const COMPACTED: &str = include_str!("../../../tests/vectors/format-1-compacted.ndjson");
const DROPPED: &str = include_str!("../../../tests/vectors/format-1-dropped.ndjson");
const LEGACY: &str = include_str!("../../../tests/vectors/legacy-python.ndjson");

#[test]
fn the_vectors_scan_clean_and_read_whole() {
    for (text, expected) in [(LOG, vec![1, 2, 3, 4, 5]), (COMPACTED, vec![1, 3, 4, 5, 6]), (DROPPED, vec![901, 902])] {
        let place = Place::with(text.as_bytes());
        let report = block_on(place.log().scan(ScanOptions::deep())).unwrap();
        assert_eq!(report.anomalies, [], "{text}");
        assert_eq!(place.seqs(), expected);
        let mut newest = seqs(&place.read(ReadOptions::newest_first()));
        newest.reverse();
        assert_eq!(newest, expected);
    }
}

#[test]
fn the_vectors_go_on_where_they_ended() {
    for (text, next) in [(LOG, 6), (COMPACTED, 7), (DROPPED, 903)] {
        let place = Place::with(text.as_bytes());
        let log = place.log();
        let appended = block_on(log.append(&facts(1..=2))).unwrap();
        assert_eq!(appended.positions, [Position::from_seq(next), Position::from_seq(next + 1)]);
        assert!(place.text().starts_with(text));
        block_on(log.close()).unwrap();
        assert_eq!(place.found(), []);
    }
}

#[test]
fn a_python_log_is_read_and_continued_with_a_header_where_sealing_begins() {
    let place = Place::with(LEGACY.as_bytes());
    let report = place.scan();
    assert_eq!((report.anomalies.len(), report.legacy_lines, report.entries["unknown"]), (0, 8, 1));
    assert_eq!(place.seqs(), [1, 2, 3, 4, 5, 6, 7]);
    let log = place.log();
    assert_eq!(block_on(log.append(&facts(1..=1))).unwrap().positions, [Position::from_seq(9)]);
    block_on(log.close()).unwrap();
    assert!(place.text().starts_with(LEGACY));
    assert!(place.text().lines().nth(8).unwrap().contains(r#""first_seq":9"#));
    assert_eq!(place.seqs(), [1, 2, 3, 4, 5, 6, 7, 9]);
    let mut newest = seqs(&place.read(ReadOptions::newest_first()));
    newest.reverse();
    assert_eq!(newest, place.seqs());
    assert_eq!(seqs(&place.read(ReadOptions::oldest_first().after(Position::from_seq(6)))), [7, 9]);
    assert_eq!(place.found(), []);
}

#[test]
fn every_bit_flip_is_found_and_costs_at_most_the_lines_it_touches() {
    let whole = Place::with(LOG.as_bytes());
    let sound = whole.read(ReadOptions::oldest_first());
    let place = place();
    for bit in 0..LOG.len() * 8 {
        let mut bytes = LOG.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&place.path, &bytes).unwrap();
        assert!(!place.scan().is_clean(), "bit {bit}");
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let mut options = ReadOptions::oldest_first();
            options.order = order;
            let entries = place.read(options);
            assert!(entries.len() + 2 >= sound.len(), "bit {bit}");
            assert!(entries.iter().all(|entry| sound.contains(entry)), "bit {bit}");
        }
    }
}

#[test]
fn every_prefix_reads_its_complete_facts_and_goes_on() {
    let place = place();
    let begins: Vec<usize> = LOG.match_indices('\n').map(|(at, _)| at + 1).collect();
    for len in 0..LOG.len() {
        let _ = fs::remove_file(&place.path);
        fs::write(&place.path, &LOG.as_bytes()[..len]).unwrap();
        let complete = begins.iter().filter(|end| **end <= len).count().saturating_sub(1) as u64;
        assert_eq!(place.seqs(), (1..=complete).collect::<Vec<_>>(), "{len}");
        let torn = len > 0 && !begins.contains(&len);
        assert_eq!(place.found(), if torn { vec![AnomalyKind::TruncatedLine] } else { vec![] }, "{len}");
        let log = place.log();
        let appended = block_on(log.append(&facts(1..=1))).unwrap();
        block_on(log.close()).unwrap();
        assert_eq!(place.found(), [], "{len}: {}", place.text());
        // A line that lacked only its newline is kept.
        let kept =
            complete + u64::from(begins.contains(&(len + 1)) && complete + 1 < begins.len() as u64 && len > begins[0]);
        let own = appended.remarks.len() as u64;
        assert_eq!(place.seqs(), (1..=kept + own + 1).collect::<Vec<_>>(), "{len}");
        assert_eq!(own, u64::from(torn && kept == complete), "{len}");
    }
}

#[test]
fn damage_is_named_and_everything_else_is_read() {
    let lines: Vec<&str> = LOG.lines().collect();
    let join = |lines: &[&str]| lines.join("\n") + "\n";
    let check = |text: &[u8], kinds: &[AnomalyKind], seqs: &[u64]| {
        let place = Place::with(text);
        assert_eq!(place.found(), kinds, "{:?}", place.scan().anomalies);
        assert_eq!(place.seqs(), seqs);
    };
    use AnomalyKind::*;
    check(join(&[lines[0], lines[1], lines[3], lines[4]]).as_bytes(), &[MissingEntries], &[1, 3, 4]);
    check(join(&[lines[0], lines[1], lines[1], lines[2]]).as_bytes(), &[DuplicateEntry], &[1, 2]);
    check(join(&[lines[0], lines[1], lines[3], lines[2]]).as_bytes(), &[OutOfOrder], &[1, 3, 2]);
    check(join(&[lines[1], lines[2]]).as_bytes(), &[MissingHeader], &[1, 2]);
    check(join(&[lines[0], lines[1], "", "", lines[2]]).as_bytes(), &[CorruptedLine], &[1, 2]);
    check(join(&[lines[0], lines[1], "garbage", lines[3]]).as_bytes(), &[CorruptedLine], &[1, 3]);
    check(
        join(&[lines[0], lines[1], r#"{"kind": "event", "timestamp": 5}"#, lines[2]]).as_bytes(),
        &[UnsealedLine],
        &[1, 2],
    );
    check(LOG.replace('\n', "\r\n").as_bytes(), &[CorruptedLine; 6], &[1, 2, 3, 4, 5]);
    check((join(&lines[..2]) + DROPPED).as_bytes(), &[MissingEntries], &[1, 901, 902]);
    let foreign = "0199f0c2-7a44-7e51-9d0b-3a4f6b1f2c77";
    let mut header = Vec::new();
    crate::codec::Header::first("another".into(), 3, Timestamp::default()).encode(&mut header);
    assert_ne!(foreign, "another");
    check(&[join(&lines[..3]).as_bytes(), &header, join(&lines[3..4]).as_bytes()].concat(), &[ForeignLine], &[1, 2, 3]);
    check(
        &[join(&lines[..2]).as_bytes(), &[0; 5000], b"\n", join(&lines[2..3]).as_bytes()].concat(),
        &[CorruptedLine],
        &[1, 2],
    );
    check(
        &[join(&lines[..2]).as_bytes(), &[0; 5000], join(&lines[2..3]).as_bytes()].concat(),
        &[CorruptedLine],
        &[1, 2],
    );
    check(&[join(&lines[..2]).as_bytes(), &[0; 5000]].concat(), &[TruncatedLine], &[1]);
    check(
        COMPACTED.replacen(&(COMPACTED.lines().nth(2).unwrap().to_owned() + "\n"), "", 1).as_bytes(),
        &[MissingEntries],
        &[1, 4, 5, 6],
    );
    check(
        join(&[&DROPPED.lines().next().unwrap().replace("900", "899"), lines[1]]).as_bytes(),
        &[CorruptedLine, MissingHeader],
        &[1],
    );
}

#[test]
fn a_newer_format_is_named_and_left_alone() {
    let mut line = br#"{"kind":"log","format":2,"surprise":true"#.to_vec();
    let crc = crc32c::crc32c(&line);
    line.extend_from_slice(format!(",\"crc\":\"{crc:08x}\"}}\n").as_bytes());
    let place = Place::with(&line);
    assert_eq!(place.found(), [AnomalyKind::NewerFormat]);
    assert_eq!(block_on(place.log().append(&facts(1..=1))).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(fs::read(&place.path).unwrap(), line);
}

#[test]
fn since_is_exact_however_late_facts_come() {
    let place = place();
    let log = place.log();
    let times: Vec<f64> =
        (0..3000_u64).map(|n| 1_700_000_000.0 + n as f64 - if n % 97 == 0 { (n % 1009) as f64 } else { 0.0 }).collect();
    for (n, chunk) in times.chunks(100).enumerate() {
        let batch: Vec<Fact> = chunk.iter().map(|time| at(n as u64, *time)).collect();
        block_on(log.append(&batch)).unwrap();
    }
    for since in (0..3000).step_by(61).map(|n| 1_700_000_000.0 + f64::from(n)) {
        let expected = times.iter().filter(|time| **time >= since).count();
        assert_eq!(place.read(ReadOptions::oldest_first().since(since)).len(), expected);
        assert_eq!(place.read(ReadOptions::newest_first().since(since)).len(), expected);
    }
    for after in [1, 7, 1500, 2999, 3000] {
        let options = ReadOptions::oldest_first().after(Position::from_seq(after));
        assert_eq!(seqs(&place.read(options)), (after + 1..=3000).collect::<Vec<_>>());
        let options = ReadOptions::newest_first().after(Position::from_seq(after));
        assert_eq!(place.read(options).len(), 3000 - after as usize);
    }
    let beyond = block_on(place.log().read(ReadOptions::oldest_first().after(Position::from_seq(3001))).collect());
    assert_eq!(beyond.unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_second_writer_is_told_who_holds_the_log() {
    let place = place();
    let first = place.log();
    block_on(first.append(&facts(1..=1))).unwrap();
    let error = block_on(place.log().append(&facts(2..=2))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.to_string().contains(&format!("process {} on ", std::process::id())), "{error}");
    block_on(first.close()).unwrap();
    block_on(place.log().append(&facts(2..=2))).unwrap();
}

#[test]
fn beside_a_writer_bytes_in_flight_are_no_finding() {
    let place = place();
    let log = place.log();
    block_on(log.append(&facts(1..=3))).unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(&place.path).unwrap();
    std::io::Write::write_all(&mut file, b"{\"kind\":\"ev").unwrap();
    assert!(place.scan().is_clean());
    // The writer finds the strange bytes, settles them and goes on.
    let appended = block_on(log.append(&facts(4..=4))).unwrap();
    assert_eq!(appended.remarks.len(), 1);
    assert_eq!(place.found(), []);
    assert_eq!(place.seqs(), [1, 2, 3, 4, 5]);
}

#[test]
fn a_log_that_was_moved_cut_or_removed_goes_on_and_says_so() {
    type Deed = fn(&std::path::Path);
    let deeds: [Deed; 3] = [
        |path| fs::rename(path, path.with_extension("old")).unwrap(),
        |path| fs::remove_file(path).unwrap(),
        |path| fs::OpenOptions::new().write(true).open(path).unwrap().set_len(0).unwrap(),
    ];
    for deed in deeds {
        let place = place();
        let log = place.log();
        block_on(log.append(&facts(1..=3))).unwrap();
        deed(&place.path);
        let appended = block_on(log.append(&facts(4..=5))).unwrap();
        assert_eq!(appended.positions, [Position::from_seq(5), Position::from_seq(6)]);
        let Fact::Event(event) = &appended.remarks[0].fact else { panic!() };
        assert_eq!(event.event_type, "LogReplaced");
        assert_eq!(place.seqs(), [4, 5, 6]);
        // What the old file held was not dropped on purpose, and a scan says so.
        assert_eq!(place.found(), [AnomalyKind::MissingSegment]);
    }
}

#[test]
fn a_foreign_tail_never_makes_a_number_be_given_twice() {
    let place = place();
    let log = place.log();
    for n in 0..20 {
        block_on(log.append(&facts(n * 100 + 1..=n * 100 + 100))).unwrap();
    }
    block_on(log.close()).unwrap();
    let other = super::tests::place();
    let shorter = other.log();
    block_on(shorter.append(&facts(1..=1500))).unwrap();
    block_on(shorter.close()).unwrap();
    fs::write(&place.path, place.text() + &other.text()).unwrap();
    let log = place.log();
    assert_eq!(block_on(log.append(&facts(1..=1))).unwrap().positions, [Position::from_seq(2001)]);
}

#[test]
fn links_and_strange_files_are_refused_for_writing() {
    let place = place();
    fs::write(place.path.with_extension("target"), "").unwrap();
    std::os::unix::fs::symlink(place.path.with_extension("target"), &place.path).unwrap();
    assert_eq!(block_on(place.log().append(&facts(1..=1))).unwrap_err().kind(), ErrorKind::Config);
    fs::remove_file(&place.path).unwrap();
    fs::create_dir(&place.path).unwrap();
    assert!(block_on(place.log().append(&facts(1..=1))).is_err());
    fs::remove_dir(&place.path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&place.path).status().unwrap().success());
    assert!(block_on(place.log().append(&facts(1..=1))).is_err());
    assert!(block_on(place.log().scan(ScanOptions::default())).is_err());
}

#[test]
fn files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = place();
    block_on(place.log().append(&facts(1..=1))).unwrap();
    for entry in fs::read_dir(place.path.parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
}

#[test]
fn a_line_too_long_is_refused_before_any_byte_is_written() {
    let place = place();
    let log = place.log();
    block_on(log.append(&facts(1..=1))).unwrap();
    let big = Event::new("t://a", "E").with_payload(Payload::of(&"x".repeat(2 << 20)));
    let error = block_on(log.append(&[fact(2), big.into()])).unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Invalid, Outcome::NotWritten));
    assert_eq!(place.seqs(), [1]);
}
