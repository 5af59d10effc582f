//! Where a log on Redis lives, and what is asked of the server.

use std::{fmt, path::PathBuf, time::Duration};

use super::keys::hash_tag;
use crate::{Durability, Error, ErrorKind, Result};

/// How long a connection may take, and how long the server may take to answer. A server that is slower counts as away.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// How long an append keeps trying while the server is away.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest prefix and system: keys are sent with every command.
const MAX_NAME: usize = 200;

/// A log on Redis streams: which server, which keys, which promises.
///
/// [`Debug`](fmt::Debug) shows no password.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    pub(super) servers: Servers,
    pub(super) database: i64,
    pub(super) login: Login,
    pub(super) sentinel_login: Login,
    pub(super) tls: Option<Tls>,
    pub(super) prefix: String,
    pub(super) system: String,
    pub(super) durability: Durability,
    pub(super) replicas: u32,
    pub(super) max_len: Option<u64>,
    pub(super) timeout: Duration,
}

/// A host and its port.
pub(super) type Address = (String, u16);

/// Which server the log is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Servers {
    /// This one.
    One(Address),
    /// The one that Sentinels name the master of this service now.
    Sentinels(Vec<Address>, String),
    /// Those of a cluster, found through these.
    Cluster(Vec<Address>),
}

/// Who connects.
#[derive(Clone, Debug, Default)]
pub(super) struct Login {
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
}

/// Encrypt, and whom to believe.
#[derive(Clone, Debug, Default)]
pub(super) struct Tls {
    /// PEM certificates to believe instead of the system's.
    pub(super) ca: Option<PathBuf>,
    /// PEM certificate and key to prove oneself with.
    pub(super) own: Option<(PathBuf, PathBuf)>,
}

/// A text that nothing ever shows.
#[derive(Clone)]
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl RedisConfig {
    fn on(servers: Servers) -> Self {
        RedisConfig {
            servers,
            database: 0,
            login: Login::default(),
            sentinel_login: Login::default(),
            tls: None,
            prefix: "papyra".to_owned(),
            system: "local".to_owned(),
            durability: Durability::Buffered,
            replicas: 0,
            max_len: None,
            timeout: TIMEOUT,
        }
    }

    /// A log on one server.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        RedisConfig::on(Servers::One((host.into(), port)))
    }

    /// A log on the server that these Sentinels call the master of the service.
    pub fn sentinel(sentinels: impl IntoIterator<Item = (impl Into<String>, u16)>, service: impl Into<String>) -> Self {
        RedisConfig::on(Servers::Sentinels(addresses(sentinels), service.into()))
    }

    /// A log in a cluster, of which these are some nodes.
    ///
    /// With a hash tag in prefix or system (`{orders}`) the streams of the log stand on one node: then batches are added
    /// whole and positions are unique. Without, that holds for each kind of fact alone.
    pub fn cluster(nodes: impl IntoIterator<Item = (impl Into<String>, u16)>) -> Self {
        RedisConfig::on(Servers::Cluster(addresses(nodes)))
    }

    /// The number of the database; a cluster has 0 alone.
    #[must_use]
    pub fn with_database(mut self, database: u32) -> Self {
        self.database = database.into();
        self
    }

    /// Who connects. Without a user it is the server's default user.
    #[must_use]
    pub fn with_login(mut self, username: Option<String>, password: Option<String>) -> Self {
        self.login = Login { username, password: password.map(Secret) };
        self
    }

    /// Who connects to the Sentinels.
    #[must_use]
    pub fn with_sentinel_login(mut self, username: Option<String>, password: Option<String>) -> Self {
        self.sentinel_login = Login { username, password: password.map(Secret) };
        self
    }

    /// Encrypt, and believe the certificates that the system believes.
    #[must_use]
    pub fn with_tls(mut self) -> Self {
        self.tls.get_or_insert_default();
        self
    }

    /// Encrypt, and believe what the PEM certificates in this file sign, instead of what the system believes.
    #[must_use]
    pub fn with_tls_ca(mut self, ca: impl Into<PathBuf>) -> Self {
        self.tls.get_or_insert_default().ca = Some(ca.into());
        self
    }

    /// Encrypt, and prove who connects with the PEM certificate and key in these files.
    #[must_use]
    pub fn with_tls_certificate(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.tls.get_or_insert_default().own = Some((certificate.into(), key.into()));
        self
    }

    /// What all keys of all logs of an installation begin with: `papyra` by default.
    ///
    /// # Errors
    /// `Config` for a name that is empty, longer than 200 bytes, or holds white space, control characters, or braces that
    /// are no hash tag.
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Result<Self> {
        self.prefix = name("prefix", prefix.into())?;
        Ok(self)
    }

    /// The actor system whose log it is: `local` by default.
    ///
    /// # Errors
    /// As [`with_prefix`](Self::with_prefix).
    pub fn with_system(mut self, system: impl Into<String>) -> Result<Self> {
        self.system = name("system", system.into())?;
        Ok(self)
    }

    /// What an acknowledgement promises: buffered by default, that is, whatever the server promises. Synced demands a
    /// server that syncs its append-only file before it answers.
    #[must_use]
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How many replicas must have a batch before it is acknowledged.
    #[must_use]
    pub fn with_replicas(mut self, replicas: u32) -> Self {
        self.replicas = replicas;
        self
    }

    /// Keep roughly so many entries of each stream while writing: older ones are dropped at once, whether anybody has read
    /// them or not.
    #[must_use]
    pub fn with_max_len(mut self, entries: u64) -> Self {
        self.max_len = Some(entries);
        self
    }

    /// How long an append keeps trying while the server is away: 30 seconds by default.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    #[cfg(test)]
    pub(crate) fn login_for_tests(&self) -> (Option<&str>, Option<&str>) {
        (self.login.username.as_deref(), self.login.password.as_ref().map(Secret::expose))
    }

    #[cfg(test)]
    pub(crate) fn shown_for_tests(&self) -> String {
        self.address()
    }

    /// Whatever the server promises is enough.
    pub(super) fn demands_nothing(&self) -> bool {
        self.durability == Durability::Buffered && self.replicas == 0
    }

    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.servers, Servers::Cluster(_))
    }

    /// The log's address for people: no user, no password.
    pub(super) fn address(&self) -> String {
        let scheme = match (&self.servers, &self.tls) {
            (Servers::One(_), None) => "redis",
            (Servers::One(_), Some(_)) => "rediss",
            (Servers::Sentinels(..), _) => "redis+sentinel",
            (Servers::Cluster(_), _) => "redis+cluster",
        };
        let (hosts, service) = match &self.servers {
            Servers::One(address) => (std::slice::from_ref(address), String::new()),
            Servers::Sentinels(addresses, service) => (addresses.as_slice(), format!("/{service}")),
            Servers::Cluster(addresses) => (addresses.as_slice(), String::new()),
        };
        let host = |(host, port): &Address| match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        };
        let hosts = hosts.iter().map(host).collect::<Vec<_>>().join(",");
        let database = if self.is_cluster() { String::new() } else { format!("/{}", self.database) };
        format!("{scheme}://{hosts}{service}{database}?prefix={}&system={}", self.prefix, self.system)
    }
}

