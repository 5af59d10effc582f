//! The file that is written to: opened and settled, appended to, cut back, synced, and opened anew when it was replaced.

use std::{
    ffi::OsString,
    io,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    FileConfig,
    beginning::Beginning,
    encoded::{Encoded, Next, STAMP_BYTES},
    lock::{HeldLock, SwapGuard, SwapLock},
    log_end::LogEnd,
    opened::{Opened, own_event, refuse_links},
    rotate::Dropped,
    segments::{self, Segment, Segments},
    storage::{self, ActiveFile, Identity, Storage},
    unsynced::Unsynced,
};
use crate::{Durability, Error, ErrorKind, Fact, Payload, Result, codec::Header};

/// An open log: the writer's lock, the file, and where it stands.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) config: FileConfig,
    pub(super) segments: Segments,
    /// What the segments are called, the number of the one that is written to, and its path.
    pub(super) name: OsString,
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) storage: Arc<dyn Storage>,
    writer_lock: HeldLock,
    swap: SwapLock,
    generation: u64,
    pub(super) file: Box<dyn ActiveFile>,
    pub(super) identity: Identity,
    pub(super) header: Header,
    /// How long the file is, by what this writer knows.
    pub(super) len: u64,
    /// Whether anything but a header stands in it.
    pub(super) holds_lines: bool,
    pub(super) next: Next,
    /// An append failed and could not be cut back: nothing is written before that is done.
    must_cut: bool,
    pub(super) unsynced: Unsynced,
    /// What Papyra itself has to say, at the beginning of the next batch.
    pub(super) remarks: Vec<Fact>,
    /// The name of the file may not be durable yet.
    pub(super) sync_directory: bool,
    /// A segment that could not be begun whole: nothing is written before it is gone.
    pub(super) half_begun: Option<PathBuf>,
    /// Beginning a segment failed, and that was told.
    pub(super) rotation_failed: bool,
    /// Segments that are still there but no part of the log any more, the lowest first.
    pub(super) dropped: Vec<Dropped>,
}

/// What was written for one commit.
#[derive(Debug)]
pub(super) struct Committed {
    /// The number of the first fact of the batches.
    pub(super) first_seq: u64,
    /// Papyra's own facts in front of them, with their numbers and sizes.
    pub(super) remarks: Vec<(u64, Fact, u64)>,
    /// All bytes written.
    pub(super) bytes: u64,
    /// How long the sync took, if there was one.
    pub(super) synced_in: Option<Duration>,
}

impl Active {
    /// Opens a log for writing: lock, settle the tail, make durable what a dead maintainer may have left undurable.
    pub(super) fn open(config: &FileConfig, storage: Arc<dyn Storage>, verb: &str) -> Result<Active> {
        let segments = Segments::of(config);
        storage::create_directory_of(&segments.locks().writer)?;
        let locks = segments.locks();
        refuse_links(segments.home())?;
        let writer_lock = HeldLock::take(&locks.writer, verb, config.lock_timeout, &config.path)?;
        let mut swap = SwapLock::open(&locks.swap)?;
        let held = swap.hold()?;
        let generation = swap.generation(&held)?;
        let (name, segment) = begin_at(&segments, &*storage)?;
        refuse_links(&segment.path)?;
        let opened = Opened::new(&segment, &*storage, || end_before(&segments, segment.number))?;
        let mut unsynced = Unsynced::default();
        unsynced.begin(opened.len);
        let mut active = Active {
            config: config.clone(),
            segments,
            name,
            number: segment.number,
            path: segment.path,
            storage,
            writer_lock,
            swap,
            generation,
            identity: opened.identity,
            file: opened.file,
            header: opened.header,
            len: opened.len,
            holds_lines: opened.holds_lines,
            next: opened.next,
            must_cut: false,
            unsynced,
            remarks: opened.remarks,
            sync_directory: false,
            half_begun: None,
            rotation_failed: false,
            dropped: Vec::new(),
        };
        active.take_up_dropped()?;
        Ok(active)
    }

    /// Whether there is something that should be written even if nobody appends.
    pub(super) fn has_remarks(&self) -> bool {
        !self.remarks.is_empty()
    }

    /// Appends batches with one write and, if synced durability is asked for, one sync: all of it or nothing.
    pub(super) fn commit(&mut self, batches: &[&Encoded]) -> Result<Committed> {
        let held = self.hold()?;
        self.find_place(&held)?;
        self.rotate_if_due(batches)?;
        let mut out = Vec::with_capacity(batches.iter().map(|batch| batch.bytes() + batch.len() * STAMP_BYTES).sum());
        let mut next = self.next;
        let mut remarks = Vec::new();
        for fact in &self.remarks {
            let (seq, start) = (next.seq, out.len());
            let mut own = Encoded::default();
            own.push(fact);
            own.write(&mut next, &mut out);
            remarks.push((seq, fact.clone(), (out.len() - start) as u64));
        }
        let first_seq = next.seq;
        for batch in batches {
            batch.write(&mut next, &mut out);
        }
        if out.is_empty() {
            return Ok(Committed { first_seq, remarks, bytes: 0, synced_in: None });
        }
        if let Err(error) = storage::write_all(&mut *self.file, &out) {
            let failed = Error::io("append to", &self.path, error);
            return Err(if self.cut_back() { failed } else { failed.with_unknown_outcome() });
        }
        self.unsynced.add(&out, (self.next.seq, next.seq - 1));
        self.len += out.len() as u64;
        self.holds_lines = true;
        self.dropped_are_announced();
        let mut synced_in = None;
        if self.config.durability == Durability::Synced {
            let began = Instant::now();
            self.sync()?;
            synced_in = Some(began.elapsed());
        }
        self.next = next;
        // A sync that failed and was mended may have added a remark: it stays for the next batch.
        self.remarks.drain(..remarks.len());
        Ok(Committed { first_seq, remarks, bytes: out.len() as u64, synced_in })
    }

