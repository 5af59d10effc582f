//! Logs that fill a directory: when segments begin, and what is read of them.

use std::path::Path;

use super::super::{reader::Reader, segments::Segments};
use super::*;
use crate::{ActorAddress, Kind, codec};

/// A directory with a log that rotates.
pub(super) struct Dir {
    pub(super) own: tempfile::TempDir,
    pub(super) rotation: Rotation,
}

impl Dir {
    pub(super) fn new(rotation: Rotation) -> Dir {
        Dir { own: tempfile::tempdir().unwrap(), rotation }
    }

    pub(super) fn of_records(records: u64) -> Dir {
        Dir::new(Rotation::default().with_segment_records(records))
    }

    pub(super) fn path(&self) -> PathBuf {
        self.own.path().join("log")
    }

    pub(super) fn config(&self) -> FileConfig {
        let none = std::time::Duration::ZERO;
        FileConfig::rotating(self.path()).with_rotation(self.rotation.clone()).with_lock_timeout(none)
    }

    pub(super) fn log(&self) -> FileLog {
        FileLog::new(self.config())
    }

    pub(super) fn read(&self, options: ReadOptions) -> Vec<Entry> {
        block_on(self.log().read(options).collect()).unwrap()
    }

    pub(super) fn seqs(&self) -> Vec<u64> {
        seqs(&self.read(ReadOptions::oldest_first()))
    }

    pub(super) fn segments(&self) -> Vec<PathBuf> {
        let listing = Segments::Directory(self.path()).list().unwrap();
        listing.segments.into_iter().map(|segment| segment.path).collect()
    }

    /// Appends batches of these sizes, and closes.
    pub(super) fn fill(&self, batches: &[u64]) {
        let log = self.log();
        let mut next = self.seqs_or_none().last().copied().unwrap_or(0) + 1;
        for batch in batches {
            block_on(log.append(&facts(next..=next + batch - 1))).unwrap();
            next += batch;
        }
        block_on(log.close()).unwrap();
    }

    fn seqs_or_none(&self) -> Vec<u64> {
        if self.segments().is_empty() { Vec::new() } else { self.seqs() }
    }
}

pub(super) fn header(path: &Path) -> Header {
    let text = fs::read(path).unwrap();
    let line = text.split(|byte| *byte == b'\n').next().unwrap();
    match Header::decode(line) {
        Some(codec::HeaderLine::Header(header)) => header,
        other => panic!("{path:?} begins with {other:?}"),
    }
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).unwrap().lines().count() - 1
}

/// How many facts stand in each segment.
fn shape(dir: &Dir) -> Vec<usize> {
    dir.segments().iter().map(|path| lines(path)).collect()
}

#[test]
fn a_segment_is_begun_when_the_present_one_would_get_too_much() {
    let dir = Dir::of_records(5);
    dir.fill(&[2, 2, 2, 5, 1, 3, 1, 1]);
    assert_eq!(shape(&dir), [4, 2, 5, 5, 1]);
    let dir = Dir::new(Rotation::default().with_segment_bytes(1000));
    dir.fill(&[1; 20]);
    assert!(dir.segments().len() > 3);
    for path in dir.segments() {
        assert!(fs::metadata(&path).unwrap().len() <= 1000 && lines(&path) > 0);
    }
    let dir = Dir::new(Rotation::default().with_segment_age(std::time::Duration::from_nanos(1)));
    dir.fill(&[2, 1, 1]);
    assert_eq!(shape(&dir), [2, 1, 1]);
}

#[test]
fn a_batch_is_never_divided_and_no_segment_is_empty_for_it() {
    let dir = Dir::of_records(3);
    dir.fill(&[10, 10, 1]);
    assert_eq!(shape(&dir), [10, 10, 1]);
}

#[test]
fn batches_that_wait_together_do_not_make_a_segment_too_large() {
    let dir = Dir::of_records(3);
    let log = dir.log();
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| block_on(log.append(&facts(1..=1))).unwrap());
        }
    });
    block_on(log.close()).unwrap();
    assert!(shape(&dir).iter().all(|lines| *lines <= 3));
    assert_eq!(dir.seqs(), (1..=20).collect::<Vec<_>>());
}

