//! The file that is written to: opened and settled, appended to, cut back, synced, and opened anew when it was replaced.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    judge::{self, Open},
    layout::{End, LEAST_SKEW, Layout},
    lines,
    lock::{HeldLock, LockPaths, SwapGuard, SwapLock},
    storage::{self, ActiveFile, Identity, Storage},
};
use crate::{
    Durability, Error, ErrorKind, Event, Fact, Payload, Result, Timestamp,
    backend::file::FileConfig,
    codec::{self, Header, Stamp},
};

/// How much that was written but not synced is kept in memory, to be written again if a sync fails.
const MAX_UNSYNCED: usize = 8 << 20;
/// The address of what Papyra itself has to say.
const OWN_ADDRESS: &str = "papyra://log";

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

/// What the next line depends on.
#[derive(Clone, Copy, Debug)]
struct Next {
    seq: u64,
    skew: f64,
    newest: Option<f64>,
}

impl Next {
    fn stamp(&mut self, timestamp: f64) -> Stamp {
        if let Some(newest) = self.newest {
            self.skew = self.skew.max(newest - timestamp);
        }
        self.newest = Some(self.newest.map_or(timestamp, |newest| newest.max(timestamp)));
        let stamp = Stamp { seq: self.seq, skew: (self.skew > LEAST_SKEW).then_some(self.skew) };
        self.seq += 1;
        stamp
    }
}

/// What was written since the last sync.
#[derive(Debug, Default)]
struct Unsynced {
    /// The bytes that can be written again, and where they stand in the file.
    bytes: Vec<u8>,
    held_from: u64,
    /// The first number since the last sync, if anything was written.
    first_seq: Option<u64>,
    /// The numbers of lines that are no longer in memory.
    forgotten: Option<(u64, u64)>,
}

impl Unsynced {
    fn begin(&mut self, at: u64) {
        (self.held_from, self.first_seq, self.forgotten) = (at, None, None);
        self.bytes.clear();
    }

    fn add(&mut self, bytes: &[u8], seqs: (u64, u64)) {
        self.first_seq.get_or_insert(seqs.0);
        if self.bytes.len() + bytes.len() > MAX_UNSYNCED {
            self.held_from += self.bytes.len() as u64;
            self.bytes.clear();
            if let Some(first) = self.first_seq.filter(|first| *first < seqs.0) {
                self.forgotten = Some((first, seqs.0 - 1));
            }
        }
        self.bytes.extend_from_slice(bytes);
    }
}

/// The encoded members of facts, ready to be stamped.
#[derive(Debug, Default)]
pub(super) struct Encoded {
    bytes: Vec<u8>,
    /// Where each fact's members end, and its time.
    ends: Vec<(usize, f64)>,
}

/// What a stamp adds to a line at most: skew, seq, checksum, newline.
const STAMP_BYTES: usize = 80;

