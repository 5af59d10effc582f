//! What is said of the parts of a log whose kinds of facts live in different places.

use papyra::{Entry, ErrorKind, Log, PartReport, Result as LogResult, document};

use crate::{
    console::{Notes, Out},
    exit::ExitCode,
    failure::Failure,
    recovery::NO_LOG,
    safe,
};

/// Prints what was found or done in each part, under its name, as `print` words it.
pub(crate) fn print<T>(
    parts: &[PartReport<T>],
    out: &mut Out,
    mut print: impl FnMut(&T, &mut Out) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for part in parts {
        out.line(&format!("{}: {}", name(part), safe::text(&part.log)))?;
        match (&part.report, &part.error) {
            (Some(report), _) => print(report, out)?,
            (None, Some(error)) if error.kind == ErrorKind::NotFound => out.headline(NO_LOG)?,
            (None, Some(error)) if error.kind == ErrorKind::Unsupported => out.line(&safe::text(&error.message))?,
            (None, Some(error)) => out.headline(&format!("failed: {}", safe::text(&error.message)))?,
            (None, None) => {}
        }
    }
    Ok(())
}

/// `part event, audit`: how a part is called.
pub(crate) fn name<T>(part: &PartReport<T>) -> String {
    format!("part {}", part.kinds_in_words())
}

/// Says what helps each part that failed.
pub(crate) fn tell<T>(parts: &[PartReport<T>], notes: &Notes) {
    for error in parts.iter().filter_map(PartReport::failure) {
        notes.failure(&error.to_error().into());
    }
}

/// How a command ends whose parts are well but for this code: the highest counts.
pub(crate) fn verdict<T>(parts: &[PartReport<T>], own: ExitCode) -> ExitCode {
    parts.iter().filter_map(PartReport::failure).map(|error| ExitCode::of(error.kind)).fold(own, Ord::max)
}

/// A read of several parts: one that cannot be read is told of at the end, and the others are shown.
#[derive(Default)]
pub(crate) struct Unread(document::Unread);

impl From<document::Unread> for Unread {
    fn from(unread: document::Unread) -> Self {
        Unread(unread)
    }
}

impl Unread {
    /// The entry, or `None` if a part cannot be read. A log without parts that cannot be read is a failure at once.
    pub(crate) fn sort_out(&mut self, log: &Log, read: LogResult<Entry>) -> Result<Option<Entry>, Failure> {
        Ok(self.0.sort_out(log, read)?)
    }

    /// How the command ends.
    pub(crate) fn verdict(&self) -> ExitCode {
        self.0.errors().iter().map(|error| ExitCode::of(error.kind())).fold(ExitCode::Done, Ord::max)
    }

    pub(crate) fn tell(&self, notes: &Notes) {
        self.0.errors().iter().for_each(|error| notes.failure(&error.clone().into()));
    }
}
