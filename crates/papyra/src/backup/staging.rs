//! The pieces of a log while they are copied into a backup: written, or shared with an earlier one, and read back.

use std::{
    collections::HashMap,
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    check::{self, Known},
    manifest::{DATA, Manifest, PieceRecord},
    shelf::{self, Earlier},
    unfinished::Unfinished,
};
use crate::{Copied, Error, ErrorKind, Figures, Piece, PieceSink, Progress, Result, disk};

/// The pieces of one log on their way into the folder that will be a backup.
#[derive(Debug)]
pub(super) struct Staging {
    /// Where backups stand side by side.
    directory: PathBuf,
    folder: PathBuf,
    /// What the folder is or lies in. It vanishes with the last who fills it.
    _unfinished: Arc<Unfinished>,
    earlier: HashMap<(String, String), Earlier>,
    records: HashMap<String, PieceRecord>,
    writing: Option<Writing>,
    progress: Option<Progress>,
    pub(super) copied_bytes: u64,
    pub(super) linked: u64,
    pub(super) notes: Vec<String>,
    /// What was read and found right already.
    known: Known,
}

/// A piece whose bytes come in.
#[derive(Debug)]
struct Writing {
    piece: Piece,
    path: PathBuf,
    file: File,
    hasher: blake3::Hasher,
    len: u64,
}

impl Staging {
    /// Begins to fill a folder below a directory of backups.
    pub(super) fn begin(
        directory: &Path,
        unfinished: Arc<Unfinished>,
        folder: PathBuf,
        progress: Option<Progress>,
    ) -> Result<Staging> {
        let staging = Staging {
            directory: directory.to_owned(),
            folder,
            _unfinished: unfinished,
            earlier: shelf::earlier(directory)?,
            records: HashMap::new(),
            writing: None,
            progress,
            copied_bytes: 0,
            linked: 0,
            notes: Vec::new(),
            known: Known::new(),
        };
        let data = staging.data();
        disk::create_directory(&data).map_err(|error| Error::io("create", &data, error))?;
        Ok(staging)
    }

    /// Where the pieces are.
    pub(super) fn data(&self) -> PathBuf {
        self.folder.join(DATA)
    }

    fn begin_piece(&mut self, piece: &Piece) -> Result<bool> {
        if !disk::is_plain_name(&piece.name) {
            let message = format!("{:?} is no plain name of a file, so no piece of a backup can have it", piece.name);
            return Err(Error::new(ErrorKind::Internal, message));
        }
        self.give_up_piece()?;
        let came = self.records.get(&piece.name);
        if came.is_some_and(|came| came.mark.is_some() && came.mark == piece.mark && piece.bytes == Some(came.bytes)) {
            return Ok(false);
        }
        let path = self.data().join(&piece.name);
        if self.records.remove(&piece.name).is_some() || path.symlink_metadata().is_ok() {
            std::fs::remove_file(&path).map_err(|error| Error::io("begin anew", &path, error))?;
        }
        if let Some(progress) = &self.progress {
            progress.announce(piece.bytes.unwrap_or(0));
        }
        if self.take_earlier(piece, &path)? {
            return Ok(false);
        }
        let file = disk::create_file(&path).map_err(|error| Error::io("create", &path, error))?;
        self.writing = Some(Writing { piece: piece.clone(), path, file, hasher: blake3::Hasher::new(), len: 0 });
        Ok(true)
    }

    /// A piece that was begun and never ended is none.
    fn give_up_piece(&mut self) -> Result<()> {
        let Some(Writing { path, .. }) = self.writing.take() else { return Ok(()) };
        std::fs::remove_file(&path).map_err(|error| Error::io("remove", &path, error))
    }

