//! Backups: copies of a log that are proven, side by side in a directory.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! # let dir = std::env::temp_dir().join(format!("papyra-backup-example-{}", std::process::id()));
//! # std::fs::create_dir_all(&dir).unwrap();
//! # let at = |name: &str| dir.join(name).display().to_string();
//! use papyra::{Event, Schemes, backup::BackupOptions};
//! let schemes = Schemes::new();
//! let log = schemes.open(&format!("json:{}", at("facts.ndjson"))).await?;
//! log.append(&[Event::new("orders://worker/3", "ActorStarted").into()]).await?;
//!
//! // Beside whoever writes, at any time.
//! let backups = schemes.backups(at("backups"));
//! let made = backups.create(&log, &BackupOptions::default()).await?;
//! assert!(backups.verify(&made.name, &BackupOptions::default()).await?.is_sound());
//!
//! let new = schemes.open(&format!("json:{}", at("restored.ndjson"))).await?;
//! backups.restore(&made.name, &new, &BackupOptions::default()).await?;
//! # std::fs::remove_dir_all(&dir).unwrap();
//! # Ok::<(), papyra::Error>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Each backup is a folder: `data` with the pieces of the log, and `manifest.json`, which tells what they are and carries its own
//! checksum. It is filled under another name and renamed when everything is durable and was read back. So a folder with the
//! name of a backup is a whole backup, and anything that differs from its manifest is damage.
//!
//! A log whose kinds live in different places is one backup too: its folder holds one for each part.

mod check;
mod manifest;
mod parts;
mod shelf;
mod staging;
mod unfinished;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;

pub use self::{
    check::Mismatch,
    manifest::{Manifest, PartRecord, PieceRecord},
    parts::RestoredPart,
    shelf::{BackupState, Listed},
};
use self::{
    check::{Known, Mismatches},
    manifest::DATA,
    staging::{Sink, Staging},
    unfinished::Unfinished,
};
use crate::{
    Backups, Error, ErrorKind, Figures, Log, Progress, Restored, Result, ScanOptions, ScanReport, Stored, blocking,
};

/// Opens the pieces of a backup as a log, to scan them: the backend's name, the directory of the pieces, their names. `None`
/// if nobody can.
type Opener = Arc<dyn Fn(&str, &Path, &[&str]) -> Option<Log> + Send + Sync>;

/// A directory in which backups stand side by side: of one log or of several.
#[derive(Clone)]
pub struct BackupDir {
    path: PathBuf,
    open: Opener,
}

/// How to make, verify or restore a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupOptions {
    /// Where to count how far it is, if anybody looks.
    pub progress: Option<Progress>,
}

impl BackupOptions {
    /// Counts here how far it is.
    #[must_use]
    pub fn with_progress(mut self, progress: Progress) -> Self {
        self.progress = Some(progress);
        self
    }
}

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Made {
    /// The name of its folder.
    pub name: String,
    /// Where it is.
    #[serde(serialize_with = "crate::report::path")]
    pub path: PathBuf,
    /// Bytes that were copied from the log.
    pub copied_bytes: u64,
    /// Pieces that an earlier backup had already: they are shared with it.
    pub shared_pieces: u64,
    /// What else is to be known, a sentence each.
    pub notes: Vec<String>,
    /// What is in it.
    pub manifest: Manifest,
}

/// What a backup was found to be.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Verified {
    /// The name of its folder.
    pub name: String,
    /// What is not as the manifest says, the first thousand.
    pub mismatches: Vec<Mismatch>,
    /// How many there are in all.
    pub mismatches_total: u64,
    /// Bytes of its pieces, as the manifest has them.
    pub bytes: u64,
    /// What is in it, as the manifest has it.
    pub figures: Figures,
    /// How many findings the log had when it was backed up; `None` if nobody could look. They are no mismatch.
    pub anomalies_total: Option<u64>,
    /// Whether the facts were looked at, too, and not only the bytes.
    pub facts_checked: bool,
}

