//! Connections for calls that may take long: each has one for itself meanwhile, so that nobody else waits.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use redis::{Cmd, Value};

use crate::{
    Result,
    backend::redis::{
        config::PATIENCE,
        connection::{Answers, Connection},
        server::Server,
        trouble::{After, Trouble},
    },
};

/// How many connections are kept for later.
const MOST_KEPT: usize = 16;

/// The connections that nobody uses at the moment.
pub(super) struct Blocking {
    server: Server,
    idle: Mutex<Vec<Connection>>,
}

impl Blocking {
    pub(super) fn new(server: Server) -> Self {
        Blocking { server, idle: Mutex::default() }
    }

    /// Sends a command that the server may keep for so long, beside the usual time for an answer. Nothing is tried twice.
    pub(super) async fn call(&self, doing: &str, command: &Cmd, block: Duration) -> Result<Value> {
        let kept = self.idle().pop();
        let mut connection = match kept {
            Some(connection) => connection,
            None => self.server.dedicated(Answers::Whenever).await.map_err(Trouble::into_error)?,
        };
        // The limit is ours: without one nobody would notice that the server is gone. If this future is dropped, or the time
        // is over, the connection is dropped with it: its next answer would belong to this call.
        let answer = tokio::time::timeout(block + PATIENCE, connection.send(command)).await;
        let trouble = match answer {
            Ok(Ok(value)) => {
                self.keep(connection);
                return Ok(value);
            }
            Ok(Err(error)) => Trouble::of(&error, doing, self.server.address()),
            Err(_) => {
                connection.broke();
                Trouble::silent(doing, self.server.address())
            }
        };
        if trouble.after == After::Reconnect {
            // The others lead to the same place.
            self.idle().clear();
        } else {
            self.keep(connection);
        }
        Err(trouble.into_error())
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle();
        if idle.len() < MOST_KEPT {
            idle.push(connection);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Blocking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocking").field("idle", &self.idle().len()).finish_non_exhaustive()
    }
}
