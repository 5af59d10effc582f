//! Rotation that is killed or fails at each of its steps, and directories that others change.

use std::{fs::File, io, path::Path};

use super::super::storage::{ActiveFile, Disk, Storage};
use super::rotating::{Dir, dropped, header};
use super::*;

/// What becomes of the calls from a moment on.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// The process is gone: no call has an effect any more. If it was writing, half of it stands in the file.
    Killed,
    /// One call fails.
    FailsOnce,
}

/// A disk whose calls are counted, and at one of them something happens.
#[derive(Debug)]
struct Faulty {
    left: AtomicI64,
    fate: Fate,
}

impl Faulty {
    /// Whether this call has an effect, and whether it is the very one.
    fn call(&self) -> io::Result<()> {
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        let works = match self.fate {
            Fate::Killed => left > 0,
            Fate::FailsOnce => left != 0,
        };
        if works { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::EIO)) }
    }
}

#[derive(Debug)]
struct OnFaulty {
    disk: Arc<Faulty>,
    file: Box<dyn ActiveFile>,
}

impl Storage for Arc<Faulty> {
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn ActiveFile>> {
        self.call()?;
        Ok(Box::new(OnFaulty { disk: self.clone(), file: Disk.open(path, create)? }))
    }

    fn begin(&self, path: &Path) -> io::Result<Box<dyn ActiveFile>> {
        self.call()?;
        Ok(Box::new(OnFaulty { disk: self.clone(), file: Disk.begin(path)? }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call()?;
        Disk.remove(path)
    }

    fn sync_directory_of(&self, path: &Path) -> io::Result<()> {
        self.call()?;
        Disk.sync_directory_of(path)
    }
}

impl ActiveFile for OnFaulty {
    fn file(&self) -> &File {
        self.file.file()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.disk.call() {
            if self.disk.left.load(Ordering::SeqCst) == -1 {
                self.file.write(&bytes[..bytes.len() / 2])?;
            }
            return Err(error);
        }
        self.file.write(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.call()
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.disk.call()?;
        self.file.cut(len)
    }
}

/// Appends until nothing works any more or all is done. Gives what was acknowledged, by number, and whether the fault happened.
fn live(dir: &Dir, fate: Fate, at: i64, durability: Durability) -> (Vec<(u64, u64)>, bool) {
    let disk = Arc::new(Faulty { left: AtomicI64::new(at), fate });
    let log = FileLog::on(dir.config().with_durability(durability), Arc::new(disk.clone()));
    let mut acknowledged = Vec::new();
    for n in 1..=14 {
        if let Ok(appended) = block_on(log.append(&[fact(n * 2), fact(n * 2 + 1)])) {
            let seqs = appended.positions.iter().map(|position| position.seq().unwrap());
            acknowledged.extend((n * 2..).zip(seqs));
        }
    }
    let _ = block_on(log.close());
    (acknowledged, disk.left.load(Ordering::SeqCst) < 0)
}

fn number(entry: &Entry) -> Option<u64> {
    let Fact::Event(event) = &entry.fact else { return None };
    (event.event_type == "E").then(|| event.payload.decode().unwrap())
}

/// The next start finds everything that was acknowledged and not dropped, and goes on; what was half done is cleaned up.
fn goes_on(dir: &Dir, acknowledged: &[(u64, u64)], name: &str) {
    let log = dir.log();
    let appended = block_on(log.append(&[fact(100)])).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    block_on(log.close()).unwrap();
    let entries = dir.read(ReadOptions::oldest_first());
    let all = seqs(&entries);
    assert_eq!(all, (all[0]..=*all.last().unwrap()).collect::<Vec<_>>(), "{name}: numbers are missing or double");
    assert_eq!(entries.last().unwrap().position, appended.positions[0], "{name}");
    let found: Vec<(u64, u64)> =
        entries.iter().filter_map(|entry| Some((number(entry)?, entry.position.seq().unwrap()))).collect();
    for (n, seq) in acknowledged.iter().filter(|(_, seq)| *seq >= all[0]) {
        assert!(found.contains(&(*n, *seq)), "{name}: the acknowledged fact {n} is not there under {seq}: {found:?}");
    }
    let mut numbers: Vec<u64> = found.iter().map(|(n, _)| *n).collect();
    numbers.dedup();
    assert_eq!(numbers.len(), found.len(), "{name}: a fact is there twice");
    let told: Vec<(u64, u64)> = entries.iter().filter_map(dropped).collect();
    if all[0] > 1 {
        assert_eq!(told.last().map(|range| range.1), Some(all[0] - 1), "{name}: facts were dropped without a word");
    }
    assert!(told.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0), "{name}: {told:?}");
    let segments = dir.segments();
    let through = segments.iter().map(|path| header(path).dropped_through).max().unwrap();
    assert_eq!(
        header(&segments[0]).first_seq,
        through + 1,
        "{name}: a dropped segment is still there, or too much is gone"
    );
}

fn at_every_call(fate: Fate, durability: Durability) {
    let rotation = Rotation::default().with_segment_records(5).with_max_segments(3);
    for at in 0.. {
        let dir = Dir::new(rotation.clone());
        let (acknowledged, happened) = live(&dir, fate, at, durability);
        if !happened {
            assert!(at > 50 && acknowledged.len() == 28, "{at}");
            return;
        }
        goes_on(&dir, &acknowledged, &format!("{fate:?} at call {at}, {durability}"));
    }
}

#[test]
fn a_rotation_killed_at_any_call_loses_nothing_and_is_cleaned_up() {
    at_every_call(Fate::Killed, Durability::Synced);
    at_every_call(Fate::Killed, Durability::Buffered);
}

#[test]
fn a_rotation_of_which_any_one_call_fails_loses_nothing() {
    at_every_call(Fate::FailsOnce, Durability::Synced);
    at_every_call(Fate::FailsOnce, Durability::Buffered);
}

#[test]
fn a_rotation_that_was_interrupted_is_passed_over_and_removed() {
    for len in [0, 1, 100] {
        let dir = Dir::of_records(2);
        dir.fill(&[2, 2]);
        let interrupted = dir.path().join("facts.000003.ndjson");
        fs::write(&interrupted, &LOG.as_bytes()[..len]).unwrap();
        assert_eq!(dir.seqs(), [1, 2, 3, 4]);
        assert_eq!(seqs(&dir.read(ReadOptions::newest_first())), [4, 3, 2, 1]);
        assert_eq!(dir.read(ReadOptions::oldest_first().after(Position::from_seq(4))), []);
        let log = dir.log();
        block_on(log.append(&[])).unwrap();
        block_on(log.close()).unwrap();
        assert!(!interrupted.exists());
        dir.fill(&[1]);
        assert_eq!(header(&interrupted).first_seq, 5);
        assert_eq!(dir.seqs(), [1, 2, 3, 4, 5]);
    }
}

#[test]
fn a_segment_begun_before_a_kill_is_filled_and_knows_how_late_facts_came() {
    let dir = Dir::of_records(2);
    dir.fill(&[]);
    let log = dir.log();
    block_on(log.append(&[at(1, 5000.0), at(2, 1000.0)])).unwrap();
    block_on(log.close()).unwrap();
    let mut begun = Vec::new();
    let first = header(&dir.segments()[0]);
    Header { segment: 2, first_seq: 3, ..first }.encode(&mut begun);
    fs::write(dir.path().join("facts.000002.ndjson"), begun).unwrap();
    let log = dir.log();
    block_on(log.append(&[at(3, 4500.0)])).unwrap();
    block_on(log.close()).unwrap();
    assert_eq!(dir.segments().len(), 2);
    assert!(fs::read_to_string(&dir.segments()[1]).unwrap().contains("\"skew\":4000"), "the skew begins anew");
    for since in [900.0, 1000.5, 4400.0, 4600.0, 5001.0] {
        let expected = [5000.0, 1000.0, 4500.0].iter().filter(|time| **time >= since).count();
        assert_eq!(dir.read(ReadOptions::oldest_first().since(since)).len(), expected);
        assert_eq!(dir.read(ReadOptions::newest_first().since(since)).len(), expected);
    }
}

#[test]
fn a_log_whose_last_segment_lost_its_header_goes_on_as_the_same_log() {
    for broken in ["", "x"] {
        let dir = Dir::of_records(3);
        dir.fill(&[3, 3, 1]);
        let last = dir.segments()[2].clone();
        let text = fs::read_to_string(&last).unwrap();
        let (head, facts) = text.split_once('\n').unwrap();
        let head = if broken.is_empty() { String::new() } else { format!("{broken}{head}\n") };
        fs::write(&last, head + facts).unwrap();
        dir.fill(&[3]);
        let (first, newest) = (header(&dir.segments()[0]), header(dir.segments().last().unwrap()));
        assert_eq!((newest.log_id, newest.first_seq), (first.log_id, 8));
        assert_eq!(dir.seqs(), (1..=10).collect::<Vec<_>>());
    }
}

#[test]
fn a_directory_that_is_moved_away_or_emptied_goes_on_and_says_so() {
    type Deed = fn(&Dir);
    let deeds: [Deed; 4] = [
        |dir| fs::rename(dir.path(), dir.path().with_extension("old")).unwrap(),
        |dir| fs::remove_dir_all(dir.path()).unwrap(),
        |dir| dir.segments().iter().for_each(|path| fs::remove_file(path).unwrap()),
        |dir| fs::remove_file(dir.segments().last().unwrap()).unwrap(),
    ];
    for (deed, kept) in deeds.into_iter().zip([0, 0, 0, 4]) {
        let dir = Dir::of_records(4);
        let log = dir.log();
        block_on(log.append(&facts(1..=4))).unwrap();
        block_on(log.append(&facts(5..=6))).unwrap();
        deed(&dir);
        let appended = block_on(log.append(&facts(7..=8))).unwrap();
        assert_eq!(appended.positions, [Position::from_seq(8), Position::from_seq(9)]);
        let Fact::Event(event) = &appended.remarks[0].fact else { panic!() };
        assert_eq!(event.event_type, "LogReplaced");
        assert_eq!(dir.seqs(), (1..=kept).chain(7..=9).collect::<Vec<_>>());
        assert_eq!(dir.segments().last().unwrap().file_name().unwrap(), "facts.000002.ndjson");
        // The writer's lock is where the log is.
        assert_eq!(block_on(dir.log().append(&facts(1..=1))).unwrap_err().kind(), ErrorKind::Locked);
        block_on(log.append(&facts(10..=14))).unwrap();
        block_on(log.close()).unwrap();
        assert_eq!(*dir.seqs().last().unwrap(), 14);
    }
}

#[test]
fn an_active_segment_that_was_cut_goes_on_and_says_so() {
    let dir = Dir::of_records(4);
    let log = dir.log();
    block_on(log.append(&facts(1..=4))).unwrap();
    block_on(log.append(&facts(5..=6))).unwrap();
    fs::OpenOptions::new().write(true).open(&dir.segments()[1]).unwrap().set_len(0).unwrap();
    let appended = block_on(log.append(&facts(7..=8))).unwrap();
    assert_eq!(appended.positions, [Position::from_seq(8), Position::from_seq(9)]);
    let Fact::Event(event) = &appended.remarks[0].fact else { panic!() };
    assert_eq!(event.event_type, "LogReplaced");
    assert_eq!(dir.seqs(), [1, 2, 3, 4, 7, 8, 9]);
    assert_eq!(header(&dir.segments()[1]).log_id, header(&dir.segments()[0]).log_id);
}

#[test]
fn a_follower_crosses_rotations_and_sees_every_fact_once() {
    let dir = Dir::new(Rotation::default().with_segment_records(3).with_max_segments(8));
    let (writer, reader) = (crate::Log::new(dir.log()), crate::Log::new(dir.log()));
    block_on(async {
        let mut following = reader.follow(ReadOptions::oldest_first());
        let mut next = 1;
        for round in 0..6 {
            for n in 1..=4 {
                writer.append(&facts(round + n..=round + n + 1)).await.unwrap();
            }
            let last = writer.last_position().await.unwrap().unwrap().seq().unwrap();
            while next <= last {
                let entry = following.next().await.unwrap().unwrap();
                assert_eq!(entry.position.seq(), Some(next));
                next += 1;
            }
        }
    });
}
