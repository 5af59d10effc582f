//! A long file goes to the disk while it is still being written, so that little is left to wait for at its end.

use std::{
    fs::File,
    io,
    sync::mpsc::{self, SyncSender},
    thread::{self, JoinHandle},
};

use super::storage;

/// So much is written before the disk is given work.
const EACH: u64 = 32 << 20;

/// Syncs a file again and again on a thread of its own.
#[derive(Debug, Default)]
pub(super) struct EarlySync {
    /// How much has been written, and how much of it was to be synced.
    len: u64,
    wanted: u64,
    thread: Option<(SyncSender<u64>, JoinHandle<io::Result<()>>)>,
    forgets: bool,
}

impl EarlySync {
    /// For a file that nobody will read soon: what is on the disk leaves the memory.
    pub(super) fn forgetting() -> Self {
        EarlySync { forgets: true, ..EarlySync::default() }
    }

    /// The file is so long by now.
    pub(super) fn tell(&mut self, file: &File, len: u64) {
        self.len = len;
        if self.len < self.wanted + EACH {
            return;
        }
        self.wanted = self.len;
        if self.thread.is_none() {
            self.thread = begin(file, self.forgets).ok();
        }
        if let Some((wanted, _)) = &self.thread {
            // While one sync runs one more waits: that is enough.
            let _ = wanted.try_send(len);
        }
    }

    /// Waits for the last sync. The system tells of a failed one only once, so whoever syncs the file later must not forget
    /// this one: the bytes may be gone.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let Some((wanted, thread)) = self.thread.take() else { return Ok(()) };
        drop(wanted);
        thread.join().unwrap_or_else(|_| Err(io::Error::other("syncing ended early")))
    }
}

fn begin(file: &File, forgets: bool) -> io::Result<(SyncSender<u64>, JoinHandle<io::Result<()>>)> {
    let (wanted, wishes) = mpsc::sync_channel(1);
    let file = file.try_clone()?;
    let sync = move || {
        let mut done = 0;
        wishes.iter().try_for_each(|len| {
            file.sync_data()?;
            if forgets {
                storage::forget(&file, done, len - done);
                done = len;
            }
            Ok(())
        })
    };
    Ok((wanted, thread::Builder::new().name("papyra-early-sync".to_owned()).spawn(sync)?))
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;

    use super::*;

    #[test]
    fn a_sync_that_failed_early_is_told_at_the_end() {
        // A pipe can be written to but not synced.
        let (_reader, writer) = io::pipe().unwrap();
        let pipe = File::from(OwnedFd::from(writer));
        let mut early = EarlySync::default();
        early.tell(&pipe, EACH - 1);
        assert!(early.finish().is_ok(), "so little is not synced early");
        early.tell(&pipe, EACH);
        assert!(early.finish().is_err());
    }
}
