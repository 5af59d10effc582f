//! The segments that a read comes to next, held open: what is deleted or written anew meanwhile is read as it was.

use std::{
    collections::{HashSet, VecDeque},
    fs::File,
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{
    segments::{Segment, Segments},
    storage,
};
use crate::{Clock, Error, ErrorKind, Result, SystemClock, disk::Identity};

/// So many of the next segments are held open. More would take descriptors away from the program that we are guests of.
pub(super) const AHEAD: usize = 64;
/// The clocks of file systems go on in steps. A file that looks this much older than it is must not look untouched.
const TICK: Duration = Duration::from_millis(20);

/// The segments of a read, oldest first.
///
/// They are opened from the newest down. A compaction drops from the oldest up, so whatever it has done by the time when a
/// segment is opened, nothing is missing between what is held: at most its beginning. Of a log of more segments than can be held
/// the others are opened later, one for each that was read. Then it may have overtaken us, and a look at the file tells.
#[derive(Debug)]
pub(super) struct Ahead<'a> {
    log: &'a Segments,
    segments: &'a [Segment],
    /// The first segment that was not opened yet.
    next: usize,
    /// So many are held at most.
    room: usize,
    held: VecDeque<Held<'a>>,
    /// The newest segment, held from the beginning.
    newest: Option<Held<'a>>,
    begun: SystemTime,
    /// The segments that were sealed so shortly before that their time does not tell them from newer ones.
    recent: HashSet<(Identity, SystemTime)>,
    /// The number of a segment that was deleted before it could be held.
    gone: Option<u64>,
    gives: bool,
}

/// A segment that is open.
#[derive(Debug)]
pub(super) struct Held<'a> {
    pub(super) segment: &'a Segment,
    pub(super) file: Arc<File>,
    /// It was written anew since the read began, and before it could be held.
    pub(super) is_new: bool,
}

impl<'a> Ahead<'a> {
    /// Holds the segments from this one on.
    pub(super) fn of(log: &'a Segments, segments: &'a [Segment], from: usize) -> Result<Ahead<'a>> {
        let mut ahead = Ahead {
            log,
            segments,
            next: from,
            room: AHEAD,
            held: VecDeque::new(),
            newest: None,
            begun: SystemClock.now(),
            recent: HashSet::new(),
            gone: None,
            gives: false,
        };
        if let (Some(newest), Some(first)) = (segments.last(), segments.get(from)) {
            ahead.newest = ahead.open(newest)?;
            if ahead.newest.is_none() {
                ahead.gone = Some(first.number);
            }
        }
        ahead.look_at_recent();
        ahead.fill()?;
        Ok(ahead)
    }

    /// The next segment; `None` behind the newest, or if the next one is [gone](Ahead::gone).
    pub(super) fn next(&mut self) -> Result<Option<Held<'a>>> {
        self.fill()?;
        let held = match self.held.pop_front() {
            None if self.gone.is_none() => self.newest.take(),
            held => held,
        };
        self.gives |= held.is_some();
        Ok(held)
    }

    /// The number of a segment that was deleted before it could be held: what is there now must be listed again.
    pub(super) fn gone(&self) -> Option<u64> {
        self.gone
    }

    /// Whether any segment was given out.
    pub(super) fn gives(&self) -> bool {
        self.gives
    }

    /// From the newest sealed one down: the times of segments rise with their numbers, but for those written anew.
    fn look_at_recent(&mut self) {
        let sealed = self.segments.get(self.next..).unwrap_or_default().split_last();
        for segment in sealed.iter().flat_map(|(_, sealed)| sealed.iter().rev()) {
            // Whatever cannot be looked at has its turn later.
            let Some(seen) = std::fs::metadata(&segment.path).ok().and_then(|metadata| seen(&metadata).ok()) else {
                break;
            };
            if !self.is_recent(seen.1) {
                break;
            }
            self.recent.insert(seen);
        }
    }

    fn is_recent(&self, written: SystemTime) -> bool {
        written + TICK > self.begun
    }

    fn fill(&mut self) -> Result<()> {
        loop {
            // The newest one is held already.
            let behind = self.segments.len().saturating_sub(1);
            let to = behind.min(self.next + self.room.saturating_sub(self.held.len()));
            if self.gone.is_some() || self.next >= to {
                return Ok(());
            }
            let mut opened = VecDeque::with_capacity(to - self.next);
            let mut gone = None;
            for segment in self.segments[self.next..to].iter().rev() {
                match self.open(segment) {
                    Ok(Some(held)) => opened.push_front(held),
                    Ok(None) => {
                        gone = Some(segment.number);
                        break;
                    }
                    // There may be no descriptor left. Whatever it is, it is told when the segment's turn comes.
                    Err(_) if self.room > 1 => {
                        self.room = 1;
                        drop(opened);
                        return self.fill();
                    }
                    Err(error) => return Err(error),
                }
            }
            if self.gives && gone.is_some() {
                self.gone = gone;
                return Ok(());
            }
            // Before anything is given out, what is gone is merely no part of the log any more, and all before it is not either.
            self.held.append(&mut opened);
            self.next = to;
        }
    }

    /// Opens a segment; `None` if it was deleted. A single file is there or is not.
    fn open(&self, segment: &'a Segment) -> Result<Option<Held<'a>>> {
        let file = match (self.log, storage::open_for_reading(&segment.path)) {
            (Segments::Directory(_), Err(error)) if error.kind() == ErrorKind::NotFound => return Ok(None),
            (_, opened) => opened?,
        };
        // Nobody writes to a segment below the newest one but maintenance, and that makes a new file of it.
        let is_new = self.gives && {
            let seen = file.metadata().and_then(|metadata| seen(&metadata));
            let seen = seen.map_err(|error| Error::io("look at", &segment.path, error))?;
            self.is_recent(seen.1) && !self.recent.contains(&seen)
        };
        Ok(Some(Held { segment, file: Arc::new(file), is_new }))
    }
}

