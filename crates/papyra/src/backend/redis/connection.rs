//! Connections: to the one server, to whom the Sentinels call master, to a cluster.

use std::{fs, path::Path, sync::Arc, time::Duration};

use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, Pipeline,
    RedisConnectionInfo, RedisError, TlsCertificates, Value,
    aio::{ConnectionLike as _, MultiplexedConnection},
    cluster::ClusterClientBuilder,
    cluster_async::ClusterConnection,
    cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo},
    sentinel::{SentinelClientBuilder, SentinelServerType},
};

use super::{
    config::{Address, Login, PATIENCE, RedisConfig, Servers, Tls},
    link::{Link, Links},
    reply,
    trouble::Trouble,
};
use crate::{Error, ErrorKind, Result};

/// A connection: commands that are sent one after another are done in that order. Clones are the same connection.
#[derive(Clone)]
pub(super) struct Connection {
    wire: Wire,
    link: Arc<Link>,
}

#[derive(Clone)]
enum Wire {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// How long to wait for answers on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answers {
    /// At most [`PATIENCE`]: for commands.
    Soon,
    /// As long as it takes: for commands that block. Each consumer has such a connection for itself, since a blocking
    /// command holds up all that are sent after it; and it blocks for some seconds at most, or nobody would notice that the
    /// server is gone.
    Whenever,
}

impl Connection {
    /// Sends a command and waits for its answer.
    pub(super) async fn send(&mut self, command: &Cmd) -> Result<Value, RedisError> {
        let answer = self.wire.send(command).await;
        self.noticed(answer)
    }

    /// Sends commands in one go; with `MULTI` and `EXEC` around them if the pipeline is atomic. Gives each answer, or the first
    /// error of any.
    pub(super) async fn send_all(&mut self, pipeline: &Pipeline) -> Result<Vec<Value>, RedisError> {
        let answers = match &mut self.wire {
            Wire::Server(connection) if pipeline.is_transaction() => transact(connection, pipeline)
                .await
                .and_then(|answers| answers.into_iter().map(Value::extract_error).collect()),
            Wire::Server(connection) => pipeline.query_async(connection).await,
            Wire::Cluster(connection) => pipeline.query_async(connection).await,
        };
        self.noticed(answers)
    }

    /// The same for an atomic pipeline that ignores errors: what a command failed with is its answer.
    pub(super) async fn ask_together(&mut self, pipeline: &Pipeline) -> Result<Vec<Value>, RedisError> {
        let answers = match &mut self.wire {
            Wire::Server(connection) => transact(connection, pipeline).await,
            Wire::Cluster(connection) => pipeline.query_async(connection).await,
        };
        self.noticed(answers)
    }

    /// Whoever waited for an answer waits no longer: the server is gone, as far as anybody can tell.
    pub(super) fn broke(&self) {
        self.link.broke();
    }

    fn noticed<T>(&self, answer: Result<T, RedisError>) -> Result<T, RedisError> {
        if answer.as_ref().is_err_and(RedisError::is_io_error) {
            self.broke();
        }
        answer
    }
}

impl Wire {
    async fn send(&mut self, command: &Cmd) -> Result<Value, RedisError> {
        let value = match self {
            Wire::Server(connection) => connection.req_packed_command(command).await,
            Wire::Cluster(connection) => connection.req_packed_command(command).await,
        };
        value.and_then(Value::extract_error)
    }
}

/// What the commands of an atomic pipeline came to; an error if the server took one of them for none, and so did none.
///
/// The client would do this itself, but subtracts one too many where `MULTI` is forbidden: so it is told that every reply counts.
async fn transact(connection: &mut MultiplexedConnection, pipeline: &Pipeline) -> Result<Vec<Value>, RedisError> {
    let mut replies = connection.req_packed_commands(pipeline, 0, pipeline.len() + 2).await?;
    let done = replies.pop().unwrap_or(Value::Nil);
    if let Some(refused) = replies.into_iter().find_map(|reply| reply.extract_error().err()) {
        return Err(refused);
    }
    match done {
        Value::Array(answers) => Ok(answers),
        Value::ServerError(error) => Err(error.into()),
        _ => Err((redis::ErrorKind::UnexpectedReturnType, "a transaction without answers").into()),
    }
}

