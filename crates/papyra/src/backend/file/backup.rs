//! Backing up: the log is handed over as it was at one moment, beside a living writer.

use std::{fs::File, io, path::Path, sync::Arc};

use super::{
    FileConfig,
    judge::{self, Open},
    layout::{End, Layout},
    lines,
    lock::{HeldLock, LockPaths, SwapLock},
    opened::{Settled, refuse_links},
    pass::Pass,
    storage,
};
use crate::{
    Copied, Error, ErrorKind, Figures, Part, PartSink, Position, Result, ScanOptions, ScanReport, codec, disk,
};

/// How much is handed over at once.
const BLOCK: usize = 1 << 20;
/// What a log is called in a backup whose own name no backup can carry.
const NAMELESS: &str = "log.ndjson";

pub(super) fn copy(config: &FileConfig, scheme: &str, sink: &mut dyn PartSink) -> Result<Copied> {
    let path = &config.path;
    drop(storage::open_for_reading(path)?);
    refuse_links(path)?;
    let locks = LockPaths::beside(path);
    // Nobody compacts or recovers while the files are copied; whoever appends goes on.
    let _maintenance = HeldLock::take(&locks.maintenance, "backup", config.lock_timeout, path)?;
    let mut swap = SwapLock::open(&locks.swap)?;
    let (file, size) = {
        // Under the swap lock the size is that of whole batches: nothing torn of a living writer.
        let _held = swap.hold()?;
        let file = Arc::new(storage::open_for_reading(path)?);
        let size = file.metadata().map_err(|error| Error::io("look at", path, error))?.len();
        (file, size)
    };
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let mut copied = Copied::from(format!("{scheme}:{}", absolute.display()));
    let own = path.file_name().and_then(|name| name.to_str()).filter(|name| disk::is_plain_name(name));
    let name = own.unwrap_or(NAMELESS);
    let extent = Extent::of_active(&file, size, path)?;
    copied.left_out.extend(extent.left_out(name));
    copied.parts.push(name.to_owned());
    let header = extent.layout.as_ref().and_then(|layout| layout.header.as_ref());
    copied.format = header.map(|_| codec::FORMAT);
    copied.log_id = header.map(|header| header.log_id.clone());
    if sink.begin(&Part::new(name).with_bytes(extent.len()))? {
        hand_over(&file, &extent, path, sink)?;
    }
    Ok(copied)
}

/// Hands over the bytes of one file, and what is in them.
fn hand_over(file: &Arc<File>, extent: &Extent, path: &Path, sink: &mut dyn PartSink) -> Result<()> {
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
    let pass = Pass::new(path, ScanOptions::default(), ScanReport::default());
    let report = pass.run(file, extent.lines).map_err(failed)?.report;
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
    /// Of the file that is appended to. A torn tail of a dead writer was never acknowledged: it is settled in the copy as
    /// opening the log for writing would settle it.
    fn of_active(file: &Arc<File>, size: u64, path: &Path) -> Result<Extent> {
        let failed = |error| Error::io("read", path, error);
        let lines = lines::behind_last_newline(file, size).map_err(failed)?;
        let mut extent = Extent { end: size, lines, tail: Tail::Whole, cut: 0, last: None, layout: None };
        let (mut end, layout) = match End::of(file, size, path) {
            // What a newer version wrote is copied as it is; only that version can tell what its end means.
            Err(error) if error.kind() == ErrorKind::Corrupt => return Ok(Extent { lines: size, ..extent }),
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
