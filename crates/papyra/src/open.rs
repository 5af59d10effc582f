//! From an address to a log: the only place that names the backends.

mod kinds;
#[cfg(feature = "redis")]
mod redis;

use std::{collections::BTreeMap, fmt, future::Future, path::PathBuf, pin::Pin, sync::Arc};

use crate::{
    Backend, Dsn, Durability, Error, ErrorKind, Log, Recorder, RecorderBuilder, Result,
    backend::{
        file::{FileConfig, FileLog, Rotation},
        memory::Memory,
        spooled::{SpoolConfig, Spooled},
    },
    backup::BackupDir,
    log_options::parse_count,
    nearest::nearest,
    recorder::Source,
    units::{format_size, parse_duration, parse_size},
};

#[cfg(feature = "redis")]
use crate::backend::redis::StoredLog;

/// Opens the log at an address: `memory:`, `json:./facts.ndjson`, `rotating:./log`, or a bare path. See [`Dsn`] and [`Schemes`].
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let log = papyra::open("memory:?retention.max_records=1000").await?;
/// assert_eq!(log.retention().all.max_records, Some(1000));
/// # Ok::<(), papyra::Error>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// `Config` for an address that is wrong; nothing was touched. A file is neither read nor created before it is used.
pub async fn open(url: &str) -> Result<Log> {
    Schemes::new().open(url).await
}

impl Recorder {
    /// Opens the log at an address, checks it, and starts recording; a damaged log is refused, but for a torn tail. With
    /// other settings: [`Recorder::builder`] and its [`open`](RecorderBuilder::open).
    ///
    /// # Errors
    /// Those of [`RecorderBuilder::open`].
    pub async fn open(address: &str) -> Result<Recorder> {
        Recorder::builder(address).open().await
    }
}

impl RecorderBuilder {
    /// Opens the log, runs the [startup check](crate::startup), takes the writer's lock, and starts recording.
    ///
    /// # Errors
    /// `Config` for a wrong address; `Corrupt` if the log is damaged and the check does not let that pass; `Locked` if
    /// another process writes to it; whatever else keeps it from being written to.
    pub async fn open(self) -> Result<Recorder> {
        let log = match &self.source.0 {
            Source::Log(log) => log.clone(),
            Source::Address(address) => open(address).await?,
        };
        self.open_on(log).await
    }
}

/// Opens the log of an address, whose own options have been checked.
type Opener = Arc<dyn Fn(Dsn) -> Pin<Box<dyn Future<Output = Result<Log>> + Send>> + Send + Sync>;

/// The schemes that a program knows: Papyra's own and those that it registered.
///
/// ```
/// use papyra::{Dsn, Result, Schemes, backend::memory::Memory};
///
/// async fn open_pg(dsn: Dsn) -> Result<Memory> {
///     let _table = dsn.option("table").unwrap_or("facts");
///     Ok(Memory::new())
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let schemes = Schemes::new().with_options("pg", ["table"], open_pg);
/// let log = schemes.open("pg://localhost/orders?table=facts&retention.max_age=30d").await?;
/// # let _ = log; Ok::<(), papyra::Error>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Schemes(BTreeMap<String, Scheme>);

#[derive(Clone)]
struct Scheme {
    options: Vec<String>,
    open: Opener,
}

/// Schemes that are part of the design and not yet of this version.
#[cfg(feature = "redis")]
const PLANNED: [&str; 0] = [];
#[cfg(not(feature = "redis"))]
const PLANNED: [&str; 4] = ["redis", "rediss", "redis+sentinel", "redis+cluster"];

impl Schemes {
    /// Papyra's own: `memory:`, `json:` and `rotating:`; with the feature `redis` also `redis:`, `rediss:`,
    /// `redis+sentinel:` and `redis+cluster:`.
    pub fn new() -> Self {
        let schemes = Schemes(BTreeMap::new()).with("memory", open_memory);
        let schemes = schemes.with_options("json", ["max_line"], open_json);
        let schemes = schemes.with_options("rotating", ROTATING, open_rotating);
        #[cfg(feature = "redis")]
        let schemes = redis::register(schemes);
        schemes
    }