    /// Takes a file of an earlier backup that is known to have the same bytes, if it still has them.
    fn take_earlier(&mut self, piece: &Piece, path: &Path) -> Result<bool> {
        let Some(mark) = &piece.mark else { return Ok(false) };
        let key = (piece.name.clone(), mark.clone());
        let Some(earlier) = self.earlier.get(&key).cloned() else { return Ok(false) };
        if piece.bytes.is_some_and(|bytes| bytes != earlier.record.bytes) {
            return Ok(false);
        }
        let data = self.directory.join(&earlier.backup).join(DATA);
        // It is read before it is relied on: damage in the earlier backup must not spread while the log is still sound.
        if let Some(cause) = check::piece_of(&data, &earlier.record, &mut self.known, self.progress.as_ref())? {
            self.earlier.remove(&key);
            self.notes.push(format!(
                "the earlier backup {} is damaged: data/{}: {cause}; the file was copied from the log again",
                earlier.backup, piece.name
            ));
            return Ok(false);
        }
        if std::fs::hard_link(data.join(&piece.name), path).is_err() {
            // There are file systems without links, and a file has only so many.
            return Ok(false);
        }
        self.linked += 1;
        self.records.insert(piece.name.clone(), earlier.record);
        Ok(true)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let writing = self.writing.as_mut().ok_or_else(out_of_turn)?;
        writing.file.write_all(bytes).map_err(|error| Error::io("write", &writing.path, error))?;
        writing.hasher.update(bytes);
        writing.len += bytes.len() as u64;
        self.progress.iter().for_each(|progress| progress.add(bytes.len() as u64));
        Ok(())
    }

    fn end_piece(&mut self, figures: Figures) -> Result<()> {
        let Writing { piece, path, file, hasher, len } = self.writing.take().ok_or_else(out_of_turn)?;
        if piece.bytes.is_some_and(|bytes| bytes != len) {
            let message = format!("`{}`: {len} bytes came, {} were announced", piece.name, piece.bytes.unwrap_or(0));
            return Err(Error::new(ErrorKind::Internal, message));
        }
        file.sync_all().map_err(|error| Error::io("sync", &path, error))?;
        // What is read back is to come from the disk.
        disk::forget(&file, 0, 0);
        self.copied_bytes += len;
        let blake3 = hasher.finalize().to_string();
        let record = PieceRecord { name: piece.name.clone(), bytes: len, blake3, figures, mark: piece.mark };
        self.records.insert(piece.name, record);
        Ok(())
    }

    /// The manifest of what came, after everything was read back.
    pub(super) fn manifest(&mut self, backend: &str, copied: Copied) -> Result<Manifest> {
        self.give_up_piece()?;
        let mut manifest = Manifest::new(backend);
        for name in &copied.pieces {
            let Some(record) = self.records.remove(name) else {
                return Err(Error::new(ErrorKind::Internal, format!("the piece {name:?} of the log never came")));
            };
            manifest.figures.join(&record.figures);
            manifest.bytes += record.bytes;
            manifest.pieces.push(record);
        }
        for (name, _) in self.records.drain() {
            let path = self.folder.join(DATA).join(name);
            std::fs::remove_file(&path).map_err(|error| Error::io("remove", &path, error))?;
        }
        manifest.source = copied.source;
        manifest.format = copied.format;
        manifest.log_id = copied.log_id;
        manifest.left_out = copied.left_out;
        let found = check::bytes_of(&self.folder, &manifest, &mut self.known, self.progress.as_ref())?;
        match found.first.first() {
            None => Ok(manifest),
            Some(first) => {
                let message = format!("the backup was not written as it should be: {}: {}", first.file, first.cause);
                Err(Error::new(ErrorKind::Io, message).with_cure("look at the disk of the backups, then try again"))
            }
        }
    }
}

fn out_of_turn() -> Error {
    Error::new(ErrorKind::Internal, "bytes of a piece came before the piece was begun")
}

/// What a backend hands its pieces to.
pub(super) struct Sink(pub(super) Arc<Mutex<Staging>>);

impl Sink {
    fn staging(&self) -> std::sync::MutexGuard<'_, Staging> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PieceSink for Sink {
    fn begin(&mut self, piece: &Piece) -> Result<bool> {
        self.staging().begin_piece(piece)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.staging().write(bytes)
    }

    fn end(&mut self, figures: Figures) -> Result<()> {
        self.staging().end_piece(figures)
    }
}
