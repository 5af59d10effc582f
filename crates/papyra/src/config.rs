//! Layered configuration: flags, then `PAPYRA_…` variables, then one `papyra.toml`, then defaults.
//!
//! ```toml
//! url = "json:/var/lib/orders/facts.ndjson"
//! durability = "synced"                    # synced | buffered
//! lock_timeout = "30s"
//! timeout = "30s"                          # how long an append keeps trying while a server is away
//! [retention]
//! max_age = "30d"                          # also max_records, max_bytes
//! [retention.dead_letter]                  # a kind's own rule: event, audit, dead_letter
//! max_age = "365d"
//! [startup]
//! mode = "recover"                         # ignore | scan_only | fail_on_anomaly | recover
//! recovery = "quarantine"                  # repair | quarantine | ignore
//! quarantine_dir = "/var/lib/orders/quarantine"
//! [kind.dead_letter]                       # a kind may live elsewhere: event, audit, dead_letter
//! url = "json:/var/lib/orders/dead.ndjson?retention.max_age=365d"
//! [spool]                                  # in front of a remote log at `url`: facts wait here while it is away
//! path = "/var/lib/orders/spool"
//! max_bytes = "1GiB"
//! ```
//!
//! A variable is named as its key, in capitals, with `_` for each dot: `PAPYRA_RETENTION_MAX_AGE`. The file is the
//! first that exists of: the one that was named (`--config` or `PAPYRA_CONFIG`, which must exist), `./papyra.toml`,
//! `$XDG_CONFIG_HOME/papyra/papyra.toml` (`~/.config/…`), `/etc/papyra/papyra.toml`. Options in a log's address count
//! as written where the address stands, and win there over a setting of their own (`spool` and `spool_max_bytes` over those of
//! `[spool]`). What the address of a kind leaves unsaid
//! is as the settings say, not as the options in `url` do; an address that speaks of retention at all has none but its own, and
//! `[spool]` is of the log at `url` alone. If the command line names the log, kinds that others sent elsewhere live in it, and a
//! `[spool]` of others, which is meant for another log, does not hold. Relative paths are relative to the
//! working directory.
//!
//! ```
//! use papyra::config::{Config, Sources};
//! let env = [("PAPYRA_URL", "json:./facts.ndjson?durability=buffered"), ("PAPYRA_LOCK_TIMEOUT", "2s")];
//! let config = Config::load(Sources::without_files().env(env).flag("retention.max_age", "30d"))?;
//! for (name, setting) in config.settings() {
//!     println!("{name} = {} ({})", setting.value.as_deref().unwrap_or("-"), setting.origin);
//! }
//! assert_eq!(config.log_options().get("durability").as_deref(), Some("buffered"));
//! # Ok::<(), papyra::Error>(())
//! ```

mod environment;
mod file;
mod load;
mod names;
mod parts;
mod setting;
mod sources;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

pub use setting::{Origin, Setting};
pub use sources::Sources;

use crate::{
    Dsn, Durability, Error, ErrorKind, Kind, Log, LogOptions, RecoveryConfig, RecoveryMode, Result, Schemes,
    StartupMode, units::format_size,
};

/// What all sources together say, each value with its origin.
#[derive(Clone, Debug, Default)]
pub struct Config {
    url: Option<Dsn>,
    kinds: BTreeMap<&'static str, Dsn>,
    spool_path: Option<PathBuf>,
    spool_max_bytes: Option<u64>,
    log: LogOptions,
    /// What was said for all logs, without the options in `url`.
    general: LogOptions,
    startup_mode: StartupMode,
    recovery: RecoveryMode,
    quarantine_dir: Option<PathBuf>,
    origins: BTreeMap<&'static str, Origin>,
    file: Option<PathBuf>,
    warnings: Vec<String>,
}

impl Config {
    /// Asks all sources.
    ///
    /// # Errors
    /// `Config` for an unknown key, a value that its key cannot take, or a named file that does not exist; `Permission`
    /// and `Io` for a file that cannot be read.
    pub fn load(sources: Sources) -> Result<Self> {
        load::load(sources)
    }

    /// The spool in front of the log, and how many bytes it may hold.
    pub fn spool(&self) -> Option<Setting<(PathBuf, Option<u64>)>> {
        self.spool_path.clone().map(|path| self.setting("spool.path", (path, self.spool_max_bytes)))
    }