impl Verified {
    /// It is what its manifest says.
    pub fn is_sound(&self) -> bool {
        self.mismatches_total == 0
    }

    fn found(&mut self, found: Mismatches) {
        (self.mismatches, self.mismatches_total) = (found.first, found.total);
    }
}

/// What was copied of a log.
struct Filled {
    manifest: Manifest,
    copied_bytes: u64,
    shared_pieces: u64,
    notes: Vec<String>,
}

impl BackupDir {
    /// The backups in a directory. `open` is told the name of a backend, the directory that holds the pieces of a backup, and
    /// their names; it opens them as a log for a scan, or says `None`: then only bytes are compared.
    /// [`Schemes::backups`](crate::Schemes::backups) knows Papyra's own backends.
    pub fn new(
        path: impl Into<PathBuf>,
        open: impl Fn(&str, &Path, &[&str]) -> Option<Log> + Send + Sync + 'static,
    ) -> Self {
        BackupDir { path: path.into(), open: Arc::new(open) }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a backup of a log, beside whoever writes to it. It holds every fact that was acknowledged before this was
    /// called. A damaged log is backed up as it is; the manifest says what was found.
    ///
    /// Of a log whose kinds live in different places it holds each part. A part without a log, or of a backend that offers no
    /// backups, is left out, and the manifest says so.
    ///
    /// # Errors
    /// `NotFound` if there is no log; `Locked` beside a compaction or a recovery; `Create` if there is no place for it;
    /// `Unsupported` if the log's backend offers no backups. Nothing that looks like a backup is left then.
    ///
    /// # Durability
    /// When it returns, the backup survives a power cut.
    pub async fn create(&self, log: &Log, options: &BackupOptions) -> Result<Made> {
        let has_parts = log.parts().next().is_some();
        if !has_parts {
            offered(log)?;
        }
        let (directory, now) = (self.path.clone(), log.now());
        let unfinished = blocking::run("papyra-backup", move || Unfinished::begin(&directory, now)).await?;
        let unfinished = Arc::new(unfinished);
        let filled = match has_parts {
            false => self.fill(log, &unfinished, unfinished.folder().to_owned(), options).await?,
            true => self.fill_parts(log, &unfinished, options).await?,
        };
        let Filled { manifest, copied_bytes, shared_pieces, notes } = filled;
        let commit = move || unfinished.commit(&manifest).map(|name| (name, manifest));
        let (name, manifest) = blocking::run("papyra-backup", commit).await?;
        Ok(Made { path: self.path.join(&name), name, copied_bytes, shared_pieces, notes, manifest })
    }

    /// Copies a log without parts into a folder, and reads back what came.
    async fn fill(
        &self,
        log: &Log,
        unfinished: &Arc<Unfinished>,
        folder: PathBuf,
        options: &BackupOptions,
    ) -> Result<Filled> {
        let (backend, source) = offered(log)?;
        let (directory, guard, progress) = (self.path.clone(), Arc::clone(unfinished), options.progress.clone());
        let begin = move || Staging::begin(&directory, guard, folder, progress);
        let staging = Arc::new(Mutex::new(blocking::run("papyra-backup", begin).await?));
        let copied = source.copy(Box::new(Sink(staging.clone()))).await?;
        let shared = staging.clone();
        let mut manifest = blocking::run("papyra-backup", move || {
            shared.lock().unwrap_or_else(PoisonError::into_inner).manifest(backend, copied)
        })
        .await?;
        manifest.created = unfinished.created();
        let data = staging.lock().unwrap_or_else(PoisonError::into_inner).data();
        if let Some(mut found) = self.scan(&manifest, &data, options).await? {
            manifest.figures = Figures::of(&found);
            for anomaly in &mut found.anomalies {
                // Where the copy was while it was looked at means nothing to a reader.
                anomaly.path = anomaly.path.strip_prefix(&data).map(Path::to_owned).unwrap_or(anomaly.path.clone());
            }
            manifest.find(found.anomalies_total, found.anomalies);
        }
        let staging = Arc::into_inner(staging).and_then(|staging| staging.into_inner().ok());
        let Some(Staging { copied_bytes, linked, notes, .. }) = staging else {
            return Err(Error::new(ErrorKind::Internal, "the backend still holds the sink of the backup"));
        };
        Ok(Filled { manifest, copied_bytes, shared_pieces: linked, notes })
    }

    /// The backups here, the oldest first, those included that were never finished. Only manifests are looked at.
    ///
    /// # Errors
    /// `NotFound` if there is no such directory.
    pub async fn list(&self) -> Result<Vec<Listed>> {
        let directory = self.path.clone();
        blocking::run("papyra-backup", move || shelf::list(&directory)).await
    }

    /// Compares a backup with its manifest: files, sizes, checksums, facts. Nothing is written.
    ///
    /// # Errors
    /// Only if it could not look: what does not match is in the report.
    pub async fn verify(&self, name: &str, options: &BackupOptions) -> Result<Verified> {
        Ok(self.verify_with(name, Known::new(), options).await?.0)
    }

    /// Verifies several backups; a file that they share is read once.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn verify_all(&self, names: &[String], options: &BackupOptions) -> Result<Vec<Verified>> {
        let (mut all, mut known) = (Vec::new(), Known::new());
        for name in names {
            let (verified, read) = self.verify_with(name, known, options).await?;
            known = read;
            all.push(verified);
        }
        Ok(all)
    }

