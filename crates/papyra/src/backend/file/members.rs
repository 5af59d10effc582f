//! Which files belong to a log, and what each of them accounts for: found before any of them is read through.

use std::{
    collections::HashMap,
    fs::File,
    path::{Path, PathBuf},
};

use super::{
    lines, replace,
    segments::{self, Segments},
    storage,
};
use crate::{
    Error, ErrorKind, Result,
    codec::{self, Header, HeaderLine},
};

/// How much of a file is read to find its header: no header is as long as this.
const HEAD: usize = 4 << 10;

/// A file of a log.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Member {
    pub(super) path: PathBuf,
    /// The segment's number by its name; a log of one file has none.
    pub(super) number: Option<u64>,
    /// Its header, where that was looked for and stands in its place: sealed, of this log, with this number.
    pub(super) header: Option<Header>,
    /// The last number that may stand in it: the next one begins a later file.
    pub(super) through: Option<u64>,
    /// The newest file, which a writer appends to.
    pub(super) is_active: bool,
}

impl Member {
    /// The only file of a log of one file.
    pub(super) fn alone(path: &Path) -> Member {
        Member { path: path.to_owned(), is_active: true, ..Member::default() }
    }
}

/// The files of a log, and what else lies among them.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// The log's files, the oldest first.
    pub(super) files: Vec<Member>,
    /// The log's id, by most of its headers.
    pub(super) log_id: Option<String>,
    /// Everything up to here was dropped on purpose.
    pub(super) dropped_through: u64,
    /// Files that hold only what was dropped: interrupted maintenance left them, and the next one removes them.
    pub(super) leftovers: Vec<PathBuf>,
    /// The newest file without a whole header: a rotation that was interrupted.
    pub(super) unborn: Option<PathBuf>,
    /// Segments of other logs, with the ids of those.
    pub(super) foreign: Vec<(PathBuf, String)>,
    /// Files that are none of the log's.
    pub(super) strays: Vec<PathBuf>,
    /// Temporary files of interrupted maintenance.
    pub(super) temporaries: Vec<PathBuf>,
}

/// What the beginning of a file turned out to be.
enum Beginning {
    Header(Header),
    /// Something else, or a header that is damaged.
    Other,
    /// Not even a whole header.
    Unborn,
}

impl Members {
    /// Looks at all files of a log. Of a log of one file only its name is looked at.
    ///
    /// # Errors
    /// `NotFound` if there is no file, or if one went while this looked.
    pub(super) fn of(log: &Segments) -> Result<Members> {
        let failed = |error| Error::io("look into the directory of", log.home(), error);
        if !is_set(log) {
            let temporaries = replace::leftovers(log.home()).map_err(failed)?;
            return Ok(Members { files: vec![Member::alone(log.home())], temporaries, ..Members::default() });
        }
        let mut members = Members::default();
        let listing = log.list_existing()?;
        let mut beginnings = Vec::with_capacity(listing.segments.len());
        for segment in &listing.segments {
            beginnings.push(Beginning::of(&segment.path)?);
        }
        for path in listing.strangers {
            let name = path.file_name().unwrap_or_default();
            // Directories and hidden files are nobody's business: `lost+found`, what a network's file system leaves. But what is
            // called as a segment is in the way of the next one.
            if !segments::is_named(name) && (name.as_encoded_bytes().starts_with(b".") || path.is_dir()) {
                continue;
            }
            match replace::replaced_by(name) {
                Some(_) => members.temporaries.push(path),
                None => members.strays.push(path),
            }
        }
        members.log_id = most_frequent(&beginnings);
        for (segment, beginning) in listing.segments.into_iter().zip(beginnings) {
            let mut member = Member { path: segment.path, number: Some(segment.number), ..Member::default() };
            match beginning {
                Beginning::Header(header) if members.log_id.as_ref() != Some(&header.log_id) => {
                    members.foreign.push((member.path, header.log_id));
                    continue;
                }
                Beginning::Header(header) => {
                    members.dropped_through = members.dropped_through.max(header.dropped_through);
                    member.header = Some(header);
                }
                Beginning::Other => {}
                Beginning::Unborn => members.unborn = Some(member.path.clone()),
            }
            members.files.push(member);
        }
        // Only the newest file can be one that a rotation had just begun.
        match (members.unborn.take(), members.files.last()) {
            (Some(unborn), Some(last)) if last.path == unborn && members.files.len() > 1 => {
                members.files.pop();
                members.unborn = Some(unborn);
            }
            _ => {}
        }
        members.set_aside_leftovers();
        members.find_bounds();
        match members.files.is_empty() {
            true => Err(storage::no_log(log.home())),
            false => Ok(members),
        }
    }

