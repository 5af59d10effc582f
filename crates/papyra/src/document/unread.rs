//! What could not be read of a log whose kinds of facts live in different places.

use crate::{Entry, Error, ErrorKind, Log, Result};

/// A read of several parts: one that cannot be read is told of at the end, and the others are shown.
#[derive(Clone, Debug, Default)]
pub struct Unread(Vec<Error>);

impl Unread {
    /// The entry, or `None` if a part cannot be read.
    ///
    /// # Errors
    /// A log without parts that cannot be read is an error at once, and so is one that is not there.
    pub fn sort_out(&mut self, log: &Log, read: Result<Entry>) -> Result<Option<Entry>> {
        match read {
            Ok(entry) => Ok(Some(entry)),
            Err(error) if error.kind() != ErrorKind::NotFound && log.parts().next().is_some() => {
                self.0.push(error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Why parts could not be read.
    pub fn errors(&self) -> &[Error] {
        &self.0
    }

    /// How a command ends that came upon them: the highest exit code, 0 if there are none.
    pub fn exit_code(&self) -> u8 {
        self.0.iter().map(|error| error.kind().exit_code()).max().unwrap_or_default()
    }
}
