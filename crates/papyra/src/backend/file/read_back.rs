//! A file is read back and checked while it is written: whoever writes it waits less.

use std::{
    fs::File,
    io,
    sync::Arc,
    thread::{self, JoinHandle},
};

use super::{members::Member, pass::Pass, written::Written};
use crate::{Result, ScanReport};

/// A check of a file that is being written. Dropping it ends it.
#[derive(Debug)]
pub(super) struct ReadBack {
    written: Arc<Written>,
    /// How long the file will be.
    pub(super) size: u64,
    reading: Option<JoinHandle<io::Result<ScanReport>>>,
}

impl ReadBack {
    /// Begins to read a file that will be `size` long.
    pub(super) fn begin(member: Member, pass: Pass, file: File, size: u64) -> Result<ReadBack> {
        let written = Arc::new(Written::default());
        let (own, file) = (written.clone(), Arc::new(file));
        let read = move || pass.run_behind(&member, &own, &file, size);
        let reading = thread::Builder::new().name("papyra-read-back".to_owned()).spawn(read);
        let reading = reading.map_err(super::threads::not_started)?;
        Ok(ReadBack { written, size, reading: Some(reading) })
    }

    /// The file is so long by now.
    pub(super) fn tell(&self, len: u64) {
        self.written.tell(len);
    }

    /// Waits for what was found. The file must have been told to be as long as it was to be.
    pub(super) fn finish(mut self) -> io::Result<ScanReport> {
        let read = self.reading.take().map(JoinHandle::join);
        read.and_then(std::result::Result::ok).unwrap_or_else(|| Err(io::Error::other("reading back ended early")))
    }
}

impl Drop for ReadBack {
    fn drop(&mut self) {
        self.written.give_up();
        if let Some(reading) = self.reading.take() {
            let _ = reading.join();
        }
    }
}
