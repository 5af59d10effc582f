//! Are the bytes of a backup those that its manifest names?

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{self, Read},
    path::Path,
};

use serde::Serialize;

use super::manifest::{DATA, MANIFEST, Manifest, PieceRecord};
use crate::{
    Error, Progress, Result,
    disk::{self, Identity},
};

/// How much is read at once.
const BLOCK: usize = 1 << 20;
/// How many mismatches are named; the others are counted.
const MAX_MISMATCHES: usize = 1_000;

/// Something in a backup that is not as its manifest says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Mismatch {
    /// The file, from the backup's folder on.
    pub file: String,
    /// What is wrong with it.
    pub cause: String,
}

/// Mismatches while they are gathered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mismatches {
    pub(super) first: Vec<Mismatch>,
    pub(super) total: u64,
}

impl Mismatches {
    pub(super) fn add(&mut self, file: impl Into<String>, cause: impl Into<String>) {
        self.total += 1;
        if self.first.len() < MAX_MISMATCHES {
            self.first.push(Mismatch { file: file.into(), cause: cause.into() });
        }
    }

    /// Takes over what was found in a part.
    pub(super) fn join(&mut self, part: &str, first: Vec<Mismatch>, total: u64) {
        self.total += total - first.len() as u64;
        first.into_iter().for_each(|one| self.add(format!("{part}/{}", one.file), one.cause));
    }
}

/// Checksums that are known already: backups share files that never change.
pub(super) type Known = HashMap<Identity, String>;

/// What is in the folder of a backup of several parts, and in none of them.
pub(super) fn beside_parts(folder: &Path, manifest: &Manifest) -> Result<Mismatches> {
    let mut found = Mismatches::default();
    let parts = manifest.parts.iter().filter(|part| part.manifest.is_some()).map(|part| part.name.as_str());
    strangers(folder, "", &parts.chain([MANIFEST]).collect(), &mut found)?;
    Ok(found)
}

/// Compares a backup's folder with its manifest: what must be there is there, whole and unchanged, and nothing else is.
pub(super) fn bytes_of(
    folder: &Path,
    manifest: &Manifest,
    known: &mut Known,
    progress: Option<&Progress>,
) -> Result<Mismatches> {
    let mut found = Mismatches::default();
    strangers(folder, "", &HashSet::from([MANIFEST, DATA]), &mut found)?;
    let data = folder.join(DATA);
    match data.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => {
            found.add(DATA, "it is not a directory");
            return Ok(found);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            found.add(DATA, "it is missing");
            return Ok(found);
        }
        Err(error) => return Err(Error::io("look at", &data, error)),
    }
    strangers(&data, "data/", &manifest.pieces.iter().map(|piece| piece.name.as_str()).collect(), &mut found)?;
    progress.iter().for_each(|progress| progress.announce(manifest.bytes));
    for piece in &manifest.pieces {
        if let Some(cause) = piece_of(&data, piece, known, progress)? {
            found.add(format!("data/{}", piece.name), cause);
        }
    }
    Ok(found)
}

/// What is in a directory and not in the manifest.
fn strangers(directory: &Path, shown: &str, expected: &HashSet<&str>, found: &mut Mismatches) -> Result<()> {
    let failed = |error| Error::io("read", directory, error);
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if name.to_str().is_none_or(|name| !expected.contains(name)) {
            found.add(format!("{shown}{}", name.display()), "it is not in the manifest");
        }
    }
    Ok(())
}

/// What is wrong with a piece.
pub(super) fn piece_of(
    data: &Path,
    piece: &PieceRecord,
    known: &mut Known,
    progress: Option<&Progress>,
) -> Result<Option<String>> {
    let path = data.join(&piece.name);
    let failed = |error| Error::io("read", &path, error);
    let file = match disk::open_file(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some("it is missing".to_owned())),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(failed(error)),
        Err(_) => return Ok(Some("it is not a regular file".to_owned())),
    };
    let bytes = file.metadata().map_err(failed)?.len();
    if bytes != piece.bytes {
        return Ok(Some(format!("it has {bytes} bytes, the manifest says {}", piece.bytes)));
    }
    let identity = Identity::of(&file).map_err(failed)?;
    let sum = match known.get(&identity) {
        Some(sum) => {
            progress.iter().for_each(|progress| progress.add(bytes));
            sum.clone()
        }
        None => match checksum(&file, progress) {
            Ok(sum) => known.entry(identity).or_insert(sum).clone(),
            // A block that the disk cannot give back any more is what one backs up against.
            Err(error) => return Ok(Some(format!("it cannot be read: {error}"))),
        },
    };
    Ok((sum != piece.blake3).then(|| "its checksum is wrong: its bytes have changed".to_owned()))
}

/// The BLAKE3 checksum of a file, read in constant memory.
pub(super) fn checksum(mut file: &File, progress: Option<&Progress>) -> io::Result<String> {
    let (mut hasher, mut block) = (blake3::Hasher::new(), vec![0; BLOCK]);
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok(hasher.finalize().to_string()),
            Ok(got) => {
                hasher.update(&block[..got]);
                progress.iter().for_each(|progress| progress.add(got as u64));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
