//! Disks that fail at a chosen moment.

use std::{fs::File, io, path::Path};

use super::super::storage::{ActiveFile, Disk, Storage};
use super::*;

/// What goes wrong, and when: counters run down to zero, and at zero the call fails.
#[derive(Debug)]
struct Broken {
    /// Bytes that may still be written; then the disk is full.
    room: AtomicI64,
    /// Syncs that succeed before the others fail.
    syncs: AtomicI64,
    /// Syncs that fail.
    failing_syncs: AtomicI64,
    cuts_fail: std::sync::atomic::AtomicBool,
    /// Syncs asked of a descriptor whose sync has failed before: there must be none.
    asked_again: Arc<AtomicU64>,
}

fn broken() -> Broken {
    Broken {
        room: AtomicI64::new(i64::MAX),
        syncs: AtomicI64::new(i64::MAX),
        failing_syncs: AtomicI64::new(0),
        cuts_fail: false.into(),
        asked_again: Arc::default(),
    }
}

#[derive(Debug)]
struct OnBroken {
    disk: Arc<Broken>,
    file: Box<dyn ActiveFile>,
    failed: bool,
}

impl Storage for Arc<Broken> {
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn ActiveFile>> {
        Ok(Box::new(OnBroken { disk: self.clone(), file: Disk.open(path, create)?, failed: false }))
    }

    fn begin(&self, path: &Path) -> io::Result<Box<dyn ActiveFile>> {
        Ok(Box::new(OnBroken { disk: self.clone(), file: Disk.begin(path)?, failed: false }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        Disk.remove(path)
    }

    fn sync_directory_of(&self, path: &Path) -> io::Result<()> {
        Disk.sync_directory_of(path)
    }
}

impl ActiveFile for OnBroken {
    fn file(&self) -> &File {
        self.file.file()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.disk.room.load(Ordering::SeqCst);
        if room <= 0 {
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        let len = bytes.len().min(room as usize);
        self.disk.room.fetch_sub(len as i64, Ordering::SeqCst);
        self.file.write(&bytes[..len])
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.failed {
            self.disk.asked_again.fetch_add(1, Ordering::SeqCst);
        }
        if self.disk.syncs.fetch_sub(1, Ordering::SeqCst) <= 0
            && self.disk.failing_syncs.fetch_sub(1, Ordering::SeqCst) > 0
        {
            self.failed = true;
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        self.file.sync()
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        if self.disk.cuts_fail.load(Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        self.file.cut(len)
    }
}

fn log_on(place: &Place, disk: &Arc<Broken>, durability: Durability) -> FileLog {
    FileLog::on(FileConfig::new(&place.path).with_durability(durability), Arc::new(disk.clone()))
}

#[test]
fn a_disk_full_at_every_byte_leaves_no_trace_of_the_failed_batch() {
    let batch = facts(1..=3);
    let size = {
        let place = place();
        block_on(place.log().append(&batch)).unwrap();
        fs::metadata(&place.path).unwrap().len() as i64
    };
    // The time in the header is a few digits longer or shorter, and a file of full length does not fail.
    for room in 0..size - 8 {
        let (place, disk) = (place(), Arc::new(broken()));
        disk.room.store(room, Ordering::SeqCst);
        let log = log_on(&place, &disk, Durability::Synced);
        let error = block_on(log.append(&batch)).unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Io, Outcome::NotWritten), "{room}");
        disk.room.store(i64::MAX, Ordering::SeqCst);
        let appended = block_on(log.append(&facts(4..=5))).unwrap();
        assert_eq!(appended.positions, [Position::from_seq(1), Position::from_seq(2)], "{room}");
        assert_eq!(place.seqs(), [1, 2]);
        assert_eq!(place.found(), []);
    }
}

#[test]
fn a_failed_write_that_cannot_be_cut_back_is_cut_before_anything_else_is_written() {
    let (place, disk) = (place(), Arc::new(broken()));
    let log = log_on(&place, &disk, Durability::Synced);
    block_on(log.append(&facts(1..=1))).unwrap();
    disk.room.store(70, Ordering::SeqCst);
    disk.cuts_fail.store(true, Ordering::SeqCst);
    assert_eq!(block_on(log.append(&facts(2..=2))).unwrap_err().outcome(), Outcome::Unknown);
    disk.room.store(i64::MAX, Ordering::SeqCst);
    assert_eq!(block_on(log.append(&facts(3..=3))).unwrap_err().outcome(), Outcome::NotWritten);
    disk.cuts_fail.store(false, Ordering::SeqCst);
    block_on(log.append(&facts(4..=4))).unwrap();
    assert_eq!(place.seqs(), [1, 2]);
    assert_eq!(place.found(), []);
}

#[test]
fn after_a_failed_sync_the_facts_are_written_again_through_a_new_descriptor() {
    for durability in [Durability::Synced, Durability::Buffered] {
        let (place, disk) = (place(), Arc::new(broken()));
        let log = log_on(&place, &disk, durability);
        block_on(log.append(&facts(1..=2))).unwrap();
        disk.syncs.store(0, Ordering::SeqCst);
        disk.failing_syncs.store(1, Ordering::SeqCst);
        block_on(log.append(&facts(3..=4))).unwrap();
        block_on(log.close()).unwrap();
        assert_eq!(disk.asked_again.load(Ordering::SeqCst), 0);
        assert_eq!(place.seqs(), [1, 2, 3, 4]);
        assert_eq!(place.found(), []);
    }
}

#[test]
fn a_second_failed_sync_closes_the_log_for_appends() {
    let (place, disk) = (place(), Arc::new(broken()));
    let log = log_on(&place, &disk, Durability::Synced);
    block_on(log.append(&facts(1..=1))).unwrap();
    disk.syncs.store(0, Ordering::SeqCst);
    disk.failing_syncs.store(2, Ordering::SeqCst);
    let error = block_on(log.append(&facts(2..=2))).unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Closed, Outcome::Unknown));
    let error = block_on(log.append(&facts(3..=3))).unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Closed, Outcome::NotWritten));
    assert_eq!(disk.asked_again.load(Ordering::SeqCst), 0);
    assert_eq!(place.seqs()[0], 1);
}

