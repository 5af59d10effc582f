//! A value and where it came from.

use std::{fmt, path::PathBuf};

use crate::{Error, ErrorKind};

/// A value with its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub origin: Origin,
}

/// Where a value came from; a later one in this list wins.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Origin {
    /// Nobody said anything.
    #[default]
    Default,
    /// A configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
    },
    /// A variable of the environment.
    Env(String),
    /// The command line.
    Flag,
}

impl Origin {
    /// Which layer it is of: a higher one wins.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Origin::Default => 0,
            Origin::File { .. } => 1,
            Origin::Env(_) => 2,
            Origin::Flag => 3,
        }
    }

    /// The place of a key, for messages.
    pub(super) fn place(&self, name: &str) -> String {
        match self {
            Origin::Env(variable) => format!("the variable {variable}"),
            Origin::File { path, line } => format!("`{name}` in `{}`, line {line}", path.display()),
            Origin::Flag => format!("`{name}` on the command line"),
            Origin::Default => format!("the default of `{name}`"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.pad("default"),
            Origin::File { path, line } => f.pad(&format!("{}:{line}", path.display())),
            Origin::Env(variable) => f.pad(variable),
            Origin::Flag => f.pad("flag"),
        }
    }
}

/// The same error of the configuration, with the place in front.
pub(super) fn placed(place: &str, error: Error) -> Error {
    let placed = Error::new(ErrorKind::Config, format!("{place}: {error}"));
    match error.cure() {
        Some(cure) => placed.with_cure(cure),
        None => placed,
    }
}

/// One value as a source has it.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) name: &'static str,
    pub(super) value: std::ffi::OsString,
    pub(super) origin: Origin,
}