    /// Looks after the file while nobody appends: was it replaced, was it moved away, is anything to be synced?
    pub(super) fn look_after(&mut self) -> Result<()> {
        let held = self.hold()?;
        self.find_place(&held)?;
        if self.unsynced.first_seq.is_some() { self.sync() } else { Ok(()) }
    }

    /// Makes everything durable before the writer ends.
    pub(super) fn finish(&mut self) -> Result<()> {
        if self.has_remarks() {
            self.commit(&[])?;
        }
        let _held = self.hold()?;
        if self.unsynced.first_seq.is_some() { self.sync() } else { Ok(()) }
    }

    /// Takes the swap lock. A directory that was moved away took its locks along: the log goes on in a new one.
    fn hold(&mut self) -> Result<SwapGuard> {
        match (self.swap.hold(), &self.segments) {
            (Err(error), Segments::Directory(home)) if error.kind() == ErrorKind::NotFound && !home.exists() => {
                storage::create_directory(home)?;
                let locks = self.segments.locks();
                self.writer_lock = HeldLock::take(&locks.writer, "append", self.config.lock_timeout, home)?;
                self.swap = SwapLock::open(&locks.swap)?;
                let held = self.swap.hold()?;
                self.generation = self.swap.generation(&held)?;
                Ok(held)
            }
            (held, _) => held,
        }
    }

    /// Cuts the file back to the last good line; whether that worked.
    fn cut_back(&mut self) -> bool {
        self.must_cut = self.file.cut(self.len).is_err();
        !self.must_cut
    }

    /// Makes sure that the descriptor still leads to the log, and that the log ends where this writer left it.
    fn find_place(&mut self, held: &SwapGuard) -> Result<()> {
        self.remove_half_begun()?;
        let path = self.path.clone();
        let failed = |error| Error::io("look at", &path, error);
        let generation = self.swap.generation(held)?;
        if generation != self.generation {
            self.reopen(Why::Swapped)?;
            self.generation = generation;
            return Ok(());
        }
        if Identity::at(&path).map_err(failed)? != Some(self.identity) {
            return self.reopen(Why::Replaced);
        }
        if self.must_cut && !self.cut_back() {
            return Err(Error::new(
                ErrorKind::Io,
                format!("cannot cut a failed write from the end of `{}`", self.path.display()),
            )
            .with_cure("make room or lift what forbids cutting the file (lsattr), then append again"));
        }
        let len = self.file.file().metadata().map_err(failed)?.len();
        match len.cmp(&self.len) {
            std::cmp::Ordering::Equal => self.sync_directory_if_due(),
            std::cmp::Ordering::Less => self.reopen(Why::Replaced),
            // Another program appended without asking: its lines stay, ours go behind them.
            std::cmp::Ordering::Greater => self.reopen(Why::Appended),
        }
    }

    fn sync_directory_if_due(&mut self) -> Result<()> {
        if self.sync_directory {
            self.storage
                .sync_directory_of(&self.path)
                .map_err(|error| Error::io("sync the directory of", &self.path, error))?;
            self.sync_directory = false;
        }
        Ok(())
    }

    /// Opens the path anew; numbers go on where they were.
    fn reopen(&mut self, why: Why) -> Result<()> {
        if let Some(first) = self.unsynced.first_seq {
            // What was acknowledged as buffered stands in the old file, wherever that is now. If it cannot be made durable
            // there the log must say so: this descriptor is not asked a second time.
            let synced = self.file.sync();
            self.unsynced.begin(self.len);
            if synced.is_err() {
                self.remarks.push(sync_failed(first, self.next.seq - 1));
            }
        }
        let segment = self.successor()?;
        refuse_links(&segment.path)?;
        let known = LogEnd::known(self.next, self.header.clone());
        let opened = Opened::new(&segment, &*self.storage, || Ok(Some(known)))?;
        let same_log = opened.header.log_id == self.header.log_id;
        let expected = !same_log || opened.next.seq == self.next.seq;
        let mut next = opened.next;
        if same_log {
            next.go_on_from(&self.next);
        }
        if why == Why::Replaced || (why == Why::Swapped && !expected) {
            self.remarks.push(own_event("LogReplaced", Payload::empty()));
            tracing::warn!(target: "papyra", path = %self.path.display(), "the log's file was moved, removed or cut by another program; going on in a new one");
        }
        self.remarks.extend(opened.remarks);
        self.unsynced.begin(opened.len);
        (self.path, self.number) = (segment.path, segment.number);
        (self.file, self.identity, self.header, self.len, self.next) =
            (opened.file, opened.identity, opened.header, opened.len, next);
        self.holds_lines = opened.holds_lines;
        self.must_cut = false;
        // A rename whose maintainer died may not be durable yet, and with it everything that we add.
        self.sync_directory = true;
        self.sync_directory_if_due()
    }

