//! A disk in memory, so small that it is soon full.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::effort::{is_root, tool};

/// A mounted tmpfs, unmounted with this value.
pub(crate) struct Tmpfs {
    directory: TempDir,
}

impl Tmpfs {
    /// Mounts one, or says why that is not possible.
    pub(crate) fn mount(size: &str) -> Result<Tmpfs, String> {
        let mount = tool("mount").filter(|_| is_root()).ok_or("mounting needs root and `mount`")?;
        let directory = tempfile::tempdir().unwrap();
        let options = format!("size={size},mode=0700");
        let made =
            Command::new(mount).args(["-t", "tmpfs", "-o", &options, "papyra-proof"]).arg(directory.path()).output();
        match made {
            Ok(made) if made.status.success() => Ok(Tmpfs { directory }),
            Ok(made) => Err(format!("no tmpfs can be mounted: {}", String::from_utf8_lossy(&made.stderr).trim())),
            Err(error) => Err(format!("no tmpfs can be mounted: {error}")),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Takes all the room there is.
    pub(crate) fn fill(&self) -> Filler {
        let path = self.path().join("filler");
        let mut file = File::create(&path).unwrap();
        while file.write_all(&[1; 4096]).is_ok() {}
        Filler(path)
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let ended = Command::new(tool("umount").unwrap_or_default()).arg(self.path()).status();
        if !ended.is_ok_and(|status| status.success()) {
            eprintln!("cannot unmount {}", self.path().display());
        }
    }
}

/// What takes the room; dropping it gives the room back.
pub(crate) struct Filler(PathBuf);

impl Filler {
    /// Gives some of the room back already.
    pub(crate) fn give_back(&self, bytes: u64) {
        let file = File::options().write(true).open(&self.0).unwrap();
        file.set_len(file.metadata().unwrap().len().saturating_sub(bytes)).unwrap();
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
