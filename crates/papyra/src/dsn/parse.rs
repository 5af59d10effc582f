//! From text to a [`Dsn`], without ever repeating the text in an error.

use std::{path::PathBuf, str::FromStr};

use super::{Body, Dsn, FILE_SCHEMES, percent, refused};
use crate::{Error, ErrorKind, LogOptions, Result};

/// The schemes of one server protocol: their hosts and ports are checked, and shown.
pub(super) const REDIS_SCHEMES: [&str; 4] = ["redis", "rediss", "redis+sentinel", "redis+cluster"];

impl FromStr for Dsn {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        check_characters(text)?;
        if is_bare_path(text) {
            return bare_path(text);
        }
        let (scheme, rest) = text.split_once(':').filter(|(scheme, _)| is_scheme(scheme)).ok_or_else(|| {
            refused(
                "a log's address is neither a path nor does it begin with a scheme",
                "write a scheme, such as `json:./facts.ndjson`; for a file with `:` or `@` in its name write `./` before it",
            )
        })?;
        let scheme = scheme.to_ascii_lowercase();
        if text.contains('#') {
            return Err(refused(
                format!("the address of a `{scheme}:` log has a fragment (`#`)"),
                "write `%23` for a `#` in a path, an option or a password",
            ));
        }
        let (raw, query) = rest.split_once('?').unwrap_or((rest, ""));
        let body = if FILE_SCHEMES.contains(&scheme.as_str()) {
            Body::Path(file_path(&scheme, raw)?)
        } else {
            check_server(&scheme, raw, text)?;
            Body::Raw(raw.to_owned())
        };
        let options = options(&scheme, query)?;
        let common = common(&options)?;
        Ok(Dsn { scheme, body, options, common })
    }
}

fn check_characters(text: &str) -> Result<()> {
    if text.trim().is_empty() {
        return Err(refused("a log's address is empty", "write `json:./facts.ndjson`"));
    }
    if text.chars().any(char::is_control) || text.trim() != text {
        return Err(refused(
            "a log's address has white space around it, or a control character in it",
            "remove it (a file that a secret is read from often ends in a newline)",
        ));
    }
    Ok(())
}

/// Whatever is no path for sure must not become the name of a new file: it may be an address whose scheme was
/// forgotten, with a password in it.
fn is_bare_path(text: &str) -> bool {
    if text.starts_with("//") {
        return false;
    }
    text.starts_with(['.', '/']) || !text.contains([':', '@'])
}

fn bare_path(text: &str) -> Result<Dsn> {
    if text.contains(['?', '#']) {
        return Err(refused(
            "a bare path with `?` or `#` in it may mean two things",
            "write `json:` before it, and `%3F` and `%23` for a `?` and `#` in the file's name",
        ));
    }
    Ok(Dsn::for_path(text))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.len() <= 40
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_'))
}

/// The path of a file scheme.
pub(super) fn file_path(scheme: &str, raw: &str) -> Result<PathBuf> {
    let path = match authority(raw) {
        None => raw,
        Some("") => &raw[2..],
        Some(host) => {
            // Only what is certainly no password is repeated.
            let cure = match host {
                "." | ".." => format!("write `{scheme}:{host}/…`, without `//`"),
                _ => format!("write `{scheme}:./…` for a path from here on, or `{scheme}:/…` for one from the root"),
            };
            return Err(refused(
                format!(
                    "the address of a `{scheme}:` log names a host: what follows `//` up to the next `/` is no path"
                ),
                cure,
            ));
        }
    };
    if path.is_empty() {
        return Err(refused(format!("`{scheme}:` names no path"), format!("write `{scheme}:./…` or `{scheme}:/…`")));
    }
    let bytes = percent::decode(path).ok_or_else(|| {
        refused(
            format!("the path of a `{scheme}:` log has a `%` that is no escape"),
            "write `%25` for a `%`, or name the file with `--path`, which takes every name as it is",
        )
    })?;
    percent::os_string(bytes).map(PathBuf::from).ok_or_else(|| {
        refused(format!("the path of a `{scheme}:` log is no file name on this system"), "escape UTF-8 bytes only")
    })
}

/// What stands between `//` and the next `/`.
pub(super) fn authority(raw: &str) -> Option<&str> {
    raw.strip_prefix("//").map(|rest| rest.split_once('/').map_or(rest, |(authority, _)| authority))
}

/// A password with `/`, `?` or `@` in it that was not escaped would end up, in parts, as host, path or option, where it
/// would be shown: such an address is refused as a whole.
fn check_server(scheme: &str, raw: &str, text: &str) -> Result<()> {
    let Some(authority) = authority(raw) else {
        if REDIS_SCHEMES.contains(&scheme) {
            return Err(refused(format!("a `{scheme}:` log needs a host"), format!("write `{scheme}://host:6379/0`")));
        }
        if scheme == "memory" && !raw.is_empty() {
            return Err(refused("a log in memory has neither path nor host", "write `memory:`"));
        }
        return Ok(());
    };
    if scheme == "memory" && raw != "//" {
        return Err(refused("a log in memory has neither path nor host", "write `memory:`"));
    }
    let ats = |text: &str| text.matches('@').count();
    if ats(text) > 1 || ats(text) != ats(authority) {
        return Err(refused(
            format!("the address of a `{scheme}:` log has an `@` at an unexpected place"),
            "escape user and password: `%40` for `@`, `%2F` for `/`, `%3A` for `:`, `%3F` for `?`, `%25` for `%`",
        ));
    }
    if REDIS_SCHEMES.contains(&scheme) && !has_hosts(authority) {
        return Err(refused(
            format!("the address of a `{scheme}:` log has no valid host and port"),
            format!("write `{scheme}://user:password@host:6379/0`, user and password escaped (`%2F` for `/`)"),
        ));
    }
    Ok(())
}

/// `host`, `host:1`, `[::1]:1`, or several with commas between, after an optional `user:password@`.
fn has_hosts(authority: &str) -> bool {
    let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    hosts.split(',').all(|host| {
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !host.ends_with(']') => (name, port),
            _ => (host, "0"),
        };
        let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let named = match inner {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !name.is_empty() && name.chars().all(is_name),
        };
        named && port.parse::<u16>().is_ok()
    })
}

fn options(scheme: &str, query: &str) -> Result<Vec<(String, String)>> {
    let mut options: Vec<(String, String)> = Vec::new();
    for option in query.split('&').filter(|option| !option.is_empty()) {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let Some((name, value)) = option
            .split_once('=')
            .filter(|(name, _)| !name.is_empty() && name.len() <= 64 && name.chars().all(is_name))
        else {
            return Err(refused(
                format!("an option of a `{scheme}:` log is not of the form name=value"),
                "write `?durability=buffered&lock_timeout=30s`; a `?` in a path or password is `%3F`",
            ));
        };
        if options.iter().any(|(known, _)| known == name) {
            return Err(refused(format!("the option `{name}` stands twice in a log's address"), "keep one of them"));
        }
        let value = percent::decode(value).and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| {
            refused(format!("the value of the option `{name}` has a `%` that is no escape"), "write `%25` for a `%`")
        })?;
        options.push((name.to_owned(), value));
    }
    Ok(options)
}

fn common(options: &[(String, String)]) -> Result<LogOptions> {
    let mut common = LogOptions::default();
    for (name, value) in options {
        common
            .set(name, value)
            .map_err(|error| Error::new(ErrorKind::Config, format!("the option `{name}`: {error}")))?;
    }
    Ok(common)
}
