//! Beginning the next segment, and deleting the oldest ones if the operator set a maximum.

use std::{
    fs::File,
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::PathBuf,
    sync::Arc,
};

use super::{
    active::Active,
    beginning::Beginning,
    encoded::{Encoded, STAMP_BYTES},
    layout::Layout,
    lines::{Forward, Raw},
    opened::{OWN_ADDRESS, own_event},
    segments::Segment,
    storage::{self, ActiveFile, Identity},
};
use crate::{
    Error, ErrorKind, Event, Fact, Payload, Result, Timestamp,
    codec::{self, Form, Header},
};

/// What of Papyra's own is written into a new segment says so much at most.
const REMARK_BYTES: usize = 256;
/// So many segments are deleted at once at most, so that nobody waits long for it; the next rotation goes on.
const MAX_DROPS: usize = 64;
/// How often a number is tried that something else has.
const TRIES: u32 = 16;
const DROPPED: &str = "SegmentsDropped";

/// A segment that is no part of the log any more, and the numbers that it accounted for.
#[derive(Debug)]
pub(super) struct Dropped {
    path: PathBuf,
    first: u64,
    last: u64,
    /// The event about it was written. It is deleted once that is durable.
    announced: bool,
}

/// What goes with the next rotation, and up to which number everything is dropped then.
struct Drops {
    dropped: Vec<Dropped>,
    through: u64,
}

impl Drops {
    /// A segment goes, and the next one begins with this number.
    fn add(&mut self, segment: Option<(&PathBuf, u64)>, next: u64) {
        let Some((path, first)) = segment.filter(|(_, first)| *first < next) else { return };
        self.through = self.through.max(next - 1);
        self.dropped.push(Dropped { path: path.clone(), first, last: next - 1, announced: false });
    }
}

impl Active {
    /// Begins the next segment if these batches are too much for the present one, or if it is old enough. A segment that holds
    /// nothing takes them whatever their size.
    ///
    /// # Errors
    /// If the log must not be written to: what is in the present segment cannot be made durable, or a half begun one not removed.
    /// If merely no segment can be begun, the present one goes on.
    pub(super) fn rotate_if_due(&mut self, batches: &[&Encoded]) -> Result<()> {
        let Some(rotation) = &self.config.rotation else { return Ok(()) };
        let lines = self.remarks.len() + batches.iter().map(|batch| batch.len()).sum::<usize>();
        let bytes = batches.iter().map(|batch| batch.bytes() + batch.len() * STAMP_BYTES).sum::<usize>()
            + self.remarks.len() * REMARK_BYTES;
        let held = self.next.seq.saturating_sub(self.header.first_seq);
        let age = Timestamp::now().seconds() - self.header.created.seconds();
        let is_due = self.len + bytes as u64 > rotation.segment_bytes
            || rotation.segment_records.is_some_and(|records| held + lines as u64 > records)
            || rotation.segment_age.is_some_and(|limit| age >= limit.as_secs_f64());
        if !is_due || !self.holds_lines || lines == 0 {
            return Ok(());
        }
        if self.unsynced.first_seq.is_some() {
            self.sync()?;
        }
        let Err(error) = self.begin_next() else {
            self.rotation_failed = false;
            return Ok(());
        };
        self.remove_half_begun()?;
        if !std::mem::replace(&mut self.rotation_failed, true) {
            tracing::warn!(target: "papyra", path = %self.path.display(), %error, "cannot begin the next segment; going on in this one");
        }
        Ok(())
    }

