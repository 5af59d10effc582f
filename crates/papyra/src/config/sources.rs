//! Where configuration comes from.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

/// Where configuration comes from. Nothing is read before [`Config::load`](super::Config::load), and the environment
/// only if it is given.
#[derive(Clone, Default)]
pub struct Sources {
    pub(super) defaults: Vec<(String, OsString)>,
    pub(super) env: Vec<(OsString, OsString)>,
    pub(super) known_variables: Vec<String>,
    pub(super) flags: Vec<(String, OsString)>,
    pub(super) path: Option<PathBuf>,
    pub(super) file: Option<PathBuf>,
    pub(super) directory: Option<PathBuf>,
    pub(super) system_file: Option<PathBuf>,
    pub(super) user_file: bool,
}

impl Sources {
    /// The files that the [module](super) lists, and nothing else yet.
    pub fn new() -> Self {
        Sources {
            directory: Some(PathBuf::new()),
            system_file: Some("/etc/papyra/papyra.toml".into()),
            user_file: true,
            ..Sources::default()
        }
    }

    /// No file but one that is named, in code or by `PAPYRA_CONFIG`.
    pub fn without_files() -> Self {
        Sources::default()
    }

    /// The environment, such as [`std::env::vars_os`]. An empty value counts as none.
    #[must_use]
    pub fn env<K: Into<OsString>, V: Into<OsString>>(mut self, variables: impl IntoIterator<Item = (K, V)>) -> Self {
        self.env.extend(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// A `PAPYRA_…` variable that the program itself reads, so that it is not warned of.
    #[must_use]
    pub fn knows_variable(mut self, name: impl Into<String>) -> Self {
        self.known_variables.push(name.into());
        self
    }

    /// A value from the command line, under the key that it has in `papyra.toml` (`url`, `durability`,
    /// `retention.max_age`, `startup.mode`…).
    #[must_use]
    pub fn flag(mut self, key: impl Into<String>, value: impl AsRef<OsStr>) -> Self {
        self.flags.push((key.into(), value.as_ref().to_owned()));
        self
    }

    /// `--path`: a file as the log, whatever its name is, instead of any address.
    #[must_use]
    pub fn path(mut self, path: impl AsRef<Path>) -> Self {
        self.path = Some(path.as_ref().to_owned());
        self
    }

    /// `--config`: the one file to read. It must exist.
    #[must_use]
    pub fn file(mut self, path: impl AsRef<Path>) -> Self {
        self.file = Some(path.as_ref().to_owned());
        self
    }

    /// A default of the program, below every other source.
    #[must_use]
    pub fn default_value(mut self, key: impl Into<String>, value: impl AsRef<OsStr>) -> Self {
        self.defaults.push((key.into(), value.as_ref().to_owned()));
        self
    }

    /// Looks for `papyra.toml` in this directory instead of the working directory.
    #[must_use]
    pub fn directory(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = Some(directory.as_ref().to_owned());
        self
    }

    /// The system's file instead of `/etc/papyra/papyra.toml`.
    #[must_use]
    pub fn system_file(mut self, path: impl AsRef<Path>) -> Self {
        self.system_file = Some(path.as_ref().to_owned());
        self
    }
}

impl std::fmt::Debug for Sources {
    /// Without any value: passwords stand in the environment and in addresses.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let flags: Vec<_> = self.flags.iter().map(|(key, _)| key).collect();
        f.debug_struct("Sources").field("flags", &flags).field("file", &self.file).finish_non_exhaustive()
    }
}
