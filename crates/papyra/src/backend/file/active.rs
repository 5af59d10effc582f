//! The file that is written to: opened and settled, appended to, cut back, synced, and opened anew when it was replaced.

use std::{
    io,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    FileConfig,
    encoded::{Encoded, Next, STAMP_BYTES},
    lock::{HeldLock, LockPaths, SwapGuard, SwapLock},
    opened::{Opened, own_event, refuse_links},
    storage::{self, ActiveFile, Identity, Storage},
    unsynced::Unsynced,
};
use crate::{Durability, Error, ErrorKind, Fact, Payload, Result, codec::Header};

/// An open log: the writer's lock, the file, and where it stands.
#[derive(Debug)]
pub(super) struct Active {
    path: PathBuf,
    durability: Durability,
    storage: Arc<dyn Storage>,
    _writer_lock: HeldLock,
    swap: SwapLock,
    generation: u64,
    file: Box<dyn ActiveFile>,
    identity: Identity,
    header: Header,
    /// How long the file is, by what this writer knows.
    len: u64,
    next: Next,
    /// An append failed and could not be cut back: nothing is written before that is done.
    must_cut: bool,
    unsynced: Unsynced,
    /// What Papyra itself has to say, at the beginning of the next batch.
    remarks: Vec<Fact>,
    /// The name of the file may not be durable yet.
    sync_directory: bool,
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
        storage::create_directory_of(&config.path)?;
        let locks = LockPaths::beside(&config.path);
        refuse_links(&config.path)?;
        let writer_lock = HeldLock::take(&locks.writer, verb, config.lock_timeout, &config.path)?;
        let mut swap = SwapLock::open(&locks.swap)?;
        let held = swap.hold()?;
        let generation = swap.generation(&held)?;
        let opened = Opened::new(&config.path, &*storage, None)?;
        let mut unsynced = Unsynced::default();
        unsynced.begin(opened.len);
        Ok(Active {
            path: config.path.clone(),
            durability: config.durability,
            storage,
            _writer_lock: writer_lock,
            swap,
            generation,
            identity: opened.identity,
            file: opened.file,
            header: opened.header,
            len: opened.len,
            next: opened.next,
            must_cut: false,
            unsynced,
            remarks: opened.remarks,
            sync_directory: false,
        })
    }

    /// Whether there is something that should be written even if nobody appends.
    pub(super) fn has_remarks(&self) -> bool {
        !self.remarks.is_empty()
    }

    /// Appends batches with one write and, if synced durability is asked for, one sync: all of it or nothing.
    pub(super) fn commit(&mut self, batches: &[&Encoded]) -> Result<Committed> {
        let held = self.swap.hold()?;
        self.find_place(&held)?;
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
        let mut synced_in = None;
        if self.durability == Durability::Synced {
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
        let held = self.swap.hold()?;
        self.find_place(&held)?;
        if self.unsynced.first_seq.is_some() { self.sync() } else { Ok(()) }
    }

    /// Makes everything durable before the writer ends.
    pub(super) fn finish(&mut self) -> Result<()> {
        if self.has_remarks() {
            self.commit(&[])?;
        }
        let _held = self.swap.hold()?;
        if self.unsynced.first_seq.is_some() { self.sync() } else { Ok(()) }
    }

    /// Cuts the file back to the last good line; whether that worked.
    fn cut_back(&mut self) -> bool {
        self.must_cut = self.file.cut(self.len).is_err();
        !self.must_cut
    }

    /// Makes sure that the descriptor still leads to the log, and that the log ends where this writer left it.
    fn find_place(&mut self, held: &SwapGuard) -> Result<()> {
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
            storage::sync_directory_of(&self.path)
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
        refuse_links(&self.path)?;
        let opened = Opened::new(&self.path, &*self.storage, Some((&self.header, self.next.seq)))?;
        let same_log = opened.header.log_id == self.header.log_id;
        let expected = !same_log || opened.next.seq == self.next.seq;
        let mut next = opened.next;
        if same_log {
            next.seq = next.seq.max(self.next.seq);
            next.skew = next.skew.max(self.next.skew);
            next.newest = next.newest.into_iter().chain(self.next.newest).reduce(f64::max);
        }
        if why == Why::Replaced || (why == Why::Swapped && !expected) {
            self.remarks.push(own_event("LogReplaced", Payload::empty()));
            tracing::warn!(target: "papyra", path = %self.path.display(), "the log's file was moved, removed or cut by another program; going on in a new one");
        }
        self.remarks.extend(opened.remarks);
        self.unsynced.begin(opened.len);
        (self.file, self.identity, self.header, self.len, self.next) =
            (opened.file, opened.identity, opened.header, opened.len, next);
        self.must_cut = false;
        // A rename whose maintainer died may not be durable yet, and with it everything that we add.
        self.sync_directory = true;
        self.sync_directory_if_due()
    }

    /// Makes what was written durable. After a failed sync the descriptor is never asked again: the system may have dropped
    /// the very pages that failed and would then say that all is well.
    fn sync(&mut self) -> Result<()> {
        let Err(cause) = self.file.sync() else {
            self.unsynced.begin(self.len);
            return Ok(());
        };
        tracing::warn!(target: "papyra", path = %self.path.display(), error = %cause, "a sync failed; writing again through a new descriptor");
        match self.write_again() {
            Ok(()) => {
                if let Some((from, to)) = self.unsynced.forgotten {
                    self.remarks.push(sync_failed(from, to));
                }
                self.unsynced.begin(self.len);
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
