//! A file is read back and checked while it is written: whoever writes it waits less.

use std::{
    fs::File,
    io,
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
};

use super::{pass::Pass, written::Written};
use crate::{Progress, Result, ScanOptions, ScanReport};

/// A check of a file that is being written. Dropping it ends it.
#[derive(Debug)]
pub(super) struct ReadBack {
    written: Arc<Written>,
    /// How long the file will be.
    pub(super) size: u64,
    reading: Option<JoinHandle<io::Result<ScanReport>>>,
}

impl ReadBack {
    /// Begins to read a file that will be `size` long. `report` is what the findings are put into.
    pub(super) fn begin(
        path: &Path,
        file: File,
        size: u64,
        report: ScanReport,
        progress: Option<&Progress>,
    ) -> Result<ReadBack> {
        let written = Arc::new(Written::default());
        let options = ScanOptions { progress: progress.cloned(), ..ScanOptions::default() };
        let (own, path, file) = (written.clone(), path.to_owned(), Arc::new(file));
        let read = move || {
            let report = ScanReport { bytes: size, ..report };
            Pass::new(&path, options, report).run_behind(&own, &file, size).map(|passed| passed.report)
        };
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
