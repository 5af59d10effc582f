//! The server as all of a log's parts know it: one connection for commands, made anew when it breaks.

use std::sync::Arc;

use redis::{Cmd, Pipeline, RedisError, Value};
use tokio::{
    sync::Mutex,
    time::{Duration, Instant, sleep},
};

use super::{
    backoff::Backoff,
    config::{PATIENCE, RedisConfig},
    connection::{Answers, Connection, connect},
    keys::Keys,
    link::Links,
    promise::Promise,
    trouble::{After, Trouble},
};
use crate::{Connections, Result};

/// How long a command that only looks is tried again after the server was there once.
const RETRIES: Duration = Duration::from_secs(5);

/// The server of one log. Clones are the same server.
#[derive(Clone, Debug)]
pub(super) struct Server(Arc<Inner>);

struct Inner {
    config: RedisConfig,
    keys: Keys,
    address: String,
    current: Mutex<Current>,
    links: Arc<Links>,
}

#[derive(Default)]
struct Current {
    connection: Option<Connection>,
    /// Rises with each connection that was made.
    generation: u64,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Server {
    /// Nothing is connected before the first command.
    pub(super) fn new(config: RedisConfig) -> Self {
        Server::counted(config, Arc::default())
    }

    fn counted(config: RedisConfig, links: Arc<Links>) -> Self {
        let (keys, address) = (Keys::of(&config), config.address());
        Server(Arc::new(Inner { config, keys, address, current: Mutex::default(), links }))
    }

    /// The same server with a connection of its own for commands: one that lives in another runtime.
    pub(super) fn apart(&self) -> Self {
        Server::counted(self.0.config.clone(), Arc::clone(&self.0.links))
    }

    pub(super) fn config(&self) -> &RedisConfig {
        &self.0.config
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// The log's address for people, without any password.
    pub(super) fn address(&self) -> &str {
        &self.0.address
    }

    /// What became of the connections so far.
    pub(super) fn connections(&self) -> Connections {
        self.0.links.counts()
    }

    /// A connection of its own: for a writer, whose commands must keep their order, and for commands that block.
    pub(super) async fn dedicated(&self, answers: Answers) -> Result<Connection, Trouble> {
        connect(&self.0.config, answers, &self.0.links).await
    }

    /// Asks the server whether it can give the durability that is demanded, if any is; one that is away is not waited for.
    pub(super) async fn prove(&self) -> Result<()> {
        let config = &self.0.config;
        if config.demands_nothing() {
            return Ok(());
        }
        let proven = match self.dedicated(Answers::Soon).await {
            Ok(mut connection) => Promise::of(config, &mut connection, &self.0.address).await.map(drop),
            Err(trouble) => Err(trouble),
        };
        match proven {
            Err(trouble) if !trouble.passes() => Err(trouble.into_error()),
            _ => Ok(()),
        }
    }

    /// The connection for commands, and its generation.
    async fn shared(&self) -> Result<(Connection, u64), Trouble> {
        let mut current = self.0.current.lock().await;
        if let Some(connection) = &current.connection {
            return Ok((connection.clone(), current.generation));
        }
        let connection = self.dedicated(Answers::Soon).await?;
        current.generation += 1;
        current.connection = Some(connection.clone());
        Ok((connection, current.generation))
    }

    /// The connection of this generation is of no use any more.
    async fn broken(&self, generation: u64) {
        let mut current = self.0.current.lock().await;
        if current.generation == generation {
            current.connection = None;
        }
    }

    /// Sends a command that may be done twice without harm. `doing` is what for, such as `read`.
    ///
    /// A server that was never reached is not waited for; one that went away is, for some seconds.
    pub(super) async fn call(&self, doing: &str, command: &Cmd) -> Result<Value> {
        self.try_call(doing, command).await.map_err(Trouble::into_error)
    }

    /// Asks each server that takes writes: the one, or every master of a cluster.
    pub(super) async fn ask_all(&self, doing: &str, command: &Cmd) -> Result<Vec<Value>> {
        let (mut connection, _) = self.shared().await.map_err(Trouble::into_error)?;
        if !connection.leads_to_a_cluster() {
            return Ok(vec![self.call(doing, command).await?]);
        }
        let answers = connection.everywhere(command).await;
        answers.map_err(|error| Trouble::of(&error, doing, &self.0.address).into_error())
    }

    /// The same as [`call`](Self::call) with what failed, for whoever wants to know why.
    pub(super) async fn try_call(&self, doing: &str, command: &Cmd) -> Result<Value, Trouble> {
        self.try_send(doing, &Sent::One(command)).await
    }

    /// The same as [`call`](Self::call) for commands that are done together, or one behind the other. Gives each answer.
    pub(super) async fn transact(&self, doing: &str, pipeline: &Pipeline) -> Result<Vec<Value>> {
        self.try_many(doing, &Sent::All(pipeline)).await
    }

    /// The same for commands some of which may fail: what they failed with is their answer.
    pub(super) async fn ask_together(&self, doing: &str, pipeline: &Pipeline) -> Result<Vec<Value>> {
        self.try_many(doing, &Sent::Together(pipeline)).await
    }

    async fn try_many(&self, doing: &str, sent: &Sent<'_>) -> Result<Vec<Value>> {
        match self.try_send(doing, sent).await.map_err(Trouble::into_error)? {
            Value::Array(answers) => Ok(answers),
            answer => Ok(vec![answer]),
        }
    }

    async fn try_send(&self, doing: &str, sent: &Sent<'_>) -> Result<Value, Trouble> {
        let (began, mut backoff) = (Instant::now(), Backoff::new());
        let mut was_there = self.0.current.lock().await.generation > 0;
        loop {
            let trouble = match self.shared().await {
                Err(trouble) => trouble,
                Ok((mut connection, generation)) => {
                    was_there = true;
                    // The client has a limit of its own, but not while it looks for a node of a cluster.
                    let answer = tokio::time::timeout(2 * PATIENCE, sent.over(&mut connection)).await;
                    let trouble = match answer {
                        Ok(Ok(value)) => return Ok(value),
                        Ok(Err(error)) => Trouble::of(&error, doing, &self.0.address),
                        Err(_) => {
                            connection.broke();
                            Trouble::silent(doing, &self.0.address)
                        }
                    };
                    if trouble.after == After::Reconnect {
                        self.broken(generation).await;
                    }
                    trouble
                }
            };
            if !trouble.passes() || !was_there || began.elapsed() > RETRIES {
                return Err(trouble);
            }
            sleep(backoff.next()).await;
        }
    }
}

/// What is sent and may be sent twice.
enum Sent<'a> {
    One(&'a Cmd),
    All(&'a Pipeline),
    Together(&'a Pipeline),
}

impl Sent<'_> {
    async fn over(&self, connection: &mut Connection) -> Result<Value, RedisError> {
        match self {
            Sent::One(command) => connection.send(command).await,
            Sent::All(pipeline) => connection.send_all(pipeline).await.map(Value::Array),
            Sent::Together(pipeline) => connection.ask_together(pipeline).await.map(Value::Array),
        }
    }
}