    async fn verify_with(&self, name: &str, known: Known, options: &BackupOptions) -> Result<(Verified, Known)> {
        let folder = self.folder(name)?;
        let mut verified = Verified { name: name.to_owned(), ..Verified::default() };
        let own = folder.clone();
        let manifest = match blocking::run("papyra-verify", move || Manifest::read(&own)).await {
            Err(error) if error.kind() == ErrorKind::Mismatch => {
                let mut found = Mismatches::default();
                found.add(manifest::MANIFEST, error.to_string());
                verified.found(found);
                return Ok((verified, known));
            }
            read => read?,
        };
        (verified.bytes, verified.figures) = (manifest.bytes, manifest.figures.clone());
        verified.anomalies_total = manifest.anomalies_total;
        if !manifest.parts.is_empty() {
            return self.verify_parts(folder, manifest, verified, known, options).await;
        }
        let (data, progress) = (folder.join(DATA), options.progress.clone());
        let look = move || {
            let mut known = known;
            let found = check::bytes_of(&folder, &manifest, &mut known, progress.as_ref())?;
            Ok((manifest, found, known))
        };
        let (manifest, mut found, known) = blocking::run("papyra-verify", look).await?;
        // Facts of changed bytes are no news.
        if found.total == 0 {
            let scan = self.scan(&manifest, &data, options).await?;
            verified.facts_checked = scan.is_some();
            compare(&manifest, scan.as_ref(), &mut found);
        }
        verified.found(found);
        Ok((verified, known))
    }

    /// Makes a new log of a backup, in the place that `target` names. The backup is verified before; what was written is
    /// read back before it becomes the log.
    ///
    /// # Errors
    /// `Mismatch` if the backup is not what its manifest says; `Create` if something is in that place already; `Config` if
    /// it is the place of another kind of log, or the backup has [parts](Self::restore_parts). Nothing is changed then.
    pub async fn restore(&self, name: &str, target: &Log, options: &BackupOptions) -> Result<Restored> {
        offered(target)?;
        self.must_match(name, options).await?;
        self.make(name, target, options).await
    }

