//! What a command works with: the log that was asked for, and the streams to write to.

use std::{ffi::OsString, path::Path};

use papyra::{
    Log, Schemes,
    config::{Config, Sources},
};
use tokio::sync::watch;

use crate::{
    args::{Global, Output},
    console::{Notes, Out},
    failure::Failure,
    signals::Signal,
    token,
};

/// One run of one command.
pub(crate) struct Session {
    pub(crate) out: Out,
    pub(crate) notes: Notes,
    pub(crate) stop: Stop,
    pub(crate) global: Global,
    schemes: Schemes,
    /// A log that the command opened itself.
    given: Option<Log>,
}

impl Session {
    pub(crate) fn new(global: Global, schemes: Schemes, out: Out, notes: Notes, stop: Stop) -> Self {
        Session { out, notes, stop, global, schemes, given: None }
    }

    /// From now on this is the log, whatever is configured.
    pub(crate) fn take_log(&mut self, log: Log) {
        self.given = Some(log);
    }

    /// What flags, environment and files say together.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        self.config_with([])
    }

    /// The same with flags of a command's own, each under its key in the configuration file.
    pub(crate) fn config_with(
        &self,
        flags: impl IntoIterator<Item = (&'static str, OsString)>,
    ) -> Result<Config, Failure> {
        let global = &self.global;
        // A person at a terminal wants to be told at once who holds the log, not to wait.
        let mut sources = Sources::new().env(std::env::vars_os()).default_value("lock_timeout", "0s");
        for variable in [token::VARIABLE, token::FILE_VARIABLE] {
            sources = sources.knows_variable(variable);
        }
        if let Some(path) = &global.path {
            self.refuse_address(path)?;
            sources = sources.path(path);
        }
        if let Some(url) = &global.url {
            sources = sources.flag("url", url);
        }
        if let Some(file) = &global.config {
            sources = sources.file(file);
        }
        for (key, value) in flags {
            sources = sources.flag(key, value);
        }
        let config = Config::load(sources)?;
        for warning in config.warnings() {
            self.notes.note(&format!("warning: {warning}"));
        }
        Ok(config)
    }

    /// An address behind `--path` would become a directory of a strange name, and an empty log.
    fn refuse_address(&self, path: &Path) -> Result<(), Failure> {
        let text = path.to_string_lossy();
        let scheme = text.split_once(':').map(|(scheme, _)| scheme);
        let Some(scheme) = scheme.and_then(|scheme| self.schemes.names().find(|own| *own == scheme)) else {
            return Ok(());
        };
        if path.exists() {
            return Ok(());
        }
        Err(Failure::Usage {
            message: format!("--path takes a file or a directory, and what begins with `{scheme}:` is an address"),
            cure: Some("give it to --url; for a file of that name, put ./ before it".to_owned()),
        })
    }

    /// The log that was asked for.
    pub(crate) async fn open(&self) -> Result<Log, Failure> {
        match &self.given {
            Some(log) => Ok(log.clone()),
            None => self.open_configured(&self.config()?).await,
        }
    }

    /// The log of a configuration.
    pub(crate) async fn open_configured(&self, config: &Config) -> Result<Log, Failure> {
        let Some(url) = config.url() else {
            return Err(Failure::Usage {
                message: "no log is named".to_owned(),
                cure: Some(
                    "give --path FILE or --url ADDRESS, set PAPYRA_URL, or write `url` into papyra.toml (--config FILE)"
                        .to_owned(),
                ),
            });
        };
        let log = config.open(&self.schemes).await?;
        self.notes.detail(&format!("the log is {} ({})", url.value, url.origin));
        Ok(log)
    }

    /// The schemes that this program knows.
    pub(crate) fn schemes(&self) -> &Schemes {
        &self.schemes
    }

    /// The form of output that was asked for.
    pub(crate) fn output(&self) -> Option<Output> {
        self.global.output
    }
}

/// The wish that the command may end, for commands that have something to finish first.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<Option<Signal>>);

impl Stop {
    pub(crate) fn new(signals: watch::Receiver<Option<Signal>>) -> Self {
        Stop(signals)
    }

    /// Who wants the command to end, if anybody does yet.
    pub(crate) fn now(&self) -> Option<Signal> {
        *self.0.borrow()
    }

    /// Waits until somebody wants the command to end.
    pub(crate) async fn wanted(&mut self) -> Signal {
        match self.0.wait_for(Option::is_some).await.map(|signal| *signal) {
            Ok(Some(signal)) => signal,
            // Nobody is left who could want it.
            _ => std::future::pending().await,
        }
    }
}
