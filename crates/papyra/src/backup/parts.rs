//! Backups of a log whose kinds live in different places: a folder that holds a backup of each part.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Serialize;

use super::{
    BackupDir, BackupOptions, Filled, Manifest, PartRecord, Verified,
    check::{self, Known},
    unfinished::Unfinished,
};
use crate::{
    Error, ErrorKind, Figures, Kind, Log, Restored, Result, ScanReport, blocking, disk,
    place::{Form, Place},
    report::in_words,
};

/// A part of a log that was made of a backup.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RestoredPart {
    /// The name that the part has in the backup.
    pub name: String,
    /// The kinds of facts that live in it.
    #[serde(with = "super::manifest::words")]
    pub kinds: Vec<Kind>,
    /// Its backend.
    pub backend: String,
    /// The file or directory that it fills.
    #[serde(serialize_with = "shown")]
    pub path: PathBuf,
    /// The identity that it was given, where it has one.
    pub log_id: Option<String>,
    /// What it was found to be before it took its place.
    pub scan: ScanReport,
}

impl BackupDir {
    /// Copies each part of a log into a folder of its own. All of them, or it is no backup.
    pub(super) async fn fill_parts(
        &self,
        log: &Log,
        unfinished: &Arc<Unfinished>,
        options: &BackupOptions,
    ) -> Result<Filled> {
        let manifest = Manifest { created: unfinished.created(), ..Manifest::new(log.backend().name()) };
        let mut whole = Filled { manifest, copied_bytes: 0, shared_pieces: 0, notes: Vec::new() };
        let (mut identity, mut anomalies, mut left_out) = (blake3::Hasher::new(), Some(0), None);
        for (kinds, part) in log.parts() {
            let name = kinds.first().map_or("", |kind| kind.as_str()).to_owned();
            let folder = unfinished.folder().join(&name);
            let mut record = PartRecord::new(name, kinds, part.address());
            match self.fill_part(part, unfinished, folder, options).await {
                Ok((filled, sum)) => {
                    identity.update(filled.manifest.log_id.as_deref().unwrap_or(&record.name).as_bytes());
                    anomalies = anomalies.zip(filled.manifest.anomalies_total).map(|(sum, own)| sum + own);
                    record.manifest = Some(sum);
                    whole.add(&mut record, filled);
                }
                // Nothing was ever written there, or nothing there can be backed up. That is known, and is no failure.
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unsupported) => {
                    record.cause = Some(error.to_string());
                    whole.manifest.left_out.push(format!("part {}: {error}", record.name));
                    left_out = left_out.or(Some(error));
                }
                Err(error) => return Err(error),
            }
            whole.manifest.parts.push(record);
        }
        if whole.manifest.parts.iter().all(|part| part.manifest.is_none()) {
            return Err(left_out.unwrap_or_else(|| Error::unsupported(log.backend().name(), "backups")));
        }
        let sources = whole.manifest.parts.iter().map(|part| format!("{} in {}", in_words(&part.kinds), part.source));
        whole.manifest.source = sources.collect::<Vec<_>>().join("; ");
        // Backups of the same parts belong together.
        whole.manifest.log_id = Some(format!("hybrid-{}", &identity.finalize().to_hex()[..16]));
        whole.manifest.anomalies_total = anomalies;
        Ok(whole)
    }

    async fn fill_part(
        &self,
        part: &Log,
        unfinished: &Arc<Unfinished>,
        folder: PathBuf,
        options: &BackupOptions,
    ) -> Result<(Filled, String)> {
        let failed = |error, folder: &Path| Error::io("create", folder, error);
        let new = folder.clone();
        let create = move || disk::create_directory(&new).map_err(|error| failed(error, &new));
        blocking::run("papyra-backup", create).await?;
        let filled = self.fill(part, unfinished, folder.clone(), options).await;
        let end = move || match filled {
            Ok(filled) => filled.manifest.write(&folder).map(|sum| (filled, sum)),
            Err(error) => {
                // Of a part that is left out nothing may stand in the backup.
                std::fs::remove_dir_all(&folder).map_err(|error| Error::io("remove", &folder, error))?;
                Err(error)
            }
        };
        blocking::run("papyra-backup", end).await
    }

    /// Verifies each part, and that it is the one that belongs to this backup.
    pub(super) async fn verify_parts(
        &self,
        folder: PathBuf,
        manifest: Manifest,
        mut verified: Verified,
        mut known: Known,
        options: &BackupOptions,
    ) -> Result<(Verified, Known)> {
        let own = folder.clone();
        let look = move || check::beside_parts(&own, &manifest).map(|found| (found, manifest));
        let (mut found, manifest) = blocking::run("papyra-verify", look).await?;
        let parts = BackupDir { path: folder.clone(), ..self.clone() };
        verified.facts_checked = true;
        for PartRecord { name, manifest: sum, .. } in manifest.parts {
            let Some(sum) = sum else { continue };
            if !folder.join(&name).symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
                found.add(name, "it is missing, or no directory");
                continue;
            }
            let (part, read) = Box::pin(parts.verify_with(&name, known, options)).await?;
            known = read;
            verified.facts_checked &= part.facts_checked;
            found.join(&name, part.mismatches, part.mismatches_total);
            let own = folder.join(&name);
            let sealed = blocking::run("papyra-verify", move || Ok(Manifest::read_sealed(&own).ok())).await?;
            if sealed.is_some_and(|sealed| sealed.sum != sum) {
                found.add(format!("{name}/{}", super::manifest::MANIFEST), "it belongs to another backup");
            }
        }
        verified.found(found);
        Ok((verified, known))
    }

    /// Makes new logs of all parts of a backup, side by side in a new directory: `event.ndjson` or, if it rotates, `event`.
    /// The backup is verified before. The directory is there with all of them, or not at all.
    ///
    /// # Errors
    /// `Mismatch` if the backup is not what its manifest says; `Create` if something is in that place already; `Config` if
    /// the backup is not one of several parts; `Unsupported` if a part is no log of files: such a part is restored by itself, as
    /// the backup that its folder is. Nothing is changed then.
    pub async fn restore_parts(
        &self,
        name: &str,
        directory: impl AsRef<Path>,
        options: &BackupOptions,
    ) -> Result<Vec<RestoredPart>> {
        let (directory, folder) = (directory.as_ref().to_owned(), self.folder(name)?);
        let manifest = self.manifest(name).await?;
        if manifest.parts.is_empty() {
            return Err(Error::new(ErrorKind::Config, format!("the backup `{name}` is of a log of one place"))
                .with_cure("restore it to the address of a log"));
        }
        let target = directory.clone();
        let place = blocking::run("papyra-restore", move || Place::begin(&target, Form::Directory)).await?;
        self.must_match(name, options).await?;
        let parts = BackupDir { path: folder, ..self.clone() };
        let mut restored = Vec::new();
        for part in manifest.parts.into_iter().filter(|part| part.manifest.is_some()) {
            let PartRecord { name, kinds, .. } = part;
            let backend = parts.manifest(&name).await?.backend;
            let (file, log) = self.target(&name, &backend, place.aside())?;
            let Restored { log_id, mut scan } = parts.make(&name, &log, options).await?;
            let path = directory.join(file);
            scan.log = format!("{backend}:{}", path.display());
            for anomaly in &mut scan.anomalies {
                if let Ok(below) = anomaly.path.strip_prefix(place.aside()) {
                    anomaly.path = directory.join(below);
                }
            }
            restored.push(RestoredPart { name, kinds, backend, path, log_id, scan });
        }
        blocking::run("papyra-restore", move || place.put_directory()).await?;
        Ok(restored)
    }

    /// What a part is called among the others in a directory, and the log there.
    fn target(&self, name: &str, backend: &str, directory: &Path) -> Result<(String, Log)> {
        let file = format!("{name}.ndjson");
        let opened = match backend {
            "json" => (self.open)(backend, directory, &[&file]).map(|log| (file, log)),
            "rotating" => (self.open)(backend, &directory.join(name), &[]).map(|log| (name.to_owned(), log)),
            _ => None,
        };
        let refused = || {
            Error::new(
                ErrorKind::Unsupported,
                format!("the part {name} is a `{backend}:` log: no directory can hold it"),
            )
            .with_cure("restore the parts one by one: each folder in the backup is a backup of one part")
        };
        opened.ok_or_else(refused)
    }
}

impl PartRecord {
    fn new(name: String, kinds: &[Kind], source: String) -> Self {
        PartRecord { name, kinds: kinds.to_vec(), source, bytes: 0, entries: 0, manifest: None, cause: None }
    }
}

impl Filled {
    /// Takes a part into the whole.
    fn add(&mut self, record: &mut PartRecord, part: Filled) {
        let Filled { manifest, copied_bytes, shared_pieces, notes } = part;
        (record.bytes, record.entries, record.source) = (manifest.bytes, manifest.figures.entries, manifest.source);
        self.copied_bytes += copied_bytes;
        self.shared_pieces += shared_pieces;
        let named = |text: String| format!("part {}: {text}", record.name);
        self.notes.extend(notes.into_iter().map(named));
        self.manifest.left_out.extend(manifest.left_out.into_iter().map(named));
        self.manifest.bytes += manifest.bytes;
        // Each part counts for itself: the whole has no first and no last position.
        self.manifest.figures.join(&Figures { positions: None, ..manifest.figures });
    }
}

fn shown<S: serde::Serializer>(path: &Path, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}