fn addresses(hosts: impl IntoIterator<Item = (impl Into<String>, u16)>) -> Vec<Address> {
    hosts.into_iter().map(|(host, port)| (host.into(), port)).collect()
}

fn name(what: &str, text: String) -> Result<String> {
    let odd = |c: char| c.is_control() || c.is_whitespace();
    // Braces that are no hash tag would spoil those that we put around a key to keep its companions beside it.
    let odd_braces = text.contains(['{', '}']) && hash_tag(&text).is_none();
    if text.is_empty() || text.len() > MAX_NAME || text.contains(odd) || odd_braces {
        return Err(Error::new(ErrorKind::Config, format!("the {what} of a log on Redis cannot be used in a key"))
            .with_cure(format!(
                "give 1 to {MAX_NAME} bytes without white space and control characters; braces only as a hash tag, `{{orders}}`"
            )));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        let config = RedisConfig::new("::1", 6379)
            .with_login(Some("ops".to_owned()), Some("s3cret".to_owned()))
            .with_sentinel_login(None, Some("s3cret".to_owned()));
        assert!(!format!("{config:?} {config:#?} {}", config.address()).contains("s3cret"));
        assert_eq!(config.address(), "redis://[::1]:6379/0?prefix=papyra&system=local");
    }

    #[test]
    fn a_name_that_would_break_a_key_is_refused() {
        for bad in ["", "a b", "a\nb", "{}a", "a}", &"a".repeat(201)] {
            assert_eq!(RedisConfig::new("h", 1).with_prefix(bad).unwrap_err().kind(), ErrorKind::Config);
            assert_eq!(RedisConfig::new("h", 1).with_system(bad).unwrap_err().kind(), ErrorKind::Config);
        }
        assert!(RedisConfig::new("h", 1).with_prefix("{orders}").is_ok());
    }
}