    async fn must_match(&self, name: &str, options: &BackupOptions) -> Result<()> {
        let verified = self.verify(name, options).await?;
        let Some(first) = verified.mismatches.first() else { return Ok(()) };
        let total = verified.mismatches_total;
        let message = format!("the backup `{name}` has {total} mismatches, the first: {}: {}", first.file, first.cause);
        Err(Error::new(ErrorKind::Mismatch, message)
            .with_cure("restore another one: `papyra backup list` names them; what is sound in this one can still be read below `data`"))
    }

    /// Makes a log of a backup that was verified.
    async fn make(&self, name: &str, target: &Log, options: &BackupOptions) -> Result<Restored> {
        let (_, backend) = offered(target)?;
        let folder = self.folder(name)?;
        let directory = folder.join(DATA);
        let manifest = blocking::run("papyra-restore", move || Manifest::read(&folder)).await?;
        if !manifest.parts.is_empty() {
            return Err(Error::new(ErrorKind::Config, format!("the backup `{name}` is of a log of several parts"))
                .with_cure("restore it into a directory, or one of its parts: each folder in it is a backup"));
        }
        options.progress.iter().for_each(|progress| progress.announce(manifest.bytes));
        let stored = Stored {
            backend: manifest.backend,
            log_id: manifest.log_id,
            figures: manifest.figures,
            anomalies: manifest.anomalies_total,
            pieces: manifest.pieces.into_iter().map(|piece| piece.name).collect(),
            progress: options.progress.clone(),
            directory,
        };
        backend.restore(stored).await
    }

    /// The manifest of a backup, as it was written.
    ///
    /// # Errors
    /// `NotFound` if there is no such backup; `Mismatch` if it is not what was written.
    pub async fn manifest(&self, name: &str) -> Result<Manifest> {
        let folder = self.folder(name)?;
        blocking::run("papyra-backup", move || Manifest::read(&folder)).await
    }

    /// Scans the pieces as a log, if anybody knows how.
    async fn scan(&self, manifest: &Manifest, data: &Path, options: &BackupOptions) -> Result<Option<ScanReport>> {
        let names: Vec<&str> = manifest.pieces.iter().map(|piece| piece.name.as_str()).collect();
        let Some(log) = (self.open)(&manifest.backend, data, &names) else { return Ok(None) };
        let scan = ScanOptions { progress: options.progress.clone(), ..ScanOptions::default() };
        log.scan(scan).await.map(Some)
    }

    fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.path.join(name);
        match folder.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => Ok(folder),
            _ => Err(Error::new(ErrorKind::NotFound, format!("there is no backup at `{}`", folder.display()))
                .with_cure("`papyra backup list DIR` names the backups in a directory")),
        }
    }
}

/// Are the facts those that the manifest names?
fn compare(manifest: &Manifest, scan: Option<&ScanReport>, found: &mut Mismatches) {
    let Some(scan) = scan else {
        if manifest.anomalies_total.is_some() {
            found.add(manifest::MANIFEST, "its pieces make no log that a scan could look at");
        }
        return;
    };
    let figures = Figures::of(scan);
    if figures != manifest.figures {
        found.add(DATA, format!("a scan counts {}, the manifest says {}", told(&figures), told(&manifest.figures)));
    }
    let before = manifest.anomalies_total.unwrap_or(0);
    if scan.anomalies_total != before {
        let now = scan.anomalies_total;
        found.add(DATA, format!("a scan has {now} findings, the manifest says {before}"));
    }
}

fn told(figures: &Figures) -> String {
    let places = figures.positions.map_or(String::new(), |(first, last)| format!(" from {first} to {last}"));
    format!("{} facts{places}", figures.entries)
}

fn offered(log: &Log) -> Result<(&'static str, &dyn Backups)> {
    let backend = log.backend();
    let offered = backend.backups().ok_or_else(|| Error::unsupported(backend.name(), "backups"))?;
    Ok((backend.name(), offered))
}

impl fmt::Debug for BackupDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackupDir").field("path", &self.path).finish_non_exhaustive()
    }
}