/// Which file it is, and when it was written last.
fn seen(metadata: &std::fs::Metadata) -> std::io::Result<(Identity, SystemTime)> {
    Ok((Identity::from(metadata), metadata.modified()?))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    const NEWEST: usize = AHEAD + 10;

    fn log(directory: &Path) -> (Segments, Vec<Segment>) {
        let log = Segments::Directory(directory.to_owned());
        for number in 1..=NEWEST {
            let path = directory.join(format!("facts.{number:06}.ndjson"));
            fs::write(&path, number.to_string()).unwrap();
            // As if it had been sealed long ago.
            let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
            File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
        }
        let segments = log.list().unwrap().segments;
        (log, segments)
    }

    fn content(held: &Held<'_>) -> String {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut &*held.file, &mut text).unwrap();
        text
    }

    #[test]
    fn what_is_held_is_read_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let (log, segments) = log(dir.path());
        let mut ahead = Ahead::of(&log, &segments, 0).unwrap();
        for segment in &segments[..AHEAD] {
            fs::remove_file(&segment.path).unwrap();
        }
        let newest = &segments[NEWEST - 1].path;
        fs::remove_file(newest).unwrap();
        fs::write(newest, "another").unwrap();
        for number in 1..=NEWEST {
            let held = ahead.next().unwrap().unwrap();
            assert_eq!((content(&held), held.is_new), (number.to_string(), false));
        }
        assert!(ahead.next().unwrap().is_none() && ahead.gone().is_none());
    }

    #[test]
    fn what_was_deleted_before_the_first_is_given_is_no_part_of_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let (log, segments) = log(dir.path());
        // A compaction may be at work: some of what it drops is still there.
        fs::remove_file(&segments[6].path).unwrap();
        let mut ahead = Ahead::of(&log, &segments, 2).unwrap();
        assert_eq!(content(&ahead.next().unwrap().unwrap()), "8");
        for segment in &segments[..AHEAD + 3] {
            let _ = fs::remove_file(&segment.path);
        }
        let mut ahead = Ahead::of(&log, &segments, 2).unwrap();
        assert_eq!(content(&ahead.next().unwrap().unwrap()), (AHEAD + 4).to_string());
        assert!(ahead.gone().is_none());
    }

    #[test]
    fn who_is_overtaken_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let (log, segments) = log(dir.path());
        let mut ahead = Ahead::of(&log, &segments, 0).unwrap();
        assert!(ahead.next().unwrap().is_some());
        // Rewritten before it is held.
        fs::write(&segments[AHEAD].path, "less").unwrap();
        for _ in 1..AHEAD {
            assert!(!ahead.next().unwrap().unwrap().is_new);
        }
        let held = ahead.next().unwrap().unwrap();
        assert!(content(&held) == "less" && held.is_new);
    }

    #[test]
    fn what_was_sealed_right_before_the_read_is_not_new_and_what_replaced_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (log, segments) = log(dir.path());
        let touch =
            |at: usize| File::options().write(true).open(&segments[at].path).unwrap().set_modified(SystemClock.now());
        for at in NEWEST - 5..NEWEST {
            touch(at).unwrap();
        }
        let mut ahead = Ahead::of(&log, &segments, 0).unwrap();
        assert!(ahead.next().unwrap().is_some());
        let aside = dir.path().join("aside");
        fs::write(&aside, "less").unwrap();
        fs::rename(&aside, &segments[NEWEST - 3].path).unwrap();
        for at in 1..NEWEST {
            let held = ahead.next().unwrap().unwrap();
            assert_eq!((held.is_new, content(&held) == "less"), (at == NEWEST - 3, at == NEWEST - 3), "{at}");
        }
    }

    #[test]
    fn who_finds_the_next_one_deleted_lists_again() {
        let dir = tempfile::tempdir().unwrap();
        let (log, segments) = log(dir.path());
        let mut ahead = Ahead::of(&log, &segments, 0).unwrap();
        assert!(ahead.next().unwrap().is_some());
        fs::remove_file(&segments[AHEAD].path).unwrap();
        // What is held already is given first.
        for _ in 1..AHEAD {
            assert!(ahead.next().unwrap().is_some());
        }
        assert!(ahead.next().unwrap().is_none());
        assert_eq!(ahead.gone(), Some(segments[AHEAD].number));
    }

    #[test]
    fn a_single_file_that_is_not_there_is_no_log() {
        let dir = tempfile::tempdir().unwrap();
        let log = Segments::File(dir.path().join("missing"));
        let segments = log.list().unwrap().segments;
        assert_eq!(Ahead::of(&log, &segments, 0).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
