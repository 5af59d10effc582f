//! Reads beside compactions of whole segments: a stretch without a hole, or a word about it.

use super::{rotating::Dir, *};
use crate::{CompactionConfig, Kind, Retention, Rule};

/// So many facts in each segment.
const FACTS: u64 = 10;
/// More than is handed over before somebody reads, which is a few hundred entries.
const FEW: u64 = 60;
/// More segments than a read holds open beside those that it has passed by then.
const MANY: u64 = 120;

/// A log of so many segments, and a read of it that has given its first entry.
fn begun(segments: u64) -> (Dir, crate::EntryStream, u64) {
    let dir = Dir::of_records(FACTS);
    let log = FileLog::new(dir.config().with_durability(Durability::Buffered));
    for first in (0..segments).map(|n| n * FACTS + 1) {
        block_on(log.append(&facts(first..=first + FACTS - 1))).unwrap();
    }
    block_on(log.close()).unwrap();
    // Nothing of it looks as if it had just been written.
    for segment in dir.segments() {
        let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
        fs::File::options().write(true).open(segment).unwrap().set_modified(long_ago).unwrap();
    }
    let mut read = dir.log().read(ReadOptions::oldest_first());
    let first = block_on(read.next()).unwrap().unwrap();
    assert_eq!(first.position.seq(), Some(1));
    (dir, read, segments * FACTS)
}

fn keep(dir: &Dir, retention: Retention) {
    let report = block_on(dir.log().compact(&CompactionConfig::new(retention, std::time::UNIX_EPOCH))).unwrap();
    assert!(report.changed);
}

fn newest(records: u64) -> Rule {
    Rule::default().with_max_records(records)
}

/// What is left of a read, and whether it was overtaken.
fn rest(mut read: crate::EntryStream) -> (Vec<u64>, bool) {
    let mut found = Vec::new();
    while let Some(entry) = block_on(read.next()) {
        found.push(entry.unwrap().position.seq().unwrap());
    }
    (found, read.is_overtaken())
}

#[test]
fn what_a_compaction_drops_meanwhile_is_read_all_the_same() {
    for retention in [Retention::all(newest(13)), Retention::default().with_kind(Kind::Event, newest(13))] {
        let (dir, read, last) = begun(FEW);
        keep(&dir, retention);
        assert_eq!(dir.seqs(), Vec::from_iter(last - 12..=last));
        assert_eq!(rest(read), (Vec::from_iter(2..=last), false));
    }
}

#[test]
fn a_read_of_more_than_can_be_held_says_that_it_was_overtaken() {
    let (dir, read, last) = begun(MANY);
    keep(&dir, Retention::all(newest(13)));
    let (found, overtaken) = rest(read);
    let hole = found.windows(2).position(|pair| pair[1] != pair[0] + 1).unwrap();
    assert!(overtaken);
    // What was held came whole, and behind the hole comes all that is left.
    assert!(found[hole] >= FEW * FACTS && found[hole] % FACTS == 0, "{}", found[hole]);
    assert_eq!(found[hole + 1..], Vec::from_iter(last - 12..=last));
}

#[test]
fn a_read_that_a_compaction_does_not_reach_is_not_overtaken() {
    let (dir, read, last) = begun(MANY);
    keep(&dir, Retention::all(newest(last - 5 * FACTS - 3)));
    assert_eq!(rest(read), (Vec::from_iter(2..=last), false));
}

#[test]
fn newest_first_nothing_is_missing_in_between() {
    let (dir, read, last) = begun(MANY);
    drop(read);
    let mut read = dir.log().read(ReadOptions::newest_first());
    assert_eq!(block_on(read.next()).unwrap().unwrap().position.seq(), Some(last));
    keep(&dir, Retention::all(newest(13)));
    let (found, overtaken) = rest(read);
    assert!(!overtaken && found.len() >= 12);
    assert!(found.windows(2).all(|pair| pair[1] + 1 == pair[0]));
}