    fn begin_next(&mut self) -> Result<()> {
        let Drops { dropped, through } = self.to_drop()?;
        let (number, mut file) = self.begin_file()?;
        let segment = Segment { number, path: self.segments.path(&self.name, number) };
        let failed = |error| Error::io("begin", &segment.path, error);
        self.half_begun = Some(segment.path.clone());
        let header = Header {
            segment: segment.number,
            first_seq: self.next.seq,
            dropped_through: through,
            gaps_through: 0,
            kept: 0,
            kept_xor: 0,
            lost: 0,
            created: Timestamp::now(),
            ..self.header.clone()
        };
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        let identity = Identity::of(file.file()).map_err(failed)?;
        keep_owner_and_mode(self.file.file(), file.file());
        storage::write_all(&mut *file, &bytes).map_err(failed)?;
        file.sync().map_err(failed)?;
        // Its name too, or a power cut may take the whole segment away.
        self.storage.sync_directory_of(&segment.path).map_err(failed)?;
        self.half_begun = None;
        (self.path, self.number, self.file, self.identity, self.header) =
            (segment.path, segment.number, file, identity, header);
        (self.len, self.holds_lines, self.sync_directory) = (bytes.len() as u64, false, false);
        self.unsynced.begin(self.len);
        for dropped in dropped {
            self.drop_segment(dropped);
        }
        Ok(())
    }

    /// Creates the file of the next number. What somebody put there under its name is not ours to touch: a scan names it.
    fn begin_file(&self) -> Result<(u64, Box<dyn ActiveFile>)> {
        let mut number = self.number;
        for _ in 0..TRIES {
            let used_up =
                || Error::new(ErrorKind::Io, format!("no segment has a higher number than `{}`", self.path.display()));
            number = number.checked_add(1).ok_or_else(used_up)?;
            let path = self.segments.path(&self.name, number);
            match self.storage.begin(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    number = self.segments.list()?.segments.last().map_or(number, |highest| highest.number.max(number));
                }
                begun => return begun.map(|file| (number, file)).map_err(|error| Error::io("begin", &path, error)),
            }
        }
        Err(Error::io("begin a segment behind", &self.path, io::ErrorKind::AlreadyExists.into()))
    }

    /// A segment that could not be begun whole must be gone, durably, before the present one goes on: its header claims
    /// the numbers that the present one would give.
    pub(super) fn remove_half_begun(&mut self) -> Result<()> {
        let Some(path) = &self.half_begun else { return Ok(()) };
        let removed = match self.storage.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.storage.sync_directory_of(path),
        };
        removed.map_err(|error| Error::io("remove the half begun", path, error))?;
        self.half_begun = None;
        Ok(())
    }

    /// The segments that are too many once the next one is begun.
    fn to_drop(&self) -> Result<Drops> {
        let mut drops = Drops { dropped: Vec::new(), through: self.header.dropped_through };
        let Some(max) = self.config.rotation.as_ref().and_then(|rotation| rotation.max_segments) else {
            return Ok(drops);
        };
        let listing = self.segments.list()?;
        let is_live = |segment: &&Segment| self.dropped.iter().all(|dropped| dropped.path != segment.path);
        let live: Vec<&Segment> = listing.segments.iter().filter(is_live).collect();
        let kept = usize::try_from(max.saturating_sub(1)).unwrap_or(usize::MAX);
        let excess = live.len().saturating_sub(kept).min(MAX_DROPS);
        if excess == 0 {
            return Ok(drops);
        }
        let mut before: Option<(&PathBuf, u64)> = None;
        for segment in live.iter().take(excess + 1) {
            // A file that does not say where it begins, or is another log's, is not ours to delete.
            let Some((first_seq, dropped_through)) = self.own_beginning(segment)? else { continue };
            // What a compaction dropped stands in the lowest segment, which may go now.
            drops.through = drops.through.max(dropped_through);
            drops.add(before, first_seq);
            before = Some((&segment.path, first_seq));
        }
        if live.len() == excess {
            // Nothing but the next segment stays.
            drops.add(before, self.next.seq);
        }
        Ok(drops)
    }

    /// The first number that a segment of this log accounts for, if it is believable, and up to which number it says that all
    /// were dropped.
    fn own_beginning(&self, segment: &Segment) -> Result<Option<(u64, u64)>> {
        let Beginning { header, first_seq } = Beginning::of(&segment.path)?;
        let is_ours = header.as_ref().is_none_or(|header| header.log_id == self.header.log_id);
        let dropped_through = header.map_or(0, |header| header.dropped_through);
        let believable = |number: &u64| is_ours && *number <= self.next.seq;
        Ok(first_seq.filter(believable).map(|first_seq| (first_seq, dropped_through.min(self.next.seq - 1))))
    }

    fn drop_segment(&mut self, dropped: Dropped) {
        if !dropped.announced {
            let payload = serde_json::json!({ "first": dropped.first, "last": dropped.last });
            self.remarks.push(own_event(DROPPED, Payload::of(&payload)));
        }
        self.dropped.push(dropped);
    }

    /// The events about dropped segments were written.
    pub(super) fn dropped_are_announced(&mut self) {
        self.dropped.iter_mut().for_each(|dropped| dropped.announced = true);
    }

    /// What was written is durable. So nothing is lost silently if dropped segments are deleted now, the lowest first: whatever
    /// stops this leaves no hole.
    pub(super) fn delete_dropped(&mut self) {
        let due = self.dropped.iter().take_while(|dropped| dropped.announced).count();
        if due == 0 {
            return;
        }
        let deleted = self.dropped[..due].iter().take_while(|dropped| match self.storage.remove(&dropped.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(target: "papyra", path = %dropped.path.display(), %error, "cannot delete a dropped segment; the next sync tries again");
                false
            }
            _ => true,
        });
        let deleted = deleted.count();
        self.dropped.drain(..deleted);
        // Only so that it is not done again after a power cut: the header says what was dropped.
        let _ = self.storage.sync_directory_of(&self.path);
    }

    /// What a rotation that was killed left of dropped segments is deleted, and told of if that was not done.
    pub(super) fn take_up_dropped(&mut self) -> Result<()> {
        let limited = self.config.rotation.as_ref().is_some_and(|rotation| rotation.max_segments.is_some());
        if !limited || self.header.dropped_through == 0 {
            return Ok(());
        }
        let listing = self.segments.list()?;
        let told = told(self.file.file(), self.len, &self.path)?;
        let mut before: Option<(&Segment, u64)> = None;
        for segment in listing.segments.iter().take(MAX_DROPS) {
            let Some((first_seq, _)) = self.own_beginning(segment)? else { continue };
            if let Some((segment, first)) = before
                && first_seq > first
            {
                let (path, last) = (segment.path.clone(), first_seq - 1);
                let announced = told.contains(&(first, last));
                self.drop_segment(Dropped { path, first, last, announced });
            }
            if first_seq > self.header.dropped_through {
                break;
            }
            before = Some((segment, first_seq));
        }
        self.delete_dropped();
        Ok(())
    }
}