/// Appends without a pause until something has happened.
fn append_until(log: &FileLog, mut happened: impl FnMut(Result<Appended>) -> bool) {
    let began = std::time::Instant::now();
    while !happened(block_on(log.append(&facts(1..=1)))) {
        assert!(began.elapsed().as_secs() < 60, "it never happened");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn buffered_facts_are_synced_while_others_keep_coming() {
    let (place, disk) = (place(), Arc::new(broken()));
    let log = log_on(&place, &disk, Durability::Buffered);
    block_on(log.append(&facts(1..=1))).unwrap();
    let before = disk.syncs.load(Ordering::SeqCst);
    append_until(&log, |_| disk.syncs.load(Ordering::SeqCst) < before);
}

#[test]
fn a_log_that_lost_buffered_facts_says_so_when_it_is_closed() {
    let (place, disk) = (place(), Arc::new(broken()));
    let log = log_on(&place, &disk, Durability::Buffered);
    block_on(log.append(&facts(1..=1))).unwrap();
    disk.syncs.store(0, Ordering::SeqCst);
    disk.failing_syncs.store(2, Ordering::SeqCst);
    append_until(&log, |appended| appended.is_err());
    assert_eq!(block_on(log.close()).unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn buffered_lines_that_a_moved_file_could_not_sync_are_named() {
    let (place, disk) = (place(), Arc::new(broken()));
    let log = log_on(&place, &disk, Durability::Buffered);
    block_on(log.append(&facts(1..=2))).unwrap();
    disk.syncs.store(0, Ordering::SeqCst);
    disk.failing_syncs.store(1, Ordering::SeqCst);
    fs::rename(&place.path, place.path.with_extension("old")).unwrap();
    block_on(log.append(&facts(3..=3))).unwrap();
    block_on(log.close()).unwrap();
    assert_eq!(disk.asked_again.load(Ordering::SeqCst), 0);
    let told: Vec<String> = place.read(ReadOptions::oldest_first()).iter().map(|entry| entry.fact.to_json()).collect();
    let failed = told.iter().find(|fact| fact.contains("SyncFailed")).unwrap();
    assert!(failed.contains(r#""payload":{"suspect_from":1,"suspect_to":2}"#), "{failed}");
    assert!(told.iter().any(|fact| fact.contains("LogReplaced")));
}
