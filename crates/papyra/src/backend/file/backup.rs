//! Backing up: the log is handed over as it was at one moment, beside a living writer.

use std::{
    collections::VecDeque,
    fs::File,
    io,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use super::{
    FileConfig,
    ahead::AHEAD,
    judge::{self, Open},
    layout::{End, Layout},
    lines,
    lock::{HeldLock, SwapLock},
    opened::{Settled, refuse_links},
    pass::Pass,
    segments::{self, Segment, Segments},
    storage,
};
use crate::{
    Clock, Copied, Error, ErrorKind, Figures, Piece, PieceSink, Position, Result, ScanOptions, ScanReport, SystemClock,
    codec, disk,
};

/// How much is handed over at once.
const BLOCK: usize = 1 << 20;
/// How often the copying begins anew if it was overtaken all the same.
const TRIES: u32 = 5;
/// A file that was changed so short a time ago may be changed once more within the same tick of its file system's clock.
const SETTLED: Duration = Duration::from_secs(2);
/// So many files that are none of the log's are named.
const MAX_STRANGERS: usize = 100;
/// What a log is called in a backup whose own name no backup can carry.
const NAMELESS: &str = "log";

pub(super) fn copy(config: &FileConfig, scheme: &str, sink: &mut dyn PieceSink) -> Result<Copied> {
    let log = Segments::of(config);
    if let Some(last) = log.list_existing()?.segments.last() {
        drop(storage::open_for_reading(&last.path)?);
    }
    refuse_links(log.home())?;
    let locks = log.locks();
    // Nobody compacts or recovers while the files are copied; whoever appends goes on, and rotates.
    let _maintenance = HeldLock::take(&locks.maintenance, "backup", config.lock_timeout, log.home())?;
    let mut swap = SwapLock::open(&locks.swap)?;
    let source = std::path::absolute(log.home()).unwrap_or_else(|_| log.home().to_owned());
    for _ in 0..TRIES {
        let moment = Moment::take(&log, &mut swap)?;
        let mut copied = Copied::from(format!("{scheme}:{}", source.display()));
        if moment.hand_over(&mut copied, sink)? {
            return Ok(copied);
        }
    }
    let message = format!("`{}` drops its files faster than they can be copied", log.home().display());
    Err(Error::new(ErrorKind::Io, message).with_cure("raise `max_segments`, or back up to a faster disk"))
}

/// The log at one moment.
struct Moment {
    sealed: VecDeque<Segment>,
    active: Segment,
    file: Arc<File>,
    size: u64,
    /// Files that are not the log's, or not yet.
    left_out: Vec<String>,
}

impl Moment {
    /// Under the swap lock nobody rotates, and the size is that of whole batches: nothing torn of a living writer.
    fn take(log: &Segments, swap: &mut SwapLock) -> Result<Moment> {
        let _held = swap.hold()?;
        let listing = log.list_existing()?;
        let named = |path: &Path| path.file_name().unwrap_or_default().display().to_string();
        let stranger = |path: &_| format!("{}: it is no file of the log", named(path));
        let mut left_out: Vec<String> =
            listing.strangers.iter().take(MAX_STRANGERS).map(|path| stranger(path)).collect();
        if let more @ 1.. = listing.strangers.len().saturating_sub(MAX_STRANGERS) {
            left_out.push(format!("and {more} more files that are none of the log's"));
        }
        let mut sealed = VecDeque::from(listing.segments);
        while let Some(active) = sealed.pop_back() {
            let failed = |error| Error::io("read", &active.path, error);
            let file = Arc::new(storage::open_for_reading(&active.path)?);
            let size = file.metadata().map_err(failed)?.len();
            // A rotation that was interrupted: nothing was ever acknowledged from there.
            if !sealed.is_empty() && segments::is_unborn(&file, size).map_err(failed)? {
                left_out.push(format!("{}: a rotation that was interrupted", named(&active.path)));
                continue;
            }
            return Ok(Moment { sealed, active, file, size, left_out });
        }
        Err(storage::no_log(log.home()))
    }

    /// Hands the files over, the oldest first; `false` if the writer dropped one before it could be opened.
    fn hand_over(mut self, copied: &mut Copied, sink: &mut dyn PieceSink) -> Result<bool> {
        let extent = Extent::of_active(&self.file, self.size, &self.active.path)?;
        let header = extent.layout.as_ref().and_then(|layout| layout.header.as_ref());
        copied.format = header.map(|_| codec::FORMAT);
        copied.log_id = header.map(|header| header.log_id.clone());
        let single = self.sealed.is_empty();
        let mut ahead = VecDeque::new();
        loop {
            // Held open, so that a writer that drops its oldest ones does not overtake the copying.
            while ahead.len() < AHEAD
                && let Some(segment) = self.sealed.pop_front()
            {
                match storage::open_for_reading(&segment.path) {
                    Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
                    opened => ahead.push_back((segment, Arc::new(opened?))),
                }
            }
            let Some((segment, file)) = ahead.pop_front() else { break };
            let metadata = file.metadata().map_err(|error| Error::io("look at", &segment.path, error))?;
            let whole = Extent::whole(metadata.len());
            let mut piece = Piece::new(name(&segment, false)).with_bytes(whole.len());
            piece.mark = copied.log_id.as_deref().and_then(|log_id| mark(log_id, &metadata));
            copied.pieces.push(piece.name.clone());
            if sink.begin(&piece)? {
                send(&file, &whole, &segment.path, sink)?;
            }
        }
        let piece = Piece::new(name(&self.active, single)).with_bytes(extent.len());
        copied.left_out = self.left_out;
        copied.left_out.extend(extent.left_out(&piece.name));
        copied.pieces.push(piece.name.clone());
        if sink.begin(&piece)? {
            send(&self.file, &extent, &self.active.path, sink)?;
        }
        Ok(true)
    }
}

/// What a file is called in a backup.
fn name(segment: &Segment, single: bool) -> String {
    let own = segment.path.file_name().and_then(|name| name.to_str()).filter(|name| disk::is_plain_name(name));
    match own {
        Some(own) => own.to_owned(),
        None if single => format!("{NAMELESS}.ndjson"),
        None => format!("{NAMELESS}.{:06}.ndjson", segment.number),
    }
}

/// By what the bytes of a sealed segment are known again: nobody can change a file without changing one of these, unless the
/// clock is set back. What was changed just now has no mark yet.
fn mark(log_id: &str, of: &std::fs::Metadata) -> Option<String> {
    let now = SystemClock.now().duration_since(UNIX_EPOCH).ok()?;
    let changed = Duration::new(of.ctime().try_into().ok()?, of.ctime_nsec().try_into().ok()?);
    let (mtime, mtime_nsec) = (of.mtime(), of.mtime_nsec());
    (changed + SETTLED < now).then(|| {
        format!("{log_id}/{}/{mtime}.{mtime_nsec:09}/{}.{:09}", of.ino(), changed.as_secs(), changed.subsec_nanos())
    })
}

/// Hands over the bytes of one file, and what is in them.
fn send(file: &Arc<File>, extent: &Extent, path: &Path, sink: &mut dyn PieceSink) -> Result<()> {
    let failed = |error| Error::io("read", path, error);
    let mut block = vec![0; BLOCK];
    let mut at = 0;
    while at < extent.end {
        let want = (extent.end - at).min(BLOCK as u64) as usize;
        let got = lines::read_at(file, &mut block[..want], at).map_err(failed)?;
        if got == 0 {
            return Err(failed(io::ErrorKind::UnexpectedEof.into()));
        }
        sink.write(&block[..got])?;
        at += got as u64;
    }
    if extent.tail == Tail::NeedsNewline {
        sink.write(b"\n")?;
    }
    let pass = Pass::new(ScanOptions::default(), ScanReport::default());
    let report = pass.run(path, file, extent.lines).map_err(failed)?.report;
    let mut figures = Figures::of(&report);
    extent.last.into_iter().for_each(|(seq, timestamp)| figures.add(Position::from_seq(seq), timestamp));
    sink.end(figures)
}

/// How much of a file belongs to the log.
struct Extent {
    /// So many bytes are copied.
    end: u64,
    /// Where whole lines end.
    lines: u64,
    tail: Tail,
    /// Bytes behind `end`.
    cut: u64,
    /// The fact that lacks only its newline.
    last: Option<(u64, f64)>,
    layout: Option<Layout>,
}

/// What stands behind the last newline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    /// Nothing, or what must stay as it is.
    Whole,
    /// A whole line whose newline was lost.
    NeedsNewline,
    /// What a crash left.
    Torn,
}

