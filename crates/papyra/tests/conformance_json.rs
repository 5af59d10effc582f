//! The contract, kept by a log in one file.

use papyra::backend::file::{FileConfig, FileLog};

papyra::conformance!(|dir| FileLog::new(FileConfig::new(dir.join("log.ndjson"))));
