//! The addresses of logs on Redis.

use std::{ffi::OsString, fs, path::Path};

use super::Schemes;
use crate::{Dsn, Error, ErrorKind, RedisConfig, RedisLog, Result, quoted::quoted};

/// The options that all of them have.
const OPTIONS: [&str; 8] = ["prefix", "system", "maxlen", "replicas", "password_file", "tls_ca", "tls_cert", "tls_key"];
const SENTINEL: [&str; 3] = ["tls", "sentinel_username", "sentinel_password"];
const CLUSTER: [&str; 1] = ["tls"];

/// The port of a server, and of a Sentinel.
const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

pub(super) fn register(schemes: Schemes) -> Schemes {
    schemes
        .with_options("redis", OPTIONS, open)
        .with_options("rediss", OPTIONS, open)
        .with_options("redis+sentinel", OPTIONS.into_iter().chain(SENTINEL), open)
        .with_options("redis+cluster", OPTIONS.into_iter().chain(CLUSTER), open)
}

async fn open(dsn: Dsn) -> Result<RedisLog> {
    let config = config(&dsn, |name| std::env::var_os(name).filter(|value| !value.is_empty()))?;
    RedisLog::open(config).await
}

/// What an address and the environment say. The environment counts for what the address does not say.
fn config(dsn: &Dsn, env: impl Fn(&str) -> Option<OsString>) -> Result<RedisConfig> {
    let (login, hosts) = match dsn.authority().unwrap_or_default().rsplit_once('@') {
        Some((login, hosts)) => (Some(login), hosts),
        None => (None, dsn.authority().unwrap_or_default()),
    };
    let port = if dsn.scheme() == "redis+sentinel" { SENTINEL_PORT } else { PORT };
    let mut hosts = hosts.split(',').map(|host| address(host, port));
    let body = dsn.expose_body();
    let path = body.to_str().and_then(|body| body.strip_prefix("//")?.split_once('/')).map_or("", |(_, path)| path);
    let config = match dsn.scheme() {
        "redis+sentinel" => {
            let (service, database) = path.split_once('/').unwrap_or((path, ""));
            if service.is_empty() {
                return Err(Error::new(ErrorKind::Config, "the address of a `redis+sentinel:` log names no service")
                    .with_cure("write `redis+sentinel://host:26379/mymaster/0`"));
            }
            RedisConfig::sentinel(hosts, decoded(service)?).with_database(number("number of the database", database)?)
        }
        "redis+cluster" => {
            if !matches!(path, "" | "0") {
                return Err(
                    Error::new(ErrorKind::Config, "a cluster has no database but 0").with_cure("leave the number out")
                );
            }
            RedisConfig::cluster(hosts)
        }
        scheme => {
            let host = hosts.next().filter(|_| hosts.next().is_none()).ok_or_else(|| {
                Error::new(ErrorKind::Config, format!("the address of a `{scheme}:` log names several hosts"))
                    .with_cure("use `redis+sentinel:` or `redis+cluster:`")
            })?;
            RedisConfig::new(host.0, host.1).with_database(number("number of the database", path)?)
        }
    };
    let config = tls(config, dsn)?;
    let config = config.with_sentinel_login(text(dsn, "sentinel_username"), text(dsn, "sentinel_password"));
    options(login_of(config, dsn, login, env)?, dsn)
}

