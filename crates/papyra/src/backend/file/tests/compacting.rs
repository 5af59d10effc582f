//! Compaction: retention made physical, beside whoever writes and reads.

use super::*;
use crate::{CompactionConfig, Kind, Retention, Rule};

fn now() -> std::time::SystemTime {
    std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000)
}

fn newest(records: u64) -> CompactionConfig {
    CompactionConfig::new(Retention::all(Rule::default().with_max_records(records)), now())
}

fn compact(place: &Place, config: &CompactionConfig) -> Result<CompactionReport> {
    block_on(place.log().compact(config))
}

#[test]
fn what_stays_is_certified_so_that_a_later_loss_is_found() {
    let place = Place::with(LOG.as_bytes());
    let rules = Retention::default().with_kind(Kind::Event, Rule::default().with_max_records(2));
    let report = compact(&place, &CompactionConfig::new(rules, now())).unwrap();
    assert_eq!((report.before_records, report.after_records, report.changed), (5, 4, true));
    assert_eq!((report.before_bytes, report.after_bytes), (LOG.len() as u64, fs::metadata(&place.path).unwrap().len()));
    assert_eq!(place.seqs(), [2, 3, 4, 5]);
    assert_eq!(place.found(), []);
    let whole = place.text();
    for gone in 1..5 {
        let lines: Vec<&str> = whole.lines().enumerate().filter(|(at, _)| *at != gone).map(|(_, line)| line).collect();
        fs::write(&place.path, lines.join("\n") + "\n").unwrap();
        assert_eq!(place.found(), [AnomalyKind::MissingEntries], "line {gone}");
    }
}

#[test]
fn a_second_compaction_changes_no_byte() {
    let place = Place::with(LOG.as_bytes());
    compact(&place, &newest(2)).unwrap();
    let bytes = place.text();
    assert!(!compact(&place, &newest(2)).unwrap().changed);
    assert_eq!(place.text(), bytes);
}

#[test]
fn a_dry_run_says_what_would_be_and_takes_no_lock() {
    let place = Place::with(LOG.as_bytes());
    let dry = compact(&place, &newest(2).dry_run(true)).unwrap();
    assert_eq!(place.text(), LOG);
    assert_eq!(fs::read_dir(place.path.parent().unwrap()).unwrap().count(), 1);
    let real = compact(&place, &newest(2)).unwrap();
    assert_eq!((dry.after_records, dry.after_bytes), (real.after_records, real.after_bytes));
}

#[test]
fn a_damaged_log_is_refused_and_left_alone() {
    let bytes = LOG.replacen("boom", "bo0m", 1);
    let place = Place::with(bytes.as_bytes());
    assert_eq!(compact(&place, &newest(2)).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(place.text(), bytes);
}

#[test]
fn an_empty_result_must_be_asked_for() {
    let place = Place::with(LOG.as_bytes());
    assert_eq!(compact(&place, &newest(0)).unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(place.text(), LOG);
    compact(&place, &newest(0).allow_empty(true)).unwrap();
    assert_eq!(place.seqs(), [0; 0]);
    assert_eq!(place.found(), []);
    assert_eq!(block_on(place.log().append(&facts(1..=1))).unwrap().positions, [Position::from_seq(6)]);
    assert_eq!(place.found(), []);
}

#[test]
fn legacy_lines_go_first_and_sealed_numbers_stay() {
    let place = Place::with(LEGACY.as_bytes());
    let log = place.log();
    block_on(log.append(&facts(1..=3))).unwrap();
    block_on(log.close()).unwrap();
    compact(&place, &newest(5)).unwrap();
    assert_eq!(place.found(), []);
    // Two legacy facts stay, and the one of an unknown kind; the sealed ones keep their numbers.
    assert_eq!(place.seqs(), [1, 2, 9, 10, 11]);
    assert!(LEGACY.contains(place.text().lines().next().unwrap()));
    compact(&place, &newest(2)).unwrap();
    assert_eq!(place.found(), []);
    assert_eq!(place.seqs(), [10, 11]);
    let purely = Place::with(LEGACY.as_bytes());
    compact(&purely, &newest(2)).unwrap();
    assert_eq!(purely.text().lines().collect::<Vec<_>>(), LEGACY.lines().skip(5).collect::<Vec<_>>());
}

#[test]
fn the_writer_goes_on_in_the_new_file_and_nothing_is_lost() {
    let place = place();
    let log = Arc::new(place.log());
    block_on(log.append(&facts(1..=500))).unwrap();
    let writing = {
        let log = log.clone();
        std::thread::spawn(move || {
            let mut last = 500;
            for _ in 0..300 {
                let appended = block_on(log.append(&facts(last + 1..=last + 2))).unwrap();
                assert_eq!(appended.remarks, []);
                assert_eq!(appended.positions, [Position::from_seq(last + 1), Position::from_seq(last + 2)]);
                last += 2;
            }
            last
        })
    };
    let mut followed = Vec::new();
    let follow = crate::Log::new(place.log());
    while !writing.is_finished() {
        compact(&place, &newest(450)).unwrap();
        let options =
            followed.last().map_or(ReadOptions::oldest_first(), |last| ReadOptions::oldest_first().after(*last));
        let entries = block_on(follow.read(options).collect()).unwrap();
        followed.extend(entries.iter().map(|entry| entry.position));
        assert!(place.scan().is_clean(), "{:?}", place.scan().anomalies);
    }
    let last = writing.join().unwrap();
    compact(&place, &newest(450)).unwrap();
    assert_eq!(place.seqs(), (last - 449..=last).collect::<Vec<_>>());
    assert!(followed.is_sorted());
    assert!(followed.windows(2).all(|pair| pair[1].seq() == pair[0].seq().map(|seq| seq + 1)));
}

#[test]
fn mode_stays_and_no_temporary_file_is_left() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::with(LOG.as_bytes());
    fs::set_permissions(&place.path, fs::Permissions::from_mode(0o640)).unwrap();
    compact(&place, &newest(2)).unwrap();
    assert_eq!(fs::metadata(&place.path).unwrap().permissions().mode() & 0o777, 0o640);
    let names: Vec<_> =
        fs::read_dir(place.path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

#[test]
fn facts_of_unknown_kinds_do_not_hide_that_everything_else_would_go() {
    let place = Place::with(LEGACY.as_bytes());
    assert_eq!(compact(&place, &newest(0)).unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(place.text(), LEGACY);
    compact(&place, &newest(0).allow_empty(true)).unwrap();
    assert_eq!(place.text().lines().count(), 1);
}
