//! Log addresses: `json:./facts.ndjson?durability=buffered`.

mod parse;
mod percent;
mod show;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::{
    Error, ErrorKind, LogOptions, Result,
    nearest::nearest,
    units::{format_size, parse_size},
};

/// The address of a log: a scheme, a path or server, and options.
///
/// ```text
/// json:./facts.ndjson                        a file; `json:/var/lib/orders/facts.ndjson` likewise
/// json:./facts.ndjson?durability=buffered&retention.max_age=30d
/// redis://host:6379/0?spool=/var/lib/orders/spool&spool_max_bytes=1GiB
/// pg://user:password@host/db?table=facts     a scheme that the program registered itself
/// ./facts.ndjson                             a bare path is `json:`, an existing directory `rotating:`
/// ```
///
/// - In a path after a scheme `%` begins an escape (`%20` a space, `%23` a `#`, `%3F` a `?`, `%25` a `%`). A bare path
///   is taken as it is.
/// - A text is a bare path if it begins with `.` or `/`, or holds neither `:` nor `@`. Other names need `./` in front
///   (`./12:30.ndjson`), or [`Dsn::for_path`], which takes any path.
/// - A bare path with `?` or `#` is refused here, since it may be meant as options: [`Dsn::for_path`] takes it.
///
/// [`Display`](std::fmt::Display) and [`Debug`] show no password: of schemes that Papyra knows they hide everything
/// before the `@` and the values of options that it does not know; of other schemes they show the name alone. No error
/// about an address shows more.
///
/// ```
/// use papyra::Dsn;
/// let dsn: Dsn = "redis://:s3cret@localhost:6379/0?prefix=papyra".parse()?;
/// assert_eq!(dsn.to_string(), "redis://***@localhost:6379/0?prefix=papyra");
/// # Ok::<(), papyra::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Dsn {
    scheme: String,
    body: Body,
    options: Vec<(String, String)>,
    common: LogOptions,
}

#[derive(Clone, PartialEq, Eq)]
enum Body {
    /// A path, decoded.
    Path(PathBuf),
    /// What stands between scheme and options, as it was written.
    Raw(String),
}

/// The options that put a spool in front of a log.
const SPOOL: &str = "spool";
const SPOOL_MAX_BYTES: &str = "spool_max_bytes";

/// A spool that held less could not take a fact of the largest usual size, in bytes.
const LEAST_SPOOL: u64 = 1 << 20;

/// A size that a spool may have.
///
/// # Errors
/// `Config` if it is too small.
pub(crate) fn spool_size(bytes: u64) -> Result<u64> {
    if bytes >= LEAST_SPOOL {
        return Ok(bytes);
    }
    Err(Error::new(ErrorKind::Config, format!("{} is less than {}", format_size(bytes), format_size(LEAST_SPOOL)))
        .with_cure("a spool needs room for an outage: write `1GiB`"))
}

/// The schemes whose body is a path.
const FILE_SCHEMES: [&str; 2] = ["json", "rotating"];

impl Dsn {
    /// The address of a file, whatever its name is: `json:`, or `rotating:` if it is an existing directory or ends in
    /// `/`.
    pub fn for_path(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let is_dir = path.as_os_str().as_encoded_bytes().ends_with(b"/") || path.is_dir();
        Dsn {
            scheme: if is_dir { "rotating" } else { "json" }.to_owned(),
            body: Body::Path(path.to_owned()),
            options: Vec::new(),
            common: LogOptions::default(),
        }
    }

    /// The scheme in lower case, without its colon.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The path that a file scheme names, decoded.
    ///
    /// # Errors
    /// `Config` if the address names a host, or no path at all.
    pub fn path(&self) -> Result<PathBuf> {
        match &self.body {
            Body::Path(path) => Ok(path.clone()),
            Body::Raw(raw) => parse::file_path(&self.scheme, raw),
        }
    }

    /// What stands between `//` and the next `/`: user, **password**, host and port, as they were written. `None`
    /// without a `//`.
    pub fn authority(&self) -> Option<&str> {
        match &self.body {
            Body::Path(_) => None,
            Body::Raw(raw) => parse::authority(raw),
        }
    }

    /// All that stands between the scheme's colon and the options, **with its password**, as it was written: for a
    /// backend whose client wants the whole address.
    pub fn expose_body(&self) -> OsString {
        match &self.body {
            Body::Path(path) => path.clone().into_os_string(),
            Body::Raw(raw) => raw.into(),
        }
    }