/// Who connects: what the address says, else the file that it names, else the environment.
fn login_of(
    config: RedisConfig,
    dsn: &Dsn,
    login: Option<&str>,
    env: impl Fn(&str) -> Option<OsString>,
) -> Result<RedisConfig> {
    let unicode = |name: &str| {
        let value = env(name).map(OsString::into_string).transpose();
        value.map_err(|_| Error::new(ErrorKind::Config, format!("the variable {name} is not UTF-8")))
    };
    let (mut username, mut password) = (None, None);
    if let Some(login) = login {
        let (user, word) = login.split_once(':').map_or((login, None), |(user, word)| (user, Some(word)));
        username = Some(decoded(user)?).filter(|user| !user.is_empty());
        password = word.map(decoded).transpose()?.filter(|word| !word.is_empty());
    }
    if username.is_none() {
        username = unicode("PAPYRA_REDIS_USERNAME")?;
    }
    if password.is_none() {
        let file = dsn.option("password_file").map(OsString::from);
        password = match (file, unicode("PAPYRA_REDIS_PASSWORD")?, env("PAPYRA_REDIS_PASSWORD_FILE")) {
            (Some(file), _, _) | (None, None, Some(file)) => Some(secret(Path::new(&file))?),
            (None, word, _) => word,
        };
    }
    Ok(config.with_login(username, password))
}

/// The first line of a file that holds a password.
fn secret(path: &Path) -> Result<String> {
    let failed = |error| {
        Error::new(ErrorKind::Config, format!("cannot read the password file `{}`", path.display())).with_source(error)
    };
    let text = fs::read_to_string(path).map_err(failed)?;
    let word = text.trim_end_matches(['\r', '\n']);
    if word.is_empty() {
        return Err(Error::new(ErrorKind::Config, format!("the password file `{}` is empty", path.display())));
    }
    Ok(word.to_owned())
}

fn tls(mut config: RedisConfig, dsn: &Dsn) -> Result<RedisConfig> {
    let encrypted = match dsn.option("tls") {
        None => dsn.scheme() == "rediss",
        Some("true" | "yes" | "1") => true,
        Some("false" | "no" | "0") => false,
        Some(value) => {
            return Err(wrong("tls", format!("{} is neither `true` nor `false`", quoted(value))));
        }
    };
    if encrypted {
        config = config.with_tls();
    }
    let files = ["tls_ca", "tls_cert", "tls_key"].map(|name| dsn.option(name));
    if !encrypted && files.iter().any(Option::is_some) {
        return Err(Error::new(ErrorKind::Config, "certificates are given, but the connection is not encrypted")
            .with_cure("use `rediss:`, or `tls=true` with Sentinels and clusters"));
    }
    if let Some(ca) = files[0] {
        config = config.with_tls_ca(ca);
    }
    match (files[1], files[2]) {
        (Some(certificate), Some(key)) => Ok(config.with_tls_certificate(certificate, key)),
        (None, None) => Ok(config),
        _ => Err(Error::new(ErrorKind::Config, "`tls_cert` and `tls_key` belong together").with_cure("give both")),
    }
}

fn options(mut config: RedisConfig, dsn: &Dsn) -> Result<RedisConfig> {
    if let Some(prefix) = dsn.option("prefix") {
        config = config.with_prefix(prefix)?;
    }
    if let Some(system) = dsn.option("system") {
        config = config.with_system(system)?;
    }
    if let Some(entries) = dsn.option("maxlen") {
        let entries = count("maxlen", entries)?;
        if entries == 0 {
            return Err(wrong("maxlen", "nothing would be kept".to_owned()));
        }
        config = config.with_max_len(entries);
    }
    if let Some(replicas) = dsn.option("replicas") {
        let replicas = u32::try_from(count("replicas", replicas)?);
        config = config.with_replicas(replicas.map_err(|_| wrong("replicas", "too many".to_owned()))?);
    }
    if let Some(timeout) = dsn.log_options().timeout {
        config = config.with_timeout(timeout);
    }
    if let Some(durability) = dsn.log_options().durability {
        config = config.with_durability(durability);
    }
    Ok(config)
}

fn text(dsn: &Dsn, name: &str) -> Option<String> {
    dsn.option(name).map(str::to_owned)
}

fn wrong(name: &str, why: String) -> Error {
    Error::new(ErrorKind::Config, format!("the option `{name}`: {why}"))
}

fn count(name: &str, value: &str) -> Result<u64> {
    value.parse().map_err(|_| wrong(name, format!("{} is no number", quoted(value))))
}