/// Connects, and counts that. Nothing is tried twice here.
pub(super) async fn connect(config: &RedisConfig, answers: Answers, links: &Arc<Links>) -> Result<Connection, Trouble> {
    match open(config, answers).await {
        Ok(wire) => Ok(Connection { wire, link: Arc::new(links.made()) }),
        Err(trouble) => {
            links.failed();
            Err(trouble)
        }
    }
}

async fn open(config: &RedisConfig, answers: Answers) -> Result<Wire, Trouble> {
    let address = config.address();
    let certificates = config.tls.as_ref().map(certificates).transpose().map_err(Trouble::lasting)?;
    if config.tls.is_some() && rustls::crypto::CryptoProvider::get_default().is_none() {
        // Whoever was first keeps its place; what matters is that there is one, or the client would panic.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let connecting = async {
        match &config.servers {
            Servers::One(server) => one(config, server, certificates, answers).await,
            Servers::Sentinels(sentinels, service) => sentinel(config, sentinels, service, certificates, answers).await,
            Servers::Cluster(nodes) => cluster(config, nodes, certificates, answers).await,
        }
    };
    // Finding a master or the nodes of a cluster takes several connections.
    let patience = if matches!(config.servers, Servers::One(_)) { PATIENCE } else { 3 * PATIENCE };
    let greeting = async {
        let mut wire = connecting.await?;
        // A server that knows nobody yet, or is loading, says so now and in words that are understood.
        match wire.send(&redis::cmd("PING")).await {
            Err(error) if error.kind() == redis::ErrorKind::Server(redis::ServerErrorKind::NoPerm) => Ok(wire),
            pong => pong.map(|_| wire),
        }
    };
    match tokio::time::timeout(patience, greeting).await {
        Ok(connected) => connected.map_err(|error| Trouble::of(&error, "connect to", &address)),
        Err(_) => Err(Trouble::silent("connect to", &address)),
    }
}

fn timeouts(answers: Answers) -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(Some(PATIENCE)).set_response_timeout(wait(answers))
}

fn wait(answers: Answers) -> Option<Duration> {
    (answers == Answers::Soon).then_some(PATIENCE)
}

fn place((host, port): &Address, encrypted: bool) -> ConnectionAddr {
    match encrypted {
        true => ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure: false, tls_params: None },
        false => ConnectionAddr::Tcp(host.clone(), *port),
    }
}

fn settings(login: &Login, database: i64) -> RedisConnectionInfo {
    let mut settings = RedisConnectionInfo::default().set_db(database).set_skip_set_lib_name();
    if let Some(username) = &login.username {
        settings = settings.set_username(username);
    }
    if let Some(password) = &login.password {
        settings = settings.set_password(password.expose());
    }
    settings
}

fn info(config: &RedisConfig, server: &Address) -> Result<ConnectionInfo, RedisError> {
    let info = place(server, config.tls.is_some()).into_connection_info()?;
    Ok(info.set_redis_settings(settings(&config.login, config.database)))
}

async fn one(
    config: &RedisConfig,
    server: &Address,
    certificates: Option<TlsCertificates>,
    answers: Answers,
) -> Result<Wire, RedisError> {
    let info = info(config, server)?;
    let client = match certificates {
        Some(certificates) => Client::build_with_tls(info, certificates)?,
        None => Client::open(info)?,
    };
    client.get_multiplexed_async_connection_with_config(&timeouts(answers)).await.map(Wire::Server)
}

