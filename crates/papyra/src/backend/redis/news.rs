//! Waiting until something new stands in a log, without asking again and again.

use std::sync::{Mutex, PoisonError};

use tokio::time::{Duration, Instant, sleep, sleep_until, timeout};

use super::{
    config::PATIENCE,
    connection::{Answers, Connection},
    id::Id,
    keys::{Lane, Stream},
    server::Server,
};
use crate::Position;

/// How long the server holds a question back. Not longer, or nobody would notice that it is gone.
const BLOCK: Duration = Duration::from_secs(5);
/// How long to wait where the server cannot be asked.
const PAUSE: Duration = Duration::from_millis(250);
/// What comes at once is not asked for at once again: it may be something that the reader does not want to see.
const LEAST: Duration = Duration::from_millis(100);
/// How many connections are kept for the next question.
const IDLE: usize = 4;

/// Who waits for news of a log.
pub(super) struct News {
    server: Server,
    /// A question that is held back holds up its connection, so each has one for itself.
    idle: Mutex<Vec<Connection>>,
}

impl std::fmt::Debug for News {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("News").finish_non_exhaustive()
    }
}

impl News {
    pub(super) fn new(server: Server) -> Self {
        News { server, idle: Mutex::default() }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle();
        if idle.len() < IDLE {
            idle.push(connection);
        }
    }

    /// Returns when something may stand behind a position, and after some seconds at the latest.
    pub(super) async fn wait(&self, after: Option<Position>) {
        let keys = self.server.keys();
        // Streams on several nodes cannot be asked for at once.
        if keys.lanes() != [Lane::Whole] {
            return sleep(PAUSE).await;
        }
        let after = after.map_or(Id::default(), Id::from).to_string();
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(1).arg("BLOCK").arg(BLOCK.as_millis() as u64).arg("STREAMS");
        for stream in Stream::ALL {
            command.arg(keys.stream(stream));
        }
        for _ in Stream::ALL {
            command.arg(&after);
        }
        let kept = self.idle().pop();
        let connection = match kept {
            Some(connection) => Ok(connection),
            None => self.server.dedicated(Answers::Whenever).await,
        };
        let Ok(mut connection) = connection else { return sleep(PAUSE).await };
        let least = Instant::now() + LEAST;
        match timeout(BLOCK + PATIENCE, connection.send(&command)).await {
            Ok(Ok(_)) => {
                self.keep(connection);
                sleep_until(least).await;
            }
            // The read that follows says what is wrong, if it is still wrong then.
            Ok(Err(_)) => sleep(PAUSE).await,
            Err(_) => {
                connection.broke();
                sleep(PAUSE).await;
            }
        }
    }
}
