//! The log's file moved away, removed or cut under a writer.

use std::{
    fs::{self, File, OpenOptions},
    io::Read as _,
    time::{Duration, Instant},
};

use crate::{
    effort::HANG,
    feeder::{Feeder, Pace},
    lab::{Kind, Lab},
    ledger::{self, Ledger},
};

/// What is done to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hand {
    Renames,
    Deletes,
    CopiesAndTruncates,
}

impl Hand {
    /// Does it; `old.ndjson` holds what stood in the file, sooner or later.
    fn touch(self, lab: &Lab) {
        match self {
            Hand::Renames => fs::rename(lab.log(), lab.path("old.ndjson")).unwrap(),
            Hand::Deletes => fs::remove_file(lab.log()).unwrap(),
            Hand::CopiesAndTruncates => {
                fs::copy(lab.log(), lab.path("old.ndjson")).unwrap();
                OpenOptions::new().write(true).open(lab.log()).unwrap().set_len(0).unwrap();
            }
        }
    }
}

/// Waits until the log in the old place says that it was replaced.
fn is_noticed(lab: &Lab) {
    let began = Instant::now();
    loop {
        if lab.text().contains("\"event_type\":\"LogReplaced\"") {
            return;
        }
        assert!(began.elapsed() < HANG, "nobody noticed");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The facts of both files together: every acknowledged one, once, under the number that was told.
fn both_hold_everything(lab: &Lab, old: &mut File, ledger: &Ledger, name: &str) {
    if !lab.path("old.ndjson").exists() {
        // The file was deleted, but what it held is still there for who holds it open.
        let mut bytes = Vec::new();
        old.read_to_end(&mut bytes).unwrap();
        fs::write(lab.path("old.ndjson"), bytes).unwrap();
    }
    let list = ["inspect", "events", "-o", "ndjson", "--path"];
    let before = ledger::parse(&lab.run(&[&list[..], &["old.ndjson"]].concat(), "").ended(0).stdout);
    let after = ledger::listed(lab);
    assert!(!before.is_empty() && !after.is_empty(), "{name}: both files hold something");
    let all: Vec<(u64, u64)> = before.into_iter().chain(after).collect();
    let in_order = all.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1);
    assert!(in_order, "{name}: facts or numbers do not rise over both files");
    for acknowledged in &ledger.acknowledged {
        let (n, seq) = acknowledged;
        assert!(all.contains(&(*n, *seq)), "{name}: the acknowledged fact {n} ({seq}) is in neither file");
    }
    // The part that is not here any more is named: it was not dropped on purpose.
    let scan = lab.on_log(&["persistence", "scan"]).ended(2);
    assert!(
        scan.stdout.contains("Found 1 persistence anomalies") && scan.stdout.contains("MISSING_SEGMENT"),
        "{scan:?}"
    );
    let scan = lab.run(&["persistence", "scan", "--path", "old.ndjson"], "").ended(0);
    assert!(scan.stdout.contains("healthy"), "{scan:?}");
}

fn begin(lab: &Lab, pace: Pace) -> (Ledger, Feeder, File) {
    let ledger = Ledger::default();
    let mut writer = Feeder::start(lab.command(&lab.appending()), &ledger, 3, pace);
    writer.wait_for(1);
    let old = File::open(lab.log()).unwrap();
    (ledger, writer, old)
}

/// Each of these on a file and on a directory.
fn every(hands: &[Hand]) -> impl Iterator<Item = (Hand, Kind)> {
    hands.iter().flat_map(|hand| [Kind::File, Kind::OneSegment].map(|kind| (*hand, kind)))
}

#[test]
fn an_idle_writer_notices_that_its_file_is_gone_and_says_so_in_the_log() {
    for (hand, kind) in every(&[Hand::Renames, Hand::Deletes, Hand::CopiesAndTruncates]) {
        let lab = Lab::of(kind);
        let (mut ledger, mut writer, mut old) = begin(&lab, Pace::Once);
        writer.wait_for(3);
        hand.touch(&lab);
        is_noticed(&lab);
        writer.release();
        writer.wait_for(9);
        let (code, words) = writer.end(&mut ledger);
        assert_eq!(code, Some(0), "{words}");
        both_hold_everything(&lab, &mut old, &ledger, &format!("{hand:?}, {kind:?}"));
    }
}

#[test]
fn a_busy_writer_loses_nothing_acknowledged_when_its_file_is_moved_or_removed() {
    for (hand, kind) in every(&[Hand::Renames, Hand::Deletes]) {
        let lab = Lab::of(kind);
        let (mut ledger, mut writer, mut old) = begin(&lab, Pace::Pause(Duration::from_micros(300)));
        writer.wait_for(100);
        hand.touch(&lab);
        is_noticed(&lab);
        let so_far = writer.acknowledged();
        writer.wait_for(so_far + 100);
        let (code, words) = writer.end(&mut ledger);
        assert_eq!(code, Some(0), "{words}");
        assert!(words.contains("replaced or removed"), "the operator is told: {words}");
        both_hold_everything(&lab, &mut old, &ledger, &format!("{hand:?}, {kind:?}, busy"));
    }
}
