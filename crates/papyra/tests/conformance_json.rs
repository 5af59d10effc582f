//! The contract, kept by a log in one file.

use papyra::backend::file::{FileConfig, JsonLog};

papyra::conformance!(|dir| JsonLog::new(FileConfig::new(dir.join("log.ndjson"))));