fn number(what: &str, text: &str) -> Result<u32> {
    match text {
        "" => Ok(0),
        text => text.parse().map_err(|_| {
            Error::new(ErrorKind::Config, format!("{} is no {what}", quoted(text)))
                .with_cure("write `redis://host:6379/0`")
        }),
    }
}

/// A host with or without a port; what it looks like was checked when the address was read.
fn address(text: &str, port: u16) -> (String, u16) {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, own)) if !text.ends_with(']') => (host, own.parse().unwrap_or(port)),
        _ => (text, port),
    };
    (host.trim_start_matches('[').trim_end_matches(']').to_owned(), port)
}

fn decoded(text: &str) -> Result<String> {
    Dsn::decoded(text).ok_or_else(|| {
        Error::new(ErrorKind::Config, "user, password or service in a log's address has a `%` that is no escape")
            .with_cure("write `%25` for a `%`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, env: &[(&str, &str)]) -> Result<RedisConfig> {
        let find = |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        config(&text.parse()?, find)
    }

    #[test]
    fn the_address_wins_over_the_file_and_the_file_over_the_environment() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        fs::write(&file, "of the file\n").unwrap();
        let named = format!("redis://h?password_file={}", file.display());
        let env = [("PAPYRA_REDIS_USERNAME", "ops"), ("PAPYRA_REDIS_PASSWORD", "of the environment")];
        let in_file = [("PAPYRA_REDIS_PASSWORD_FILE", file.to_str().unwrap())];
        for (address, env, login) in [
            ("redis://me:p%40ss@h", &env[..], (Some("me"), Some("p@ss"))),
            ("redis://:pass@h", &env, (Some("ops"), Some("pass"))),
            ("redis://h", &env, (Some("ops"), Some("of the environment"))),
            (&named, &env, (Some("ops"), Some("of the file"))),
            ("redis://h", &in_file, (None, Some("of the file"))),
            ("redis://h", &[], (None, None)),
        ] {
            let expected = RedisConfig::new("h", 6379);
            let (user, word) = (login.0.map(str::to_owned), login.1.map(str::to_owned));
            let config = read(address, env).unwrap();
            assert_eq!(config.login_for_tests(), expected.with_login(user, word).login_for_tests(), "{address}");
            assert!(!format!("{config:?}").contains("pass\""), "{config:?}");
        }
        fs::write(&file, "\n").unwrap();
        for address in [named.as_str(), "redis://h?password_file=/none"] {
            assert_eq!(read(address, &[]).unwrap_err().kind(), ErrorKind::Config);
        }
    }

    #[test]
    fn hosts_ports_and_databases_are_read() {
        for (address, shown) in [
            ("redis://h", "redis://h:6379/0?prefix=papyra&system=local"),
            ("rediss://[::1]:1/7?prefix=p&system=s", "rediss://[::1]:1/7?prefix=p&system=s"),
            ("redis+sentinel://a,b:2/main/3", "redis+sentinel://a:26379,b:2/main/3?prefix=papyra&system=local"),
            ("redis+cluster://a,b:2", "redis+cluster://a:6379,b:2?prefix=papyra&system=local"),
        ] {
            assert_eq!(read(address, &[]).unwrap().shown_for_tests(), shown);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_without_repeating_a_secret() {
        for address in [
            "redis://a,b",
            "redis://h/x",
            "redis+sentinel://h",
            "redis+cluster://h/1",
            "redis://h?maxlen=0",
            "redis://h?maxlen=s3cret:x",
            "redis://h?replicas=-1",
            "redis://h?timeout=5",
            "redis://h?tls_ca=/x",
            "rediss://h?tls_cert=/x",
            "redis://h?prefix=",
            "redis+cluster://h?tls=maybe",
            "redis://:s3cret%zz@h",
        ] {
            let error = read(address, &[]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{address}");
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }
}
