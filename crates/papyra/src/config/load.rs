//! From what each source says to one [`Config`].

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use super::{
    Config, Origin, Sources, environment, file, names,
    setting::{Said, placed},
};
use crate::{Dsn, Error, ErrorKind, LogOptions, Result, dsn::spool_size, quoted::quoted, units::parse_size};

pub(super) fn load(sources: Sources) -> Result<Config> {
    let mut config = Config::default();
    // From the lowest layer up: what comes later replaces what came before, and even what is replaced must be valid.
    config.take_all(named(&sources.defaults, &Origin::Default)?)?;
    let mut warnings = Vec::new();
    if let Some((path, said)) = file::read(&sources, &mut warnings)? {
        config.take_all(said)?;
        config.file = Some(path);
    }
    let (said, of_environment) = environment::settings(&sources);
    warnings.extend(of_environment);
    config.warnings = warnings;
    config.take_all(said)?;
    config.take_all(named(&sources.flags, &Origin::Flag)?)?;
    if let Some(path) = &sources.path {
        if sources.flags.iter().any(|(name, _)| name == "url") {
            return Err(Error::new(ErrorKind::Config, "both a path and an address name the log")
                .with_cure("give either --path or --url"));
        }
        config.url = Some(Dsn::for_path(path));
        config.origins.insert("url", Origin::Flag);
    }
    if config.spool_max_bytes.is_some() && config.spool_path.is_none() {
        let place = config.origin("spool.max_bytes").place("spool.max_bytes");
        return Err(Error::new(ErrorKind::Config, format!("{place}: there is no spool"))
            .with_cure("set `path` under [spool], or remove `max_bytes`"));
    }
    config.general = config.log;
    config.take_options_of_url()?;
    config.take_spool_of_url()?;
    config.leave_kinds_to_the_command_line();
    Ok(config)
}

/// Values that the program gave, under the keys that it used.
fn named(values: &[(String, OsString)], origin: &Origin) -> Result<Vec<Said>> {
    let place = if *origin == Origin::Flag { "on the command line" } else { "among the program's defaults" };
    let said = values.iter().map(|(name, value)| {
        let known = names::find(name).ok_or_else(|| file::unknown(name, place))?;
        Ok(Said { name: known, value: value.clone(), origin: origin.clone() })
    });
    said.collect()
}

impl Config {
    fn take_all(&mut self, all: Vec<Said>) -> Result<()> {
        for said in all {
            self.take(said.name, &said.value).map_err(|error| placed(&said.origin.place(said.name), error))?;
            self.origins.insert(said.name, said.origin);
        }
        Ok(())
    }

    fn take(&mut self, name: &'static str, value: &OsStr) -> Result<()> {
        let text = || value.to_str().ok_or_else(|| Error::new(ErrorKind::Config, "the value is not UTF-8"));
        match name {
            "url" => self.url = Some(text()?.parse()?),
            "startup.mode" => self.startup_mode = text()?.parse()?,
            "startup.recovery" => self.recovery = text()?.parse()?,
            "startup.quarantine_dir" => self.quarantine_dir = Some(directory(value)?),
            "spool.path" => self.spool_path = Some(directory(value)?),
            "spool.max_bytes" => self.spool_max_bytes = Some(parse_size(text()?).and_then(spool_size)?),
            _ if name.starts_with("kind.") => {
                self.kinds.insert(name, text()?.parse()?);
            }
            _ => {
                self.log.set(name, text()?)?;
            }
        }
        Ok(())
    }

    /// Who names a log on the command line means that log, whole: a copy, say, or another service's. Kinds that a file or a
    /// variable sent elsewhere belong to the log that was configured there.
    fn leave_kinds_to_the_command_line(&mut self) {
        if self.origin("url") == Origin::Flag {
            let elsewhere: Vec<_> =
                self.kinds.keys().copied().filter(|name| self.origin(name) != Origin::Flag).collect();
            for name in elsewhere {
                self.kinds.remove(name);
                self.origins.remove(name);
            }
        }
    }

    /// A spool in the log's address counts as the other options there do. Whoever names a log on the command line means that
    /// log: a spool that a file or a variable has put in front of another does not hold for it.
    fn take_spool_of_url(&mut self) -> Result<()> {
        let Some(url) = self.url() else { return Ok(()) };
        let is_of_another = url.origin == Origin::Flag && self.origin("spool.path") != Origin::Flag;
        let own = url.value.spool().map_err(|error| placed(&url.origin.place("url"), error))?;
        if is_of_another || own.is_some() && self.origin("spool.path").rank() <= url.origin.rank() {
            (self.spool_path, self.spool_max_bytes) = own.map_or((None, None), |(path, bytes)| (Some(path), bytes));
            for (name, is_set) in
                [("spool.path", self.spool_path.is_some()), ("spool.max_bytes", self.spool_max_bytes.is_some())]
            {
                match is_set {
                    true => self.origins.insert(name, url.origin.clone()),
                    false => self.origins.remove(name),
                };
            }
        }
        Ok(())
    }

    /// Options in the log's address count as said where the address was said, and win there: a flag still beats an
    /// address in a file.
    fn take_options_of_url(&mut self) -> Result<()> {
        let Some(url) = self.url() else { return Ok(()) };
        for name in LogOptions::NAMES {
            if let Some(value) = url.value.log_options().get(name)
                && self.origin(name).rank() <= url.origin.rank()
            {
                self.log.set(name, &value).map_err(|error| placed(&url.origin.place("url"), error))?;
                self.origins.insert(name, url.origin.clone());
            }
        }
        Ok(())
    }
}

fn directory(value: &OsStr) -> Result<PathBuf> {
    if value.is_empty() {
        return Err(Error::new(ErrorKind::Config, format!("{} is no path", quoted(""))));
    }
    Ok(PathBuf::from(value))
}