    /// Registers a scheme that has no options but those that every log has ([`LogOptions`](crate::LogOptions)). It
    /// replaces a scheme of the same name.
    ///
    /// The name may hold letters, digits, `+`, `-`, `.` and `_`, and begins with a letter. Retention is applied for the
    /// opener; durability and lock timeout are its own business: if it cannot give the durability that was asked for,
    /// it answers with an error of kind `Config`.
    #[must_use]
    pub fn with<F, Fut, B>(self, scheme: &str, open: F) -> Self
    where
        F: Fn(Dsn) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<B>> + Send + 'static,
        B: Backend,
    {
        self.with_options(scheme, [] as [&str; 0], open)
    }

    /// The same for a scheme that has further options. Any other is refused by name before the opener is called.
    #[must_use]
    pub fn with_options<F, Fut, B, S>(mut self, scheme: &str, options: impl IntoIterator<Item = S>, open: F) -> Self
    where
        F: Fn(Dsn) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<B>> + Send + 'static,
        B: Backend,
        S: Into<String>,
    {
        let open: Opener = Arc::new(move |dsn| {
            let opening = open(dsn);
            Box::pin(async move { opening.await.map(Log::new) })
        });
        let options = options.into_iter().map(Into::into).collect();
        self.0.insert(scheme.trim_end_matches(':').to_ascii_lowercase(), Scheme { options, open });
        self
    }

    /// The names of the known schemes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Opens the log at an address, under the retention that stands in it.
    ///
    /// # Errors
    /// `Config` for an address that is wrong; and whatever the scheme's backend answers.
    pub async fn open(&self, url: &str) -> Result<Log> {
        self.open_dsn(&url.parse()?).await
    }

    /// Opens the log at an address that was read before, with a [spool](crate::Spooled) in front of it if the address names
    /// one.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_dsn(&self, dsn: &Dsn) -> Result<Log> {
        let scheme = self.0.get(dsn.scheme()).ok_or_else(|| self.unknown(dsn.scheme()))?;
        let (dsn, spool) = (dsn.clone().without_spool(), dsn.spool()?);
        dsn.refuse_unknown_options(&scheme.options)?;
        let options = *dsn.log_options();
        let mut log = (scheme.open)(dsn).await?;
        if let Some((path, max_bytes)) = spool {
            let mut config = SpoolConfig::new(path);
            config.max_bytes = max_bytes.unwrap_or(config.max_bytes);
            config.lock_timeout = options.lock_timeout.unwrap_or(config.lock_timeout);
            config.close_timeout = options.timeout.unwrap_or(config.close_timeout);
            let spooled = Spooled::new(log.shared_backend(), config)?;
            log = log.moved_to(spooled);
        }
        Ok(log.with_retention(options.retention))
    }

    /// The backups in a directory, of logs of Papyra's own backends and of all others. Those of others are verified by
    /// their bytes alone.
    pub fn backups(&self, directory: impl Into<PathBuf>) -> BackupDir {
        BackupDir::new(directory, |backend, data, pieces| match (backend, pieces) {
            ("json", [piece]) => Some(Log::new(FileLog::new(FileConfig::new(data.join(piece))))),
            ("rotating", _) => Some(Log::new(FileLog::new(FileConfig::rotating(data)))),
            #[cfg(feature = "redis")]
            ("redis", _) => Some(Log::new(StoredLog::new(data, pieces))),
            _ => None,
        })
    }

    fn unknown(&self, scheme: &str) -> Error {
        if PLANNED.contains(&scheme) {
            return Error::new(
                ErrorKind::Config,
                format!("logs of the scheme `{scheme}:` are not in this version yet"),
            )
            .with_cure("use a file, such as `json:./facts.ndjson`, or register the scheme with a backend of your own");
        }
        let known = self.names().map(|name| format!("`{name}:`")).collect::<Vec<_>>().join(", ");
        let meant = match nearest(scheme, self.names().chain(PLANNED)) {
            Some(name) => format!(", did you mean `{name}:`?"),
            None => String::new(),
        };
        Error::new(ErrorKind::Config, format!("unknown scheme `{scheme}:`{meant}"))
            .with_cure(format!("known are {known}; for a file with `:` in its name write `./` before it"))
    }
}