async fn sentinel(
    config: &RedisConfig,
    sentinels: &[Address],
    service: &str,
    certificates: Option<TlsCertificates>,
    answers: Answers,
) -> Result<Wire, RedisError> {
    let encrypted = certificates.is_some();
    let places = sentinels.iter().map(|sentinel| place(sentinel, encrypted));
    let mut builder = SentinelClientBuilder::new(places, service, SentinelServerType::Master)?
        .set_client_to_redis_db(config.database);
    if let Some(username) = &config.login.username {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = &config.login.password {
        builder = builder.set_client_to_redis_password(password.expose());
    }
    if let Some(username) = &config.sentinel_login.username {
        builder = builder.set_client_to_sentinel_username(username);
    }
    if let Some(password) = &config.sentinel_login.password {
        builder = builder.set_client_to_sentinel_password(password.expose());
    }
    if let Some(certificates) = certificates {
        builder = builder
            .set_client_to_redis_tls_mode(redis::TlsMode::Secure)
            .set_client_to_redis_certificates(certificates.clone())
            .set_client_to_sentinel_certificates(certificates);
    }
    let mut client = builder.build()?;
    client.get_async_connection_with_config(&timeouts(answers)).await.map(Wire::Server)
}

async fn cluster(
    config: &RedisConfig,
    nodes: &[Address],
    certificates: Option<TlsCertificates>,
    answers: Answers,
) -> Result<Wire, RedisError> {
    let infos = nodes.iter().map(|node| info(config, node)).collect::<Result<Vec<_>, _>>()?;
    // Whatever fails is tried again by us, who know what may be doubled by that.
    let mut builder = ClusterClientBuilder::new(infos).retries(3).connection_timeout(PATIENCE);
    if answers == Answers::Soon {
        builder = builder.response_timeout(PATIENCE);
    }
    if let Some(username) = &config.login.username {
        builder = builder.username(username);
    }
    if let Some(password) = &config.login.password {
        builder = builder.password(password.expose());
    }
    if let Some(certificates) = certificates {
        builder = builder.tls(redis::cluster::TlsMode::Secure).certs(certificates);
    }
    builder.build()?.get_async_connection().await.map(Wire::Cluster)
}

fn certificates(tls: &Tls) -> Result<TlsCertificates> {
    let client_tls = match &tls.own {
        Some((certificate, key)) => {
            Some(redis::ClientTlsConfig { client_cert: pem(certificate)?, client_key: pem(key)? })
        }
        None => None,
    };
    Ok(TlsCertificates { client_tls, root_cert: tls.ca.as_deref().map(pem).transpose()? })
}

fn pem(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| {
        Error::new(ErrorKind::Config, format!("cannot read the certificate or key `{}`", path.display()))
            .with_source(error)
    })
}

impl Connection {
    /// The value of a setting on each server that takes writes.
    pub(super) async fn settings(&mut self, name: &str) -> Result<Vec<String>, RedisError> {
        let mut command = redis::cmd("CONFIG");
        command.arg("GET").arg(name);
        let values = self.everywhere(&command).await?;
        Ok(values.iter().filter_map(|value| reply::text(reply::named(value, name)?)).map(str::to_owned).collect())
    }

    /// Whether the server has a command: asked, since versions of forks say little.
    pub(super) async fn knows(&mut self, name: &str) -> Result<bool, RedisError> {
        let mut command = redis::cmd("COMMAND");
        command.arg("INFO").arg(name);
        let values = self.everywhere(&command).await?;
        let known =
            |value: &Value| reply::parts(value).is_some_and(|parts| parts.iter().any(|part| *part != Value::Nil));
        Ok(!values.is_empty() && values.iter().all(known))
    }

    pub(super) fn leads_to_a_cluster(&self) -> bool {
        matches!(self.wire, Wire::Cluster(_))
    }

    /// Sends a command to each server that takes writes.
    pub(super) async fn everywhere(&mut self, command: &Cmd) -> Result<Vec<Value>, RedisError> {
        match &mut self.wire {
            Wire::Server(_) => Ok(vec![self.send(command).await?]),
            Wire::Cluster(connection) => {
                let masters = MultipleNodeRoutingInfo::AllMasters;
                let answer = connection.route_command(command.clone(), RoutingInfo::MultiNode((masters, None))).await;
                Ok(match self.noticed(answer)?.extract_error()? {
                    Value::Map(pairs) => pairs.into_iter().map(|(_, value)| value).collect(),
                    Value::Array(values) => values,
                    value => vec![value],
                })
            }
        }
    }
}
