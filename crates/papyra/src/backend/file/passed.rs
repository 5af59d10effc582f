//! What a pass over the files of a log came to.

use super::stretch::Stretch;
use crate::ScanReport;

/// What a pass over one file came to.
pub(super) struct Passed {
    pub(super) report: ScanReport,
    /// The stretches that were taken in as a whole, in the order of the file.
    pub(super) sound: Vec<Stretch>,
}

/// What a pass came to.
pub(super) struct Ended {
    pub(super) report: ScanReport,
    /// For each file whether bytes of it are not as or where they should be.
    pub(super) touched: Vec<bool>,
    /// The highest number that the files account for.
    pub(super) accounted: u64,
}