#[test]
fn headers_say_what_each_segment_accounts_for() {
    let dir = Dir::of_records(2);
    dir.fill(&[2, 2, 2]);
    dir.fill(&[2]);
    let headers: Vec<Header> = dir.segments().iter().map(|path| header(path)).collect();
    let told: Vec<(u64, u64)> = headers.iter().map(|header| (header.segment, header.first_seq)).collect();
    assert_eq!(told, [(1, 1), (2, 3), (3, 5), (4, 7)]);
    assert!(headers.iter().all(|header| header.log_id == headers[0].log_id && header.dropped_through == 0));
    assert_eq!(dir.seqs(), (1..=8).collect::<Vec<_>>());
}

#[test]
fn of_too_many_segments_the_oldest_go_and_the_log_says_which() {
    let dir = Dir::new(Rotation::default().with_segment_records(4).with_max_segments(3));
    dir.fill(&[2; 20]);
    let segments = dir.segments();
    assert_eq!(segments.len(), 3);
    let seqs = dir.seqs();
    assert_eq!(seqs, (seqs[0]..=*seqs.last().unwrap()).collect::<Vec<_>>());
    assert_eq!(header(&segments[2]).dropped_through, seqs[0] - 1);
    let told: Vec<(u64, u64)> = dir.read(ReadOptions::oldest_first()).iter().filter_map(dropped).collect();
    assert!(!told.is_empty());
    assert!(told.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0), "{told:?}");
    assert_eq!(told.last().unwrap().1, seqs[0] - 1);
}

/// The numbers that an entry says to have been dropped.
pub(super) fn dropped(entry: &Entry) -> Option<(u64, u64)> {
    let Fact::Event(event) = &entry.fact else { return None };
    if event.event_type != "SegmentsDropped" {
        return None;
    }
    let range: std::collections::BTreeMap<String, u64> = event.payload.decode().unwrap();
    Some((range["first"], range["last"]))
}

#[test]
fn a_maximum_that_is_set_later_is_reached_step_by_step_and_costs_no_other_file() {
    let dir = Dir::of_records(1);
    dir.fill(&[1; 100]);
    // A segment of another log under our name is not ours to delete.
    let foreign = Dir::of_records(9);
    foreign.fill(&[1]);
    let stray = dir.segments()[0].clone();
    fs::copy(&foreign.segments()[0], &stray).unwrap();
    let limited = Dir { own: dir.own, rotation: Rotation::default().with_segment_records(1).with_max_segments(2) };
    limited.fill(&[1]);
    assert!(limited.segments().len() > 2);
    limited.fill(&[1; 4]);
    assert!(limited.segments().len() <= 3, "{:?}", limited.segments());
    assert!(stray.exists());
}

#[test]
fn a_log_is_continued_under_the_name_that_its_segments_have() {
    let dir = Dir::of_records(2);
    dir.fill(&[2, 2]);
    for path in dir.segments() {
        let name = path.file_name().unwrap().to_str().unwrap().replace("facts", "or.ders");
        fs::rename(&path, path.with_file_name(name)).unwrap();
    }
    dir.fill(&[2]);
    let names: Vec<_> = dir.segments().iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["or.ders.000001.ndjson", "or.ders.000002.ndjson", "or.ders.000003.ndjson"]);
    assert_eq!(dir.seqs(), [1, 2, 3, 4, 5, 6]);
}

/// Every way to read against all that is there.
fn reads_agree(dir: &Dir, all: &[Entry]) {
    let last = all.last().unwrap().position.seq().unwrap();
    let newest = all.iter().map(|entry| entry.fact.timestamp().seconds()).fold(0.0, f64::max);
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let check = |options: ReadOptions, keep: &dyn Fn(&Entry) -> bool| {
            let mut expected: Vec<u64> = seqs(&all.iter().filter(|entry| keep(entry)).cloned().collect::<Vec<_>>());
            if order == Order::NewestFirst {
                expected.reverse();
            }
            let options = ReadOptions { order, ..options };
            assert_eq!(seqs(&dir.read(options.clone())), expected, "{options:?}");
        };
        for after in (1..=last).step_by(7).chain([last]) {
            let keep = |entry: &Entry| entry.position.seq().unwrap() > after;
            check(ReadOptions::oldest_first().after(Position::from_seq(after)), &keep);
        }
        for back in (0..=40).map(|n| f64::from(n) * 31.7) {
            let since = newest - back;
            check(ReadOptions::oldest_first().since(since), &|entry| entry.fact.timestamp().seconds() >= since);
        }
        check(ReadOptions::oldest_first().kind(Kind::DeadLetter), &|_| false);
        check(ReadOptions::oldest_first().about(ActorAddress::from("t://b")), &|_| false);
        check(ReadOptions::oldest_first(), &|_| true);
    }
    let beyond = ReadOptions::oldest_first().after(Position::from_seq(last + 1));
    assert_eq!(block_on(dir.log().read(beyond).collect()).unwrap_err().kind(), ErrorKind::NotFound);
}

