//! Numbers and names at the edge of what can be written.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use super::*;
use crate::{RecoveryConfig, codec};

#[test]
fn facts_of_any_time_can_be_read_and_found_again() {
    let place = place();
    let times = [1.7e308, -1.7e308, 0.0, 1e300, -1.0, 1.7e9];
    for (n, time) in (1..).zip(times) {
        // Each is written by a writer that knows the last line only.
        block_on(place.log().append(&[at(n, time)])).unwrap();
    }
    assert_eq!(place.found(), []);
    assert!(block_on(place.log().scan(ScanOptions::deep())).unwrap().is_clean());
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let mut options = ReadOptions::default().since(1.0);
        options.order = order;
        assert_eq!(place.read(options).len(), 3, "{order:?}");
    }
}

/// A sealed line with this number, as anybody can make one.
fn sealed(seq: u64) -> Vec<u8> {
    let mut line = Vec::new();
    codec::encode_body(&fact(1), &mut line);
    codec::stamp(&mut line, 0, codec::Stamp { seq, ..codec::Stamp::default() });
    line
}

#[test]
fn numbers_that_nobody_counts_to_are_damage() {
    for seq in [0, u64::MAX, u64::MAX / 2 + 1] {
        let place = Place::with(&[LOG.as_bytes(), &sealed(seq)].concat());
        assert_eq!(place.found(), [AnomalyKind::CorruptedLine], "{seq}");
        block_on(place.log().append(&facts(1..=1))).unwrap();
        block_on(place.log().recover(&RecoveryConfig::repair())).unwrap();
        assert_eq!(place.found(), []);
    }
}

#[test]
fn a_log_whose_numbers_are_used_up_is_refused() {
    let bytes = [LOG.as_bytes(), &sealed(codec::MAX_SEQ)].concat();
    let place = Place::with(&bytes);
    assert_eq!(block_on(place.log().append(&facts(1..=1))).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(fs::read(&place.path).unwrap(), bytes);
}

#[test]
fn a_directory_whose_name_is_not_text_can_keep_originals() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path().join(OsStr::from_bytes(b"caf\xe9"));
    fs::create_dir(&directory).unwrap();
    let path = directory.join(OsStr::from_bytes(b"log\xff.ndjson"));
    fs::write(&path, LOG.replacen("orders", "0rders", 1)).unwrap();
    let log = FileLog::new(FileConfig::new(&path));
    let quarantine = directory.join(OsStr::from_bytes(b"q\xfe"));
    let report = block_on(log.recover(&RecoveryConfig::quarantine(&quarantine))).unwrap();
    assert!(report.after.unwrap().is_clean());
    assert_eq!(fs::read_dir(&quarantine).unwrap().count(), 2, "the original and its manifest");
}

#[test]
fn a_newer_header_in_mid_file_stops_writers_and_readers() {
    let newer = LOG.lines().next().unwrap().replacen("\"format\":1", "\"format\":2", 1);
    let body = &newer[..newer.len() - 18];
    let header = format!("{body},\"crc\":\"{:08x}\"}}\n", crc32c::crc32c(body.as_bytes()));
    let bytes = [LOG.as_bytes(), header.as_bytes(), &sealed(6)].concat();
    let place = Place::with(&bytes);
    assert_eq!(place.found(), [AnomalyKind::NewerFormat]);
    assert_eq!(block_on(place.log().append(&facts(1..=1))).unwrap_err().kind(), ErrorKind::Corrupt);
    for options in [ReadOptions::oldest_first(), ReadOptions::newest_first()] {
        assert_eq!(block_on(place.log().read(options).collect()).unwrap_err().kind(), ErrorKind::Corrupt);
    }
    assert_eq!(fs::read(&place.path).unwrap(), bytes);
}