impl Extent {
    /// Of a file that nobody appends to any more: whatever stands in it stays.
    fn whole(size: u64) -> Extent {
        Extent { end: size, lines: size, tail: Tail::Whole, cut: 0, last: None, layout: None }
    }

    /// Of the file that is appended to. A torn tail of a dead writer was never acknowledged: it is settled in the copy as
    /// opening the log for writing would settle it.
    fn of_active(file: &Arc<File>, size: u64, path: &Path) -> Result<Extent> {
        let failed = |error| Error::io("read", path, error);
        let lines = lines::behind_last_newline(file, size).map_err(failed)?;
        let mut extent = Extent { lines, ..Extent::whole(size) };
        let (mut end, layout) = match End::of(file, size, path) {
            // What a newer version wrote is copied as it is; only that version can tell what its end means.
            Err(error) if error.kind() == ErrorKind::Corrupt => return Ok(Extent::whole(size)),
            looked => looked?,
        };
        if lines < size {
            let before = end.next_seq;
            let settled = Settled::of(file, size, &mut end, &layout).map_err(failed)?;
            extent.end = settled.cut_from;
            extent.cut = size - settled.cut_from;
            extent.tail = if settled.add_newline { Tail::NeedsNewline } else { Tail::Torn };
            if end.next_seq > before {
                let mut line = vec![0; (extent.end - lines) as usize];
                let got = lines::read_at(file, &mut line, lines).map_err(failed)?;
                line.truncate(got);
                let timestamp = if layout.is_sealed(lines) {
                    codec::tail_and_head(&line).map(|(_, head)| head.timestamp)
                } else {
                    match judge::judge_legacy(&line, lines == 0) {
                        Open::Fact(fact) => Some(fact.timestamp().seconds()),
                        Open::Damaged(_) => None,
                    }
                };
                extent.last = timestamp.map(|timestamp| (before, timestamp));
            }
        }
        extent.layout = Some(layout);
        Ok(extent)
    }

    fn len(&self) -> u64 {
        self.end + u64::from(self.tail == Tail::NeedsNewline)
    }

    fn left_out(&self, name: &str) -> Option<String> {
        let bytes = self.cut;
        (bytes > 0).then(|| {
            format!("{name}: {bytes} bytes after the last line: a torn tail, as a crash leaves it; nobody was told that it is safe")
        })
    }
}