/// Whoever may read or write the log today may do it tomorrow. Only a convenience: without it the owner alone may.
fn keep_owner_and_mode(of: &File, for_new: &File) {
    let Ok(metadata) = of.metadata() else { return };
    storage::give_to(for_new, &metadata);
    if metadata.mode() & 0o7777 != 0o600 {
        let _ = for_new.set_permissions(std::fs::Permissions::from_mode(metadata.mode() & 0o666));
    }
}

/// The ranges of dropped segments that are told of where a segment begins.
fn told(file: &File, len: u64, path: &std::path::Path) -> Result<Vec<(u64, u64)>> {
    let failed = |error| Error::io("read", path, error);
    let file = Arc::new(file.try_clone().map_err(failed)?);
    let layout = Layout::of(&file, len, path)?;
    let mut lines = Forward::new(file, layout.sealed_from, len);
    let mut told = Vec::new();
    while let Some(raw) = lines.next().map_err(failed)? {
        let Raw::Line { bytes, .. } = raw else { break };
        if Header::decode(bytes).is_some() {
            continue;
        }
        let fact = std::str::from_utf8(bytes).ok().and_then(|text| codec::decode(text, Form::Lenient).ok());
        match fact {
            Some(Fact::Event(event)) if event.actor_address.as_str() == Some(OWN_ADDRESS) => told.extend(range(&event)),
            _ => break,
        }
    }
    Ok(told)
}

fn range(event: &Event) -> Option<(u64, u64)> {
    #[derive(serde::Deserialize)]
    struct Range {
        first: u64,
        last: u64,
    }
    let range: Range = (event.event_type == DROPPED).then(|| event.payload.decode().ok()).flatten()?;
    Some((range.first, range.last))
}