/// Facts that come late and clocks that step, over many segments and several lives of the writer.
fn late(dir: &Dir) -> Vec<Entry> {
    for life in 0..6_u64 {
        let log = dir.log();
        for n in 0..40 {
            let n = life * 40 + n;
            let time = 1_700_000_000.0 + (n * 5) as f64 - if n % 23 == 0 { (n % 7 * 100) as f64 } else { 0.0 };
            block_on(log.append(&[at(n, time)])).unwrap();
        }
        block_on(log.close()).unwrap();
    }
    let all = dir.read(ReadOptions::oldest_first());
    assert_eq!(seqs(&all), (1..=240).collect::<Vec<_>>());
    all
}

#[test]
fn every_way_to_read_gives_exactly_what_was_asked_for() {
    for records in [1, 3, 7, 100] {
        let dir = Dir::of_records(records);
        reads_agree(&dir, &late(&dir));
    }
}

#[test]
fn damaged_and_headerless_and_empty_segments_end_no_read() {
    let dir = Dir::of_records(6);
    let all = late(&dir);
    let segments = dir.segments();
    let mut gone = Vec::new();
    for (at, path) in segments.iter().enumerate() {
        let text = fs::read_to_string(path).unwrap();
        let first = header(path).first_seq;
        match at % 6 {
            // Its header lost, its header damaged, all of it lost, every line of it damaged.
            1 => fs::write(path, text.split_once('\n').unwrap().1).unwrap(),
            2 => fs::write(path, text.replacen("\"log\"", "\"lug\"", 1)).unwrap(),
            3 => {
                fs::write(path, "").unwrap();
                gone.extend(first..first + 6);
            }
            4 => {
                fs::write(path, text.replace("\"crc\"", "\"CRC\"")).unwrap();
                gone.extend(first..first + 6);
            }
            _ => {}
        }
    }
    let left: Vec<Entry> = all.into_iter().filter(|entry| !gone.contains(&entry.position.seq().unwrap())).collect();
    assert!(left.len() > 100);
    let last = left.last().unwrap().position.seq().unwrap();
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let read = |options: ReadOptions| {
            let mut found = seqs(&dir.read(ReadOptions { order, ..options }));
            found.sort_unstable();
            found
        };
        assert_eq!(read(ReadOptions::oldest_first()), seqs(&left));
        for after in 1..=last {
            let expected: Vec<u64> = seqs(&left).into_iter().filter(|seq| *seq > after).collect();
            assert_eq!(
                read(ReadOptions::oldest_first().after(Position::from_seq(after))),
                expected,
                "{order:?} {after}"
            );
        }
        for back in 0..60 {
            let since = 1_700_001_200.0 - f64::from(back) * 20.0;
            let wanted = left.iter().filter(|entry| entry.fact.timestamp().seconds() >= since).cloned();
            assert_eq!(read(ReadOptions::oldest_first().since(since)), seqs(&wanted.collect::<Vec<_>>()), "{since}");
        }
    }
}

#[test]
fn what_a_header_says_to_be_dropped_is_not_read_whoever_still_has_it() {
    for place in [0, 9] {
        let dir = Dir::of_records(4);
        dir.fill(&[4; 10]);
        let path = &dir.segments()[place];
        let text = fs::read_to_string(path).unwrap();
        let mut bytes = Vec::new();
        Header { dropped_through: 14, ..header(path) }.encode(&mut bytes);
        bytes.extend_from_slice(text.split_once('\n').unwrap().1.as_bytes());
        fs::write(path, bytes).unwrap();
        let expected: Vec<u64> = (15..=40).collect();
        assert_eq!(dir.seqs(), expected);
        let mut newest = seqs(&dir.read(ReadOptions::newest_first()));
        newest.reverse();
        assert_eq!(newest, expected);
        assert_eq!(dir.read(ReadOptions::oldest_first().since(0.0)).len(), expected.len());
    }
}