    /// The file to go on in if the present one cannot be relied on: its own place, or a higher segment, or whatever another
    /// log's files that took the place of ours end with.
    fn successor(&mut self) -> Result<Segment> {
        let listing = self.segments.list()?;
        let Some(highest) = listing.segments.last() else {
            return Ok(Segment { number: self.number, path: self.segments.path(&self.name, self.number) });
        };
        self.name = listing.name;
        let is_other_log = || {
            let header = Beginning::of(&highest.path)?.header;
            Ok(header.is_some_and(|header| header.log_id != self.header.log_id))
        };
        if highest.number >= self.number || is_other_log()? {
            return Ok(highest.clone());
        }
        Ok(Segment { number: self.number, path: self.segments.path(&self.name, self.number) })
    }

    /// Makes what was written durable. After a failed sync the descriptor is never asked again: the system may have dropped
    /// the very pages that failed and would then say that all is well.
    pub(super) fn sync(&mut self) -> Result<()> {
        let Err(cause) = self.file.sync() else {
            self.unsynced.begin(self.len);
            self.delete_dropped();
            return Ok(());
        };
        tracing::warn!(target: "papyra", path = %self.path.display(), error = %cause, "a sync failed; writing again through a new descriptor");
        match self.write_again() {
            Ok(()) => {
                if let Some((from, to)) = self.unsynced.forgotten {
                    self.remarks.push(sync_failed(from, to));
                }
                self.unsynced.begin(self.len);
                self.delete_dropped();
                Ok(())
            }
            Err(error) => Err(Error::new(
                ErrorKind::Closed,
                format!(
                    "a sync of `{}` failed, and so did writing again ({error}): the log is closed for appends",
                    self.path.display()
                ),
            )
            .with_cure("look at the disk and the kernel's log, scan the log, then start the writer anew")
            .with_source(cause)
            .with_unknown_outcome()),
        }
    }

    fn write_again(&mut self) -> io::Result<()> {
        let mut file = self.storage.open(&self.path, false)?;
        if Identity::of(file.file())? != self.identity {
            return Err(io::Error::other("the path names another file by now"));
        }
        // Lines that are no longer in memory cannot be written again, so they are not cut.
        file.cut(self.unsynced.held_from)?;
        storage::write_all(&mut *file, &self.unsynced.bytes)?;
        file.sync()?;
        self.file = file;
        Ok(())
    }
}

/// The name of a log's segments, and the one to go on in; the first one, if there is none. A highest segment without one
/// complete line is a rotation that was interrupted: nothing in it was acknowledged, and it goes.
fn begin_at(segments: &Segments, storage: &dyn Storage) -> Result<(OsString, Segment)> {
    let mut listing = segments.list()?;
    if let [.., _, highest] = &*listing.segments {
        let path = &highest.path;
        let failed = |error| Error::io("look at", path, error);
        let file = storage::open_for_reading(path)?;
        let size = file.metadata().map_err(failed)?.len();
        if segments::is_unborn(&file, size).map_err(failed)? {
            let failed = |error| Error::io("remove the interrupted", path, error);
            storage.remove(path).and_then(|()| storage.sync_directory_of(path)).map_err(failed)?;
            tracing::warn!(target: "papyra", path = %path.display(), "removed a segment that was interrupted before it began");
            listing.segments.pop();
        }
    }
    let first = || Segment { number: 1, path: segments.path(&listing.name, 1) };
    let segment = listing.segments.last().cloned().unwrap_or_else(first);
    Ok((listing.name, segment))
}

/// How the log ends before a segment, if any is before it.
fn end_before(segments: &Segments, number: u64) -> Result<Option<LogEnd>> {
    let (_, end) = segments.look(|listing| {
        let lower = listing.segments.partition_point(|segment| segment.number < number);
        let Some(lower) = listing.segments.get(..lower).filter(|lower| !lower.is_empty()) else { return Ok(None) };
        let mut end = LogEnd::of(lower)?;
        end.look_elsewhere().map_err(|error| Error::io("read", segments.home(), error))?;
        Ok(Some(end))
    })?;
    Ok(end)
}

/// Why a path is opened anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// Maintenance put a new file in its place.
    Swapped,
    /// Somebody moved, removed or cut it.
    Replaced,
    /// Somebody appended to it.
    Appended,
}

/// These lines may or may not survive a power cut, although they were acknowledged as buffered.
fn sync_failed(from: u64, to: u64) -> Fact {
    own_event("SyncFailed", Payload::of(&serde_json::json!({ "suspect_from": from, "suspect_to": to })))
}
