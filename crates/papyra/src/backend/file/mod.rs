//! The file engine: a log in files of lines.

mod config;

use async_trait::async_trait;

pub use config::FileConfig;

use crate::{Appended, Backend, Error, Fact, Result};

/// A log in one NDJSON file.
#[derive(Debug)]
pub struct JsonLog {
    config: FileConfig,
}

impl JsonLog {
    /// The log in this file. Nothing is opened or created yet: the first append does that.
    pub fn new(config: FileConfig) -> Self {
        JsonLog { config }
    }
}

#[async_trait]
impl Backend for JsonLog {
    fn name(&self) -> &'static str {
        "json"
    }

    fn address(&self) -> String {
        format!("json:{}", self.config.path.display())
    }

    async fn append(&self, _: &[Fact]) -> Result<Appended> {
        Err(Error::unsupported("json", "append"))
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}