#[test]
fn a_segment_that_is_dropped_under_a_reader_is_passed_over() {
    for (order, expected) in
        [(Order::OldestFirst, (9..=20).collect::<Vec<u64>>()), (Order::NewestFirst, (9..=20).rev().collect())]
    {
        let dir = Dir::of_records(4);
        dir.fill(&[4; 5]);
        let options = ReadOptions { order, ..ReadOptions::oldest_first() };
        let reader = Reader::open(Segments::Directory(dir.path()), options, Arc::default(), Arc::default()).unwrap();
        dir.segments()[..2].iter().for_each(|path| fs::remove_file(path).unwrap());
        let mut found = Vec::new();
        reader.run(&mut |entry| {
            found.push(entry.unwrap().position.seq().unwrap());
            true
        });
        assert_eq!(found, expected);
    }
}

#[test]
fn the_newest_entries_and_the_next_append_open_the_ends_only() {
    let dir = Dir::of_records(4);
    dir.fill(&[4; 12]);
    // Whoever opened one of these would fail.
    for path in &dir.segments()[1..9] {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    }
    let log = dir.log();
    let newest = block_on(async {
        let mut entries = log.read(ReadOptions::newest_first());
        let mut newest = Vec::new();
        while newest.len() < 12 {
            newest.push(entries.next().await.unwrap().unwrap().position.seq().unwrap());
        }
        newest
    });
    assert_eq!(newest, (37..=48).rev().collect::<Vec<u64>>());
    assert_eq!(block_on(log.append(&facts(49..=49))).unwrap().positions, [Position::from_seq(49)]);
    assert_eq!(seqs(&dir.read(ReadOptions::newest_first().after(Position::from_seq(40)))).len(), 9);
}

#[test]
fn what_a_compaction_dropped_is_known_when_its_lowest_segment_goes() {
    let dir = Dir::of_records(4);
    dir.fill(&[4; 4]);
    let lowest = &dir.segments()[0];
    // As a compaction leaves it that was killed right behind its commit.
    let mut bytes = Vec::new();
    Header { dropped_through: 8, gaps_through: 4, lost: 3, ..header(lowest) }.encode(&mut bytes);
    fs::write(lowest, bytes).unwrap();
    assert_eq!(dir.seqs(), (9..=16).collect::<Vec<_>>());
    let limited = Dir { own: dir.own, rotation: Rotation::default().with_segment_records(4).with_max_segments(4) };
    limited.fill(&[1]);
    assert!(!limited.segments()[0].ends_with("facts.000001.ndjson"));
    let newest = header(limited.segments().last().unwrap());
    assert_eq!((newest.dropped_through, newest.lost), (8, 0));
    assert_eq!(limited.seqs(), (9..=18).collect::<Vec<_>>());
}

#[test]
fn a_log_is_not_written_through_a_link() {
    let dir = Dir::of_records(2);
    let target = dir.path().with_extension("target");
    fs::create_dir(&target).unwrap();
    std::os::unix::fs::symlink(&target, dir.path()).unwrap();
    assert_eq!(block_on(dir.log().append(&facts(1..=1))).unwrap_err().kind(), ErrorKind::Config);
    fs::remove_file(dir.path()).unwrap();
    dir.fill(&[2]);
    std::os::unix::fs::symlink(target.join("x"), dir.path().join("facts.000002.ndjson")).unwrap();
    block_on(dir.log().append(&facts(3..=3))).unwrap();
    assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
}

#[test]
fn a_file_where_a_directory_should_be_is_named_and_left_alone() {
    let dir = Dir::of_records(2);
    fs::write(dir.path(), "text").unwrap();
    let error = block_on(dir.log().read(ReadOptions::oldest_first()).collect()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(block_on(dir.log().append(&facts(1..=1))).is_err());
    assert_eq!(fs::read_to_string(dir.path()).unwrap(), "text");
}

#[test]
fn a_segment_is_for_its_owner_alone_or_for_those_who_could_read_the_last_one() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Dir::of_records(1);
    dir.fill(&[1, 1]);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert!(dir.segments().iter().all(|path| mode(path) == 0o600));
    assert_eq!(mode(&dir.path()), 0o700);
    fs::set_permissions(&dir.segments()[1], fs::Permissions::from_mode(0o640)).unwrap();
    dir.fill(&[1]);
    assert_eq!(mode(&dir.segments()[2]), 0o640);
}