    /// The log's address.
    pub fn url(&self) -> Option<Setting<Dsn>> {
        self.url.clone().map(|dsn| self.setting("url", dsn))
    }

    /// The address of a kind that lives elsewhere, with the options that hold there.
    pub fn kind_url(&self, kind: Kind) -> Option<Setting<Dsn>> {
        let name = names::kind_url(kind)?;
        let dsn = self.kinds.get(name)?.clone();
        let (own, general) = (*dsn.log_options(), self.general);
        let mut options = own;
        if own.retention.is_unlimited() {
            options.retention = general.retention;
        }
        options.durability = own.durability.or(general.durability);
        options.lock_timeout = own.lock_timeout.or(general.lock_timeout);
        Some(self.setting(name, dsn.with_log_options(options)))
    }

    /// What holds for the log: the options in its address and the settings of the same names, put together.
    pub fn log_options(&self) -> &LogOptions {
        &self.log
    }

    /// What the startup check does about damage.
    pub fn startup_mode(&self) -> Setting<StartupMode> {
        self.setting("startup.mode", self.startup_mode)
    }

    /// How a recovery is to be done.
    ///
    /// # Errors
    /// `Config` for a quarantine without a directory, unless the log is on a server that has a place for it.
    pub fn recovery(&self) -> Result<RecoveryConfig> {
        let is_on_redis = self.url.as_ref().is_some_and(|url| url.scheme().starts_with("redis"));
        // A spool is a file, and has no place of its own for that.
        let has_place = is_on_redis && self.spool_path.is_none();
        if self.recovery == RecoveryMode::Quarantine && self.quarantine_dir.is_none() && !has_place {
            return Err(Error::new(ErrorKind::Config, "the recovery mode `quarantine` needs a directory")
                .with_cure("give --quarantine-dir DIR, or set `quarantine_dir` under [startup]"));
        }
        Ok(RecoveryConfig {
            mode: self.recovery,
            quarantine_dir: self.quarantine_dir.clone(),
            ..RecoveryConfig::default()
        })
    }

    /// The file that was read, if any.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// What is worth saying and no error: unknown `PAPYRA_…` variables.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Every known key with its value (`None` if there is none), without passwords, and where it came from.
    pub fn settings(&self) -> impl Iterator<Item = (&'static str, Setting<Option<String>>)> {
        names::all().map(|name| (name, self.setting(name, self.shown(name))))
    }

    /// Opens the log under everything that was configured, each kind where it lives.
    ///
    /// # Errors
    /// `Config` if no address is configured or one is wrong, for two kinds that live in one place in different ways, and for
    /// a `[spool]` in front of a log that has no use for one; and whatever the backends answer.
    pub async fn open(&self, schemes: &Schemes) -> Result<Log> {
        let url = self.url().ok_or_else(|| {
            Error::new(ErrorKind::Config, "no log is named")
                .with_cure("give --path FILE or --url ADDRESS, set PAPYRA_URL, or write `url` into papyra.toml")
        })?;
        parts::open(self, url, schemes).await
    }

    /// The address of the log at `url` behind the spool that holds.
    fn with_spool(&self, url: Dsn) -> Result<Dsn> {
        match &self.spool_path {
            Some(path) => url.with_spool(path, self.spool_max_bytes),
            None => Ok(url.without_spool()),
        }
    }

    fn origin(&self, name: &str) -> Origin {
        self.origins.get(name).cloned().unwrap_or_default()
    }

    fn setting<T>(&self, name: &str, value: T) -> Setting<T> {
        Setting { value, origin: self.origin(name) }
    }

    fn shown(&self, name: &str) -> Option<String> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        match name {
            "url" => self.url.as_ref().map(Dsn::to_string),
            "durability" => {
                // A server promises by itself what it promises: only files are synced unless somebody says otherwise.
                let is_on_redis = self.url.as_ref().is_some_and(|url| url.scheme().starts_with("redis"));
                let usual = if is_on_redis { Durability::Buffered } else { Durability::Synced };
                Some(self.log.durability.unwrap_or(usual).to_string())
            }
            "startup.mode" => Some(self.startup_mode.to_string()),
            "startup.recovery" => Some(self.recovery.to_string()),
            "startup.quarantine_dir" => path(&self.quarantine_dir),
            "spool.path" => path(&self.spool_path),
            "spool.max_bytes" => self.spool_max_bytes.map(format_size),
            _ => self.log.get(name).or_else(|| self.kinds.get(name).map(Dsn::to_string)),
        }
    }
}