impl Encoded {
    /// Encodes facts and refuses what no line may hold.
    pub(super) fn of(facts: &[Fact], config: &FileConfig) -> Result<Encoded> {
        let mut encoded = Encoded::default();
        for (at, fact) in facts.iter().enumerate() {
            encoded.push(fact);
            let (end, _) = encoded.ends[at];
            let start = if at == 0 { 0 } else { encoded.ends[at - 1].0 };
            let len = end - start + STAMP_BYTES;
            if len > config.max_line {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!(
                        "fact {} of the batch takes {len} bytes, a line of `{}` may take {}",
                        at + 1,
                        config.path.display(),
                        config.max_line
                    ),
                )
                .with_cure("make the payload smaller, or raise max_line (at most 64MiB)"));
            }
        }
        Ok(encoded)
    }

    fn push(&mut self, fact: &Fact) {
        codec::encode_body(fact, &mut self.bytes);
        self.ends.push((self.bytes.len(), fact.timestamp().seconds()));
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    fn write(&self, next: &mut Next, out: &mut Vec<u8>) {
        let mut start = 0;
        for &(end, timestamp) in &self.ends {
            let line = out.len();
            out.extend_from_slice(&self.bytes[start..end]);
            codec::stamp(out, line, next.stamp(timestamp));
            start = end;
        }
    }
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
            return Ok(Committed { first_seq, remarks, bytes: 0 });
        }
        if let Err(error) = storage::write_all(&mut *self.file, &out) {
            let failed = Error::io("append to", &self.path, error);
            return Err(if self.cut_back() { failed } else { failed.with_unknown_outcome() });
        }
        self.unsynced.add(&out, (self.next.seq, next.seq - 1));
        self.len += out.len() as u64;
        if self.durability == Durability::Synced {
            self.sync()?;
        }
        self.next = next;
        // A sync that failed and was mended may have added a remark: it stays for the next batch.
        self.remarks.drain(..remarks.len());
        Ok(Committed { first_seq, remarks, bytes: out.len() as u64 })
    }

    /// Looks after the file while nobody appends: was it replaced, was it moved away, is anything to be synced?
    pub(super) fn look_after(&mut self) -> Result<()> {
        let held = self.swap.hold()?;
        self.find_place(&held)?;
        if self.unsynced.first_seq.is_some() { self.sync() } else { Ok(()) }
    }

    /// Makes everything durable before the writer ends.
    pub(super) fn finish(&mut self) -> Result<()> {
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
        if self.unsynced.first_seq.is_some() {
            // What was acknowledged as buffered stands in the old file, wherever that is now.
            let _ = self.file.sync();
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
                    let payload = Payload::of(&serde_json::json!({ "suspect_from": from, "suspect_to": to }));
                    self.remarks.push(own_event("SyncFailed", payload));
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

/// A file that was opened and settled.
struct Opened {
    file: Box<dyn ActiveFile>,
    identity: Identity,
    header: Header,
    len: u64,
    next: Next,
    remarks: Vec<Fact>,
}

impl Opened {
    /// Opens the file, creates it if it is not there, settles its tail, and makes sure that its sealed part has a header.
    /// `before` is the header that the log had, and its next number, where the file takes the place of another.
    fn new(path: &Path, storage: &dyn Storage, before: Option<(&Header, u64)>) -> Result<Opened> {
        let failed = |doing: &'static str| move |error| Error::io(doing, path, error);
        let mut active = match storage.open(path, false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => storage.open(path, true).map_err(|error| {
                let error = Error::io("create", path, error);
                match error.kind() {
                    ErrorKind::Io | ErrorKind::NotFound => {
                        Error::new(ErrorKind::Create, error.to_string()).with_source(error)
                    }
                    _ => error,
                }
            })?,
            opened => opened.map_err(failed("open for writing"))?,
        };
        storage::must_be_regular(active.file(), path)?;
        let identity = Identity::of(active.file()).map_err(failed("look at"))?;
        let size = active.file().metadata().map_err(failed("look at"))?.len();
        let file = Arc::new(active.file().try_clone().map_err(failed("open"))?);
        let (mut end, layout) = End::of(&file, size, path)?;
        let settled = Settled::of(&file, size, &mut end, &layout).map_err(failed("read"))?;
        let mut remarks = Vec::new();
        if settled.cut_from < size {
            active.cut(settled.cut_from).map_err(failed("cut the torn tail of"))?;
            let bytes = size - settled.cut_from;
            let payload = serde_json::json!({ "offset": settled.cut_from, "bytes": bytes });
            remarks.push(own_event("TailSettled", Payload::of(&payload)));
            tracing::warn!(target: "papyra", path = %path.display(), offset = settled.cut_from, bytes, "settled a torn tail that a crash left");
        }
        let mut addition = Vec::new();
        if settled.add_newline {
            addition.push(b'\n');
        }
        let header = match layout.header {
            Some(header) => header,
            None => {
                let header = match before {
                    Some((before, next_seq)) => Header {
                        first_seq: next_seq,
                        gaps_through: 0,
                        kept: 0,
                        kept_xor: 0,
                        created: Timestamp::now(),
                        ..before.clone()
                    },
                    None => Header::first(uuid::Uuid::now_v7().to_string(), end.next_seq, Timestamp::now()),
                };
                // Sealed lines without any header: the next rewrite gives them one, a header in the middle would be wrong.
                if !layout.is_sealed(end.offset) {
                    end.next_seq = header.first_seq;
                    header.encode(&mut addition);
                }
                header
            }
        };
        let mut len = settled.cut_from;
        if !addition.is_empty()
            && let Err(error) = storage::write_all(&mut *active, &addition)
        {
            // A header without its end would be a torn tail for the next start; nothing else is lost.
            let _ = active.cut(len);
            return Err(Error::io("begin", path, error));
        }
        len += addition.len() as u64;
        active.sync().map_err(failed("sync"))?;
        storage::sync_directory_of(path).map_err(failed("sync the directory of"))?;
        let next = Next { seq: end.next_seq, skew: end.skew, newest: end.newest };
        Ok(Opened { file: active, identity, header, len, next, remarks })
    }
}

/// What becomes of the bytes behind the last newline.
struct Settled {
    cut_from: u64,
    add_newline: bool,
}

impl Settled {
    /// A whole line that lacks only its newline is kept; anything else was never acknowledged and goes.
    fn of(file: &Arc<std::fs::File>, size: u64, end: &mut End, layout: &Layout) -> io::Result<Settled> {
        let cut = Settled { cut_from: end.offset, add_newline: false };
        let len = size - end.offset;
        if len == 0 || len > codec::MAX_READ_LINE as u64 {
            return Ok(cut);
        }
        let mut tail = vec![0; len as usize];
        let got = lines::read_at(file, &mut tail, end.offset)?;
        tail.truncate(got);
        let sealed_part = layout.is_sealed(end.offset);
        if sealed_part
            && let Some(len) = codec::sealed_prefix(&tail)
            && let Some(line) = codec::tail(&tail[..len]).filter(|line| line.seq == end.next_seq)
        {
            end.next_seq += 1;
            if let Some(head) = codec::head(&tail[..len], &line) {
                end.skew = line.skew.unwrap_or(LEAST_SKEW).max(end.skew);
                end.newest = end.newest.into_iter().chain([head.timestamp + end.skew]).reduce(f64::max);
            }
            return Ok(Settled { cut_from: end.offset + len as u64, add_newline: true });
        }
        let open = if sealed_part { judge::judge_unsealed(&tail) } else { judge::judge_legacy(&tail, end.offset == 0) };
        if let Open::Fact(_) = open {
            // Another program's whole fact: what it wrote is not ours to cut.
            end.next_seq += u64::from(!sealed_part);
            return Ok(Settled { cut_from: size, add_newline: true });
        }
        Ok(cut)
    }
}

/// A log is never written through a symbolic link: whoever can make one could lead us to another's file.
fn refuse_links(path: &Path) -> Result<()> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_symlink() => {
            Err(Error::new(ErrorKind::Config, format!("`{}` is a symbolic link", path.display()))
                .with_cure("name the file itself: Papyra never writes through a link"))
        }
        _ => Ok(()),
    }
}

fn own_event(event_type: &str, payload: Payload) -> Fact {
    Event::new(OWN_ADDRESS, event_type).with_payload(payload).into()
}
