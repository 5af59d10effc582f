//! Opening a log's file: create it, settle its tail, give it a header.

use std::{fs::File, io, path::Path, sync::Arc};

use super::{
    encoded::Next,
    judge::{self, Open},
    layout::{End, LEAST_SKEW, Layout},
    lines,
    log_end::LogEnd,
    segments::Segment,
    storage::{self, ActiveFile, Identity, Storage},
};
use crate::{
    Error, ErrorKind, Event, Fact, Payload, Result, Timestamp,
    codec::{self, Header},
};

/// The address of what Papyra itself has to say.
pub(super) const OWN_ADDRESS: &str = "papyra://log";

/// A log that has fewer numbers left is damaged or forged: nobody wrote so many facts.
const NUMBERS_LEFT: u64 = 1 << 40;

/// A file that was opened and settled.
pub(super) struct Opened {
    pub(super) file: Box<dyn ActiveFile>,
    pub(super) identity: Identity,
    pub(super) header: Header,
    pub(super) len: u64,
    /// Whether anything but a header stands in it.
    pub(super) holds_lines: bool,
    pub(super) next: Next,
    pub(super) remarks: Vec<Fact>,
}

impl Opened {
    /// Opens the file, creates it if it is not there, settles its tail, and makes sure that its sealed part has a header.
    /// `before` is asked for the end of the log before this file, where the file itself does not say how to go on.
    pub(super) fn new(
        segment: &Segment,
        storage: &dyn Storage,
        before: impl FnOnce() -> Result<Option<LogEnd>>,
    ) -> Result<Opened> {
        let path = &*segment.path;
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
        if end.next_seq > codec::MAX_SEQ - NUMBERS_LEFT {
            return Err(used_up(path));
        }
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
        let is_sealed = layout.is_sealed(end.offset);
        let before = if layout.header.is_none() || end.newest.is_none() { before()? } else { None };
        let mut next = Next { seq: end.next_seq, skew: end.skew, newest: end.newest };
        let header = match layout.header {
            Some(header) => header,
            None => {
                // Each line that stands here already, however damaged, has had a number.
                let first_seq = before.as_ref().map_or(next.seq, |before| before.next.seq + layout.legacy_lines);
                let header = match before.as_ref().and_then(|before| before.header.as_ref()) {
                    Some(before) => Header {
                        segment: segment.number,
                        first_seq,
                        gaps_through: 0,
                        kept: 0,
                        kept_xor: 0,
                        // Each segment tells of its own losses.
                        lost: if before.segment == segment.number { before.lost } else { 0 },
                        created: Timestamp::now(),
                        ..before.clone()
                    },
                    None => Header {
                        segment: segment.number,
                        ..Header::first(uuid::Uuid::now_v7().to_string(), first_seq, Timestamp::now())
                    },
                };
                // Sealed lines without any header: the next rewrite gives them one, a header in the middle would be wrong.
                if !is_sealed {
                    next.seq = header.first_seq;
                    header.encode(&mut addition);
                }
                header
            }
        };
        if let Some(before) = before
            && before.header.as_ref().is_none_or(|before| before.log_id == header.log_id)
        {
            next.go_on_from(&before.next);
        }
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
        storage.sync_directory_of(path).map_err(failed("sync the directory of"))?;
        let holds_lines = end.newest.is_some() || layout.legacy_lines > 0;
        Ok(Opened { file: active, identity, header, len, holds_lines, next, remarks })
    }
}

fn used_up(path: &Path) -> Error {
    let message = format!("`{}` holds a number that no log counts to; nothing was changed", path.display());
    Error::new(ErrorKind::Corrupt, message)
        .with_cure("find the line with that number and remove it, then recover the log")
}

/// What becomes of the bytes behind the last newline.
pub(super) struct Settled {
    pub(super) cut_from: u64,
    pub(super) add_newline: bool,
}

impl Settled {
    /// A whole line that lacks only its newline is kept; anything else was never acknowledged and goes.
    pub(super) fn of(file: &Arc<File>, size: u64, end: &mut End, layout: &Layout) -> io::Result<Settled> {
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
            && let Some((line, head)) = codec::tail_and_head(&tail[..len])
            && line.seq == end.next_seq
        {
            end.next_seq += 1;
            end.skew = line.skew.unwrap_or(LEAST_SKEW).max(end.skew);
            end.newest = end.newest.into_iter().chain([head.timestamp + end.skew]).reduce(f64::max);
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
pub(super) fn refuse_links(path: &Path) -> Result<()> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_symlink() => {
            Err(Error::new(ErrorKind::Config, format!("`{}` is a symbolic link", path.display()))
                .with_cure("name the file itself: Papyra never writes through a link"))
        }
        _ => Ok(()),
    }
}

pub(in crate::backend) fn own_event(event_type: &str, payload: Payload) -> Fact {
    Event::new(OWN_ADDRESS, event_type).with_payload(payload).into()
}
