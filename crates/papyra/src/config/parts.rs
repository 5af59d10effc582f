//! From a configuration to a log: its address, and those of the kinds that live elsewhere.

use std::path::PathBuf;

use super::{Config, Origin, Setting, names, setting::placed};
use crate::{Dsn, Error, ErrorKind, Kind, Log, Result, Schemes};

/// An address that was opened, where it was said, and the log.
struct Opened {
    name: &'static str,
    place: String,
    dsn: Dsn,
    log: Log,
}

pub(super) async fn open(config: &Config, url: Setting<Dsn>, schemes: &Schemes) -> Result<Log> {
    let dsn = config.with_spool(url.value.clone().with_log_options(config.log))?;
    let mut opened = vec![open_one("url", Setting { value: dsn, ..url }, schemes).await?];
    let mut log = opened[0].log.clone();
    for kind in Kind::KNOWN {
        let (Some(name), Some(setting)) = (names::kind_url(kind), config.kind_url(kind)) else { continue };
        let own = match opened.iter().find(|other| is_same_place(&other.dsn, &setting.value)) {
            // Opened twice, it would have to wait for its own lock.
            Some(other) => share(other, config, name, &setting)?,
            None => {
                if let Some(other) = opened.iter().find(|other| is_inside(&other.dsn, &setting.value)) {
                    return Err(one_inside_the_other(&setting.origin.place(name), &other.place));
                }
                opened.push(open_one(name, setting, schemes).await?);
                opened[opened.len() - 1].log.clone()
            }
        };
        log = log.with_kind(kind, &own);
    }
    Ok(log)
}

async fn open_one(name: &'static str, setting: Setting<Dsn>, schemes: &Schemes) -> Result<Opened> {
    let place = setting.origin.place(name);
    let log = schemes.open_dsn(&setting.value).await.map_err(|error| match setting.origin {
        Origin::Flag | Origin::Default if name == "url" => error,
        _ if error.kind() == ErrorKind::Config => placed(&place, error),
        _ => error,
    })?;
    Ok(Opened { name, place, dsn: setting.value, log })
}

/// The log that another address opened already. One place is kept in one way: if this address says anything about how, it
/// must say the same.
fn share(other: &Opened, config: &Config, name: &str, setting: &Setting<Dsn>) -> Result<Log> {
    let said = config.kinds.get(name);
    let agrees = said.is_some_and(|dsn| !dsn.has_options()) || setting.value.has_options_of(&other.dsn);
    if agrees {
        return Ok(other.log.clone());
    }
    Err(Error::new(
        ErrorKind::Config,
        format!("{}: this is the log of {}, with other options", setting.origin.place(name), other.place),
    )
    .with_cure(format!("give `{name}` no options, and all of them to `{}`", other.name)))
}

/// Whether one of two logs lies in the directory of the other, which would take its files for its own, or for nobody's.
fn is_inside(a: &Dsn, b: &Dsn) -> bool {
    match (place(a), place(b)) {
        (Some(a), Some(b)) => a.parent() == Some(&b) || b.parent() == Some(&a),
        _ => false,
    }
}

fn one_inside_the_other(place: &str, other: &str) -> Error {
    Error::new(
        ErrorKind::Config,
        format!("{place}: one of this log and that of {other} lies in the directory of the other"),
    )
    .with_cure("give each a place of its own")
}

fn place(dsn: &Dsn) -> Option<PathBuf> {
    dsn.path().ok().and_then(|path| std::path::absolute(path).ok())
}

/// Whether two addresses name one log, as far as can be told without looking: the same file may have two names, and then its
/// lock tells.
fn is_same_place(a: &Dsn, b: &Dsn) -> bool {
    if a.scheme() != b.scheme() {
        return false;
    }
    match (place(a), place(b)) {
        (Some(a), Some(b)) => a == b,
        // A log in memory has no name that another could have.
        _ => a.scheme() != "memory" && a.expose_body() == b.expose_body(),
    }
}