    /// A part of an address with its escapes (`%40` an `@`) resolved; `None` if they are none, or not UTF-8.
    #[cfg(feature = "redis")]
    pub(crate) fn decoded(text: &str) -> Option<String> {
        percent::decode(text).and_then(|bytes| String::from_utf8(bytes).ok())
    }

    /// The decoded value of an option; it may be a secret.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The options that every log has.
    pub fn log_options(&self) -> &LogOptions {
        &self.common
    }

    /// Whether it says anything beside where the log is.
    #[cfg(feature = "config")]
    pub(crate) fn has_options(&self) -> bool {
        !self.options.is_empty()
    }

    /// Whether both say the same beside where the log is, in whatever order.
    #[cfg(feature = "config")]
    pub(crate) fn has_options_of(&self, other: &Dsn) -> bool {
        let sorted = |dsn: &Dsn| std::collections::BTreeSet::from_iter(dsn.options.iter().cloned());
        sorted(self) == sorted(other)
    }

    /// The same address with these options instead of its own, as far as every log has them.
    #[must_use]
    pub fn with_log_options(mut self, options: LogOptions) -> Self {
        self.options.retain(|(name, _)| !LogOptions::NAMES.contains(&name.as_str()));
        for name in LogOptions::NAMES {
            if let Some(value) = options.get(name) {
                self.options.push((name.to_owned(), value));
            }
        }
        self.common = options;
        self
    }

    /// Where the spool in front of the log is, and how many bytes it may hold, if the address says so.
    ///
    /// # Errors
    /// `Config` for a size that makes no sense, or that is given without a spool.
    pub fn spool(&self) -> Result<Option<(PathBuf, Option<u64>)>> {
        let max_bytes = match self.option(SPOOL_MAX_BYTES) {
            None => None,
            Some(text) => {
                let bytes = parse_size(text).and_then(spool_size).map_err(|error| {
                    Error::new(ErrorKind::Config, format!("the option `{SPOOL_MAX_BYTES}`: {error}"))
                })?;
                Some(bytes)
            }
        };
        match self.option(SPOOL).filter(|path| !path.is_empty()) {
            Some(path) => Ok(Some((PathBuf::from(path), max_bytes))),
            None if max_bytes.is_some() || self.option(SPOOL).is_some() => {
                Err(refused(format!("the option `{SPOOL}` names no directory"), "write `spool=/var/lib/orders/spool`"))
            }
            None => Ok(None),
        }
    }

    /// The same address with this spool instead of its own.
    ///
    /// # Errors
    /// `Config` if the path is not UTF-8, which no address can hold.
    pub fn with_spool(self, path: &Path, max_bytes: Option<u64>) -> Result<Self> {
        let name = path.to_str().ok_or_else(|| {
            Error::new(ErrorKind::Config, format!("the spool `{}` is no UTF-8", path.display()))
                .with_cure("give the directory another name")
        })?;
        let mut dsn = self.without_spool();
        dsn.options.push((SPOOL.to_owned(), name.to_owned()));
        dsn.options.extend(max_bytes.map(|bytes| (SPOOL_MAX_BYTES.to_owned(), bytes.to_string())));
        Ok(dsn)
    }

    /// The same address without a spool: that of the log behind it.
    #[must_use]
    pub fn without_spool(mut self) -> Self {
        self.options.retain(|(name, _)| name != SPOOL && name != SPOOL_MAX_BYTES);
        self
    }

    /// Refuses every option that is neither one of these nor one that every log has.
    ///
    /// [`Schemes`](crate::Schemes) does this before it calls an opener, with the options that were registered for it.
    ///
    /// # Errors
    /// `Config`, with the nearest known name.
    pub fn refuse_unknown_options<S: AsRef<str>>(&self, known: &[S]) -> Result<()> {
        let all = || LogOptions::NAMES.into_iter().chain(known.iter().map(AsRef::as_ref));
        let Some((name, _)) = self.options.iter().find(|(name, _)| !all().any(|known| known == name)) else {
            return Ok(());
        };
        let scheme = &self.scheme;
        let error = |meant: String| Error::new(ErrorKind::Config, format!("unknown option `{name}`{meant}"));
        Err(match nearest(name, all()) {
            Some(meant) => error(format!(", did you mean `{meant}`?")).with_cure(format!("write `{meant}=…`")),
            None => error(format!(" of a `{scheme}:` log"))
                .with_cure(format!("remove it; `{scheme}:` knows {}", all().collect::<Vec<_>>().join(", "))),
        })
    }
}

/// A DSN that cannot be understood: the message never holds any of it, since a password may stand anywhere in it.
fn refused(message: impl Into<String>, cure: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, message).with_cure(cure)
}