    /// Files before the last one that begins right behind what was dropped hold only what was dropped.
    fn set_aside_leftovers(&mut self) {
        let dropped = self.dropped_through;
        let begins_behind = |file: &Member| file.standing().is_some_and(|header| header.first_seq <= dropped + 1);
        let Some(first) = self.files.iter().rposition(begins_behind).filter(|_| dropped > 0) else { return };
        let kept = self.files.split_off(first);
        for file in std::mem::replace(&mut self.files, kept).into_iter().rev() {
            // Under a wrong name anything may be in it.
            match file.header.is_some() && file.standing().is_none() {
                true => self.files.insert(0, file),
                false => self.leftovers.insert(0, file.path),
            }
        }
    }

    fn find_bounds(&mut self) {
        let mut next: Option<u64> = None;
        for file in self.files.iter_mut().rev() {
            let first = file.standing().map(|header| header.first_seq);
            file.through = next.filter(|next| first.is_none_or(|first| first <= *next)).map(|next| next - 1);
            next = first.or(next);
            if file.standing().is_none() {
                file.header = None;
            }
        }
        self.files.iter_mut().next_back().into_iter().for_each(|last| last.is_active = true);
    }
}

impl Member {
    /// The header, if it stands in the file that it names.
    pub(super) fn standing(&self) -> Option<&Header> {
        self.header.as_ref().filter(|header| Some(header.segment) == self.number)
    }

    /// Opens the file for reading.
    pub(super) fn open(&self) -> Result<File> {
        storage::open_for_reading(&self.path)
    }
}

impl Beginning {
    fn of(path: &Path) -> Result<Beginning> {
        let failed = |error| Error::io("read", path, error);
        let file = storage::open_for_reading(path)?;
        let mut bytes = vec![0; HEAD];
        let got = lines::read_at(&file, &mut bytes, 0).map_err(failed)?;
        let Some(end) = memchr::memchr(b'\n', &bytes[..got]) else {
            let unborn = got < HEAD && segments::is_unborn(&file, got as u64).map_err(failed)?;
            return Ok(if unborn { Beginning::Unborn } else { Beginning::Other });
        };
        let line = &bytes[..end];
        match codec::is_sealed(line).and_then(|_| Header::decode(line)) {
            Some(HeaderLine::Header(header)) => Ok(Beginning::Header(header)),
            _ => Ok(Beginning::Other),
        }
    }
}

/// The id that most headers name; of several the one that is named first.
fn most_frequent(beginnings: &[Beginning]) -> Option<String> {
    let ids = || {
        beginnings.iter().filter_map(|beginning| match beginning {
            Beginning::Header(header) => Some(header.log_id.as_str()),
            _ => None,
        })
    };
    let mut counts: HashMap<&str, usize> = HashMap::new();
    ids().for_each(|id| *counts.entry(id).or_default() += 1);
    let most = counts.values().copied().max()?;
    ids().find(|id| counts[id] == most).map(str::to_owned)
}

/// Whether a log may have several files.
pub(super) fn is_set(log: &Segments) -> bool {
    matches!(log, Segments::Directory(_))
}

/// Whether a file went away while the log was looked at: then the log is looked at anew.
pub(super) fn went(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound
}