impl Default for Schemes {
    fn default() -> Self {
        Schemes::new()
    }
}

impl fmt::Debug for Schemes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

async fn open_memory(dsn: Dsn) -> Result<Memory> {
    // Whoever asks for synced, here or in the configuration, must not believe to have got it.
    if dsn.log_options().durability == Some(Durability::Synced) {
        return Err(Error::new(ErrorKind::Config, "the option `durability`: a log in memory cannot be synced")
            .with_cure("remove the option, or use a file, such as `json:./facts.ndjson`"));
    }
    Ok(Memory::new())
}

/// The shortest and the longest limit that make sense for a line, in bytes: a header must fit, and every reader accepts
/// 64 MiB.
const MAX_LINE: std::ops::RangeInclusive<u64> = 1024..=64 << 20;

/// The smallest segment that makes sense, in bytes: a header and a fact or two.
const LEAST_SEGMENT: u64 = 1024;

/// The options of a log that rotates.
const ROTATING: [&str; 5] = ["max_line", "segment_bytes", "segment_records", "segment_age", "max_segments"];

async fn open_json(dsn: Dsn) -> Result<FileLog> {
    let path = dsn.path()?;
    if path.is_dir() {
        return Err(Error::new(ErrorKind::Config, format!("`{}` is a directory, not a file", path.display()))
            .with_cure("name the log's file, or write `rotating:` for a log that fills a directory"));
    }
    Ok(FileLog::new(with_options(FileConfig::new(path), &dsn)?))
}

async fn open_rotating(dsn: Dsn) -> Result<FileLog> {
    let path = dsn.path()?;
    if path.exists() && !path.is_dir() {
        return Err(Error::new(ErrorKind::Config, format!("`{}` is a file, not a directory", path.display()))
            .with_cure("name the log's directory, or write `json:` for a log of one file"));
    }
    let mut rotation = Rotation::default();
    if let Some(bytes) = option(&dsn, "segment_bytes", parse_size)? {
        if bytes < LEAST_SEGMENT {
            return Err(wrong("segment_bytes", &format!("{} is less than 1KiB", format_size(bytes))));
        }
        rotation = rotation.with_segment_bytes(bytes);
    }
    if let Some(records) = option(&dsn, "segment_records", parse_positive)? {
        rotation = rotation.with_segment_records(records);
    }
    if let Some(age) = option(&dsn, "segment_age", parse_duration)? {
        if age.is_zero() {
            return Err(wrong("segment_age", "it must be longer than 0"));
        }
        rotation = rotation.with_segment_age(age);
    }
    if let Some(segments) = option(&dsn, "max_segments", parse_positive)? {
        rotation = rotation.with_max_segments(segments);
    }
    Ok(FileLog::new(with_options(FileConfig::new(path).with_rotation(rotation), &dsn)?))
}

/// What logs in files have in common.
fn with_options(mut config: FileConfig, dsn: &Dsn) -> Result<FileConfig> {
    if let Some(durability) = dsn.log_options().durability {
        config = config.with_durability(durability);
    }
    if let Some(timeout) = dsn.log_options().lock_timeout {
        config = config.with_lock_timeout(timeout);
    }
    if let Some(bytes) = option(dsn, "max_line", parse_size)? {
        if !MAX_LINE.contains(&bytes) {
            return Err(wrong("max_line", &format!("{} is not between 1KiB and 64MiB", format_size(bytes))));
        }
        config = config.with_max_line(usize::try_from(bytes).unwrap_or(usize::MAX));
    }
    Ok(config)
}

fn option<T>(dsn: &Dsn, name: &str, parse: impl FnOnce(&str) -> Result<T>) -> Result<Option<T>> {
    dsn.option(name).map(parse).transpose().map_err(|error| wrong(name, &error.to_string()))
}

fn wrong(name: &str, why: &str) -> Error {
    Error::new(ErrorKind::Config, format!("the option `{name}`: {why}"))
}

fn parse_positive(text: &str) -> Result<u64> {
    match parse_count(text)? {
        0 => Err(Error::new(ErrorKind::Config, "it must be at least 1")),
        count => Ok(count),
    }
}
