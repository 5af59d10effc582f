//! What an acknowledgement of this server is worth, and how to make it worth what was asked for.

use redis::{Cmd, Value};

use super::{config::RedisConfig, connection::Connection, reply, trouble::Trouble};
use crate::{Durability, Error, ErrorKind};

/// How long the server waits for its replicas or its disk, in milliseconds: less than we wait for the server.
const WAIT_MS: u64 = 1500;

/// What is asked behind each batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Promise {
    /// Ask whether the server's own disk has it.
    disk: bool,
    replicas: u32,
}

impl Promise {
    /// Makes sure that the server can give what the configuration demands.
    pub(super) async fn of(config: &RedisConfig, connection: &mut Connection, log: &str) -> Result<Promise, Trouble> {
        let mut promise = Promise { disk: false, replicas: config.replicas };
        if config.replicas > 0 {
            if config.is_cluster() {
                return Err(refused("`replicas` is not offered in a cluster".to_owned(), "leave it out"));
            }
            let mut command = redis::cmd("INFO");
            command.arg("replication");
            let info = connection.send(&command).await.map_err(|error| Trouble::of(&error, "look at", log))?;
            let there = reply::info(&info, "connected_slaves").and_then(|number| number.parse().ok()).unwrap_or(0);
            if there < config.replicas {
                return Err(refused(
                    format!("replicas={} is demanded, and `{log}` has {there}", config.replicas),
                    "give the server replicas, or demand fewer",
                ));
            }
        }
        if config.durability == Durability::Synced {
            promise.disk = !syncs_before_answering(connection, log).await?;
        }
        Ok(promise)
    }

    /// The question behind each batch, if there is one.
    pub(super) fn question(self) -> Option<Cmd> {
        if self.disk {
            let mut command = redis::cmd("WAITAOF");
            command.arg(1).arg(self.replicas).arg(WAIT_MS);
            return Some(command);
        }
        (self.replicas > 0).then(|| {
            let mut command = redis::cmd("WAIT");
            command.arg(self.replicas).arg(WAIT_MS);
            command
        })
    }

    /// Whether the answer to the question is what was demanded: less is no acknowledgement.
    pub(super) fn is_kept(self, answer: Option<&Value>) -> bool {
        let number = |value: Option<&Value>| value.and_then(reply::number).unwrap_or(0);
        if self.disk {
            let parts = answer.and_then(reply::parts).unwrap_or_default();
            return number(parts.first()) >= 1 && number(parts.get(1)) >= self.replicas.into();
        }
        number(answer) >= self.replicas.into()
    }
}

/// Whether the server syncs its append-only file before it answers; `false` if it has to be asked each time, and can be.
async fn syncs_before_answering(connection: &mut Connection, log: &str) -> Result<bool, Trouble> {
    let mut wrong = None;
    for (name, wanted) in [("appendonly", "yes"), ("appendfsync", "always"), ("no-appendfsync-on-rewrite", "no")] {
        match connection.settings(name).await {
            Ok(values) if !values.is_empty() && values.iter().all(|value| value == wanted) => {}
            Ok(values) => wrong = Some(format!("it has {name}={}", values.first().map_or("?", String::as_str))),
            Err(error) if error.is_io_error() => return Err(Trouble::of(&error, "look at", log)),
            Err(_) => wrong = Some("it does not tell its settings".to_owned()),
        }
        if wrong.is_some() {
            break;
        }
    }
    let Some(wrong) = wrong else { return Ok(true) };
    if connection.knows("WAITAOF").await.map_err(|error| Trouble::of(&error, "look at", log))? {
        return Ok(false);
    }
    Err(refused(
        format!("durability=synced is demanded, which `{log}` does not give: {wrong}"),
        "set `appendonly yes` and `appendfsync always` on the server, or use durability=buffered",
    ))
}

/// What was added is there, and not as durable as was demanded.
pub(super) fn not_kept(log: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("`{log}` could not make a batch as durable as was demanded"))
        .with_cure("look at its replicas and its disk: the facts are there, and may not survive")
}

fn refused(message: String, cure: &str) -> Trouble {
    Trouble::lasting(Error::new(ErrorKind::Config, message).with_cure(cure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_than_was_demanded_is_no_acknowledgement() {
        let replicas = Promise { disk: false, replicas: 2 };
        assert!(replicas.is_kept(Some(&Value::Int(2))) && replicas.is_kept(Some(&Value::Int(3))));
        assert!(!replicas.is_kept(Some(&Value::Int(1))) && !replicas.is_kept(None));
        let disk = Promise { disk: true, replicas: 1 };
        let answer = |own, replicas| Value::Array(vec![Value::Int(own), Value::Int(replicas)]);
        assert!(disk.is_kept(Some(&answer(1, 1))));
        assert!(!disk.is_kept(Some(&answer(0, 1))) && !disk.is_kept(Some(&answer(1, 0))));
        assert!(Promise::default().is_kept(None) && Promise::default().question().is_none());
    }
}
