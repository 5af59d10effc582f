//! Consumer groups, as the server itself has them.

mod answers;
mod blocking;
mod scripts;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use async_trait::async_trait;
use redis::{Cmd, Value, cmd};

use self::{
    answers::{Entries, Sorted},
    blocking::Blocking,
    scripts::{DELETE, HOLD, REMOVE_CONSUMER, SET_ASIDE},
};
use super::{
    id::Id,
    keys::Stream,
    reply::{self, named, number, parts, text},
    server::Server,
};
use crate::{
    Claimed, ConsumerGroups, ConsumerState, DeadEntry, Delivered, Delivery, Error, ErrorKind, Group, GroupStart,
    GroupState, IfPending, Kind, MAX_BATCH, MAX_BLOCK, PendingEntry, PendingOptions, Position, Result, SetAside,
};

/// The consumer groups of a log on Redis.
#[derive(Debug)]
pub(super) struct RedisGroups {
    server: Server,
    blocking: Blocking,
}

impl RedisGroups {
    pub(super) fn new(server: Server) -> Self {
        RedisGroups { blocking: Blocking::new(server.clone()), server }
    }

    fn stream(&self, kind: Kind) -> &str {
        self.server.keys().stream(Stream::of(kind))
    }

    /// A command about a group.
    async fn call(&self, group: &Group, doing: &str, command: &Cmd) -> Result<Value> {
        self.server.call(doing, command).await.map_err(|error| about(group, error))
    }

    /// A script about a group.
    async fn script(
        &self,
        group: &Group,
        doing: &str,
        script: &str,
        keys: &[&str],
        arguments: &[&str],
        positions: &[Position],
    ) -> Result<Value> {
        let mut command = cmd("EVAL");
        command.arg(script).arg(keys.len()).arg(keys).arg(group.name()).arg(arguments);
        command.arg(ids(positions)?);
        self.call(group, doing, &command).await
    }

    /// How often the entries between these were delivered, as far as they are pending with this consumer.
    async fn counts(&self, group: &Group, consumer: &str, first: Id, last: Id) -> Result<BTreeMap<Position, u64>> {
        let mut counts = BTreeMap::new();
        let mut from = first;
        loop {
            let mut command = cmd("XPENDING");
            command.arg(self.stream(group.kind())).arg(group.name());
            command.arg(from.to_string()).arg(last.to_string()).arg(MAX_BATCH).arg(consumer);
            let page = answers::pending(&self.call(group, "look at what is pending in", &command).await?)
                .ok_or_else(|| odd("XPENDING"))?;
            let end = page.last().map(|entry| Id::from(entry.position));
            let is_last = page.len() < MAX_BATCH;
            counts.extend(page.into_iter().map(|entry| (entry.position, entry.deliveries)));
            match end {
                Some(end) if !is_last && end < last => from = end.next(),
                _ => return Ok(counts),
            }
        }
    }

    /// Which of these entries are not in the log any more.
    async fn gone(&self, group: &Group, positions: &[Position]) -> Result<Vec<Position>> {
        let mut gone = Vec::new();
        for position in positions {
            let id = position.to_string();
            let mut command = cmd("XRANGE");
            command.arg(self.stream(group.kind())).arg(&id).arg(&id);
            let found = self.call(group, "read", &command).await?;
            if parts(&found).is_some_and(<[Value]>::is_empty) {
                gone.push(*position);
            }
        }
        Ok(gone)
    }
}

#[async_trait]
impl ConsumerGroups for RedisGroups {
    async fn create(&self, group: &Group, from: GroupStart) -> Result<bool> {
        if let GroupStart::After(position) = from {
            ids(&[position])?;
        }
        let mut command = cmd("XGROUP");
        command.arg("CREATE").arg(self.stream(group.kind())).arg(group.name()).arg(from.to_string()).arg("MKSTREAM");
        match self.call(group, "create a consumer group of", &command).await {
            Ok(_) => Ok(true),
            Err(error) if says(&error, "BUSYGROUP") => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn delete(&self, group: &Group, pending: IfPending) -> Result<bool> {
        let force = if pending == IfPending::Forget { "1" } else { "0" };
        let keys = [self.stream(group.kind())];
        let answer = match self.script(group, "delete a consumer group of", DELETE, &keys, &[force], &[]).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            answer => answer?,
        };
        match left(&answer)? {
            Left::Pending(n) => Err(Error::new(ErrorKind::Refused, format!("{} pending in the {group}", entries(n)))
                .with_cure("let consumers handle them; to forget which they were: --force")),
            Left::Changed(changed) => Ok(changed),
        }
    }

    async fn list(&self, kind: Kind) -> Result<Vec<GroupState>> {
        let mut command = cmd("XINFO");
        command.arg("GROUPS").arg(self.stream(kind));
        let answer = match self.server.call("list the consumer groups of", &command).await {
            // Nobody has written to the stream yet.
            Err(error) if says(&error, "no such key") => return Ok(Vec::new()),
            answer => answer?,
        };
        let mut states = Vec::new();
        for known in parts(&answer).ok_or_else(|| odd("XINFO GROUPS"))? {
            let name = named(known, "name").and_then(reply::bytes).ok_or_else(|| odd("XINFO GROUPS"))?;
            let mut state = GroupState::new(Group::new(kind, String::from_utf8_lossy(name)));
            state.pending = named(known, "pending").and_then(number).unwrap_or_default();
            state.lag = named(known, "lag").and_then(number);
            state.last_delivered = named(known, "last-delivered-id").and_then(text).and_then(Id::parse).map(Id::into);
            // The group may be deleted while we look: then it is no longer one.
            match self.complete(&mut state).await {
                Ok(()) => states.push(state),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        states.sort_by(|one, other| one.group.name().cmp(other.group.name()));
        Ok(states)
    }

    async fn read(&self, group: &Group, consumer: &str, count: usize, block: Duration) -> Result<Delivered> {
        let mut command = cmd("XREADGROUP");
        command.arg("GROUP").arg(group.name()).arg(consumer).arg("COUNT").arg(count.clamp(1, MAX_BATCH));
        let block = block.min(MAX_BLOCK);
        // To the server, 0 means for ever.
        if !block.is_zero() {
            command.arg("BLOCK").arg(block.as_millis().max(1) as u64);
        }
        command.arg("STREAMS").arg(self.stream(group.kind())).arg(">");
        let answer = self.blocking.call("read", &command, block).await.map_err(|error| about(group, error))?;
        let Sorted { entries, damaged, gone } = Entries::of_read(&answer).ok_or_else(|| odd("XREADGROUP"))?.sort();
        let deliveries = entries.into_iter().map(|entry| Delivery::new(entry, 1)).collect();
        Ok(Delivered { deliveries, damaged, trimmed: gone })
    }

    async fn claim(
        &self,
        group: &Group,
        consumer: &str,
        min_idle: Duration,
        positions: &[Position],
    ) -> Result<Delivered> {
        let (Some(first), Some(last)) = (positions.iter().min(), positions.iter().max()) else {
            return Ok(Delivered::default());
        };
        let mut command = cmd("XCLAIM");
        command.arg(self.stream(group.kind())).arg(group.name()).arg(consumer).arg(millis(min_idle));
        command.arg(ids(positions)?);
        let answer = self.blocking.call("claim from", &command, Duration::ZERO).await;
        let answer = answer.map_err(|error| about(group, error))?;
        let Sorted { entries, damaged, .. } = Entries::of_claim(&answer).ok_or_else(|| odd("XCLAIM"))?.sort();
        let counts = self.counts(group, consumer, (*first).into(), (*last).into()).await?;
        let came: BTreeSet<Position> =
            entries.iter().map(|entry| entry.position).chain(damaged.iter().copied()).collect();
        let missing: Vec<Position> = positions.iter().copied().filter(|position| !came.contains(position)).collect();
        let trimmed = self.gone(group, &missing).await?;
        // A server before 7.0 leaves them pending for ever.
        self.ack(group, &trimmed).await?;
        let deliveries = entries.into_iter().map(|entry| {
            let deliveries = counts.get(&entry.position).copied().unwrap_or(1);
            Delivery::new(entry, deliveries)
        });
        Ok(Delivered { deliveries: deliveries.collect(), damaged, trimmed })
    }

    async fn autoclaim(
        &self,
        group: &Group,
        consumer: &str,
        min_idle: Duration,
        cursor: Option<Position>,
        count: usize,
    ) -> Result<Claimed> {
        let from = cursor.map_or_else(|| "0-0".to_owned(), |position| position.to_string());
        let mut command = cmd("XAUTOCLAIM");
        command.arg(self.stream(group.kind())).arg(group.name()).arg(consumer).arg(millis(min_idle)).arg(from);
        command.arg("COUNT").arg(count.clamp(1, MAX_BATCH)).arg("JUSTID");
        answers::claimed(&self.call(group, "claim from", &command).await?).ok_or_else(|| odd("XAUTOCLAIM"))
    }

    async fn hold(&self, group: &Group, consumer: &str, positions: &[Position]) -> Result<Vec<Position>> {
        if positions.is_empty() {
            return Ok(Vec::new());
        }
        let keys = [self.stream(group.kind())];
        let answer = self.script(group, "claim from", HOLD, &keys, &[consumer], positions).await?;
        answers::positions(&answer).ok_or_else(|| odd("EVAL"))
    }

    async fn ack(&self, group: &Group, positions: &[Position]) -> Result<u64> {
        let mut acknowledged = 0;
        for batch in positions.chunks(MAX_BATCH) {
            let mut command = cmd("XACK");
            command.arg(self.stream(group.kind())).arg(group.name()).arg(ids(batch)?);
            let answer = self.call(group, "acknowledge to", &command).await?;
            acknowledged += number(&answer).ok_or_else(|| odd("XACK"))?;
        }
        Ok(acknowledged)
    }

    async fn pending(&self, group: &Group, wanted: &PendingOptions) -> Result<Vec<PendingEntry>> {
        let mut command = cmd("XPENDING");
        command.arg(self.stream(group.kind())).arg(group.name());
        if !wanted.min_idle.is_zero() {
            command.arg("IDLE").arg(millis(wanted.min_idle));
        }
        let from = wanted.after.map_or_else(|| "-".to_owned(), |position| Id::from(position).next().to_string());
        command.arg(from).arg("+").arg(wanted.page());
        if let Some(consumer) = &wanted.consumer {
            command.arg(consumer);
        }
        let answer = self.call(group, "look at what is pending in", &command).await?;
        answers::pending(&answer).ok_or_else(|| odd("XPENDING"))
    }

    async fn set_aside(&self, group: &Group, consumer: &str, why: SetAside, positions: &[Position]) -> Result<u64> {
        let dead = self.server.keys().dead(Stream::of(group.kind()));
        let keys = [self.stream(group.kind()), &dead];
        let mut copied = 0;
        for batch in positions.chunks(MAX_BATCH) {
            let arguments = [consumer, why.as_str()];
            let answer = self.script(group, "set entries aside of", SET_ASIDE, &keys, &arguments, batch).await?;
            copied += number(&answer).ok_or_else(|| odd("EVAL"))?;
        }
        Ok(copied)
    }

    async fn dead(&self, kind: Kind, after: Option<Position>, count: usize) -> Result<Vec<DeadEntry>> {
        let from = after.map_or_else(|| "-".to_owned(), |position| Id::from(position).next().to_string());
        let mut command = cmd("XRANGE");
        command.arg(self.server.keys().dead(Stream::of(kind))).arg(from).arg("+");
        command.arg("COUNT").arg(count.clamp(1, MAX_BATCH));
        // Entries may be as long as a line may be: for many of them a command's usual time is too short.
        let answer = self.blocking.call("read", &command, MAX_BLOCK).await?;
        answers::dead(&answer).ok_or_else(|| odd("XRANGE"))
    }

    async fn remove_consumer(&self, group: &Group, consumer: &str) -> Result<bool> {
        let keys = [self.stream(group.kind())];
        let answer = self.script(group, "remove a consumer of", REMOVE_CONSUMER, &keys, &[consumer], &[]).await?;
        match left(&answer)? {
            Left::Pending(n) => {
                let message = format!("{} pending with the consumer `{consumer}` of the {group}", entries(n));
                Err(Error::new(ErrorKind::Refused, message)
                    .with_cure("claim them for another consumer first: `papyra groups claim`"))
            }
            Left::Changed(changed) => Ok(changed),
        }
    }
}

impl RedisGroups {
    /// What `XINFO GROUPS` does not tell of a group. It comes later, so what was pending then may be acknowledged now: the
    /// other way round a position might count as acknowledged that is not.
    async fn complete(&self, state: &mut GroupState) -> Result<()> {
        let group = &state.group;
        if state.pending > 0 {
            let first = PendingOptions::default().count(1);
            if let Some(oldest) = self.pending(group, &first).await?.first() {
                state.oldest_pending = Some(oldest.position);
                state.oldest_idle = Some(oldest.idle);
            }
        }
        let mut command = cmd("XINFO");
        command.arg("CONSUMERS").arg(self.stream(group.kind())).arg(group.name());
        let answer = self.call(group, "list the consumers of", &command).await?;
        for known in parts(&answer).ok_or_else(|| odd("XINFO CONSUMERS"))? {
            let name = named(known, "name").and_then(reply::bytes).ok_or_else(|| odd("XINFO CONSUMERS"))?;
            let figure = |name| named(known, name).and_then(number).unwrap_or_default();
            let idle = Duration::from_millis(figure("idle"));
            state.consumers.push(ConsumerState::new(String::from_utf8_lossy(name), figure("pending"), idle));
        }
        state.consumers.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(())
    }
}

/// What a script that refuses to lose what is pending left.
enum Left {
    Changed(bool),
    Pending(u64),
}

/// A number below zero is how many are pending; the others say whether something was changed.
fn left(answer: &Value) -> Result<Left> {
    match answer {
        Value::Int(n) if *n < 0 => Ok(Left::Pending(n.unsigned_abs())),
        Value::Int(n) => Ok(Left::Changed(*n > 0)),
        _ => Err(odd("EVAL")),
    }
}

fn entries(n: u64) -> String {
    if n == 1 { "1 entry is".to_owned() } else { format!("{n} entries are") }
}

/// The ids of positions.
fn ids(positions: &[Position]) -> Result<Vec<String>> {
    let id = |position: &Position| match position.pair() {
        Some(_) => Ok(position.to_string()),
        None => Err(Error::new(ErrorKind::Invalid, format!("`{position}` is no position of a log on Redis"))
            .with_cure("take positions from the output of `papyra groups read` or `papyra groups pending`")),
    };
    positions.iter().map(id).collect()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX >> 1)
}

/// What a server says of a group that does not exist: depending on the command, and on whether the stream does.
const MISSING: [&str; 3] = ["NOGROUP", "no such key", "requires the key to exist"];

/// An error about a group: that it does not exist is said in our own words.
fn about(group: &Group, error: Error) -> Error {
    if MISSING.iter().any(|words| says(&error, words)) { group.missing() } else { error }
}

/// Whether the server's own words hold these. Servers before 7.0 put others around what a script met.
fn says(error: &Error, words: &str) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.to_string().contains(words))
}

/// An answer that no server known to us gives.
fn odd(command: &str) -> Error {
    Error::new(ErrorKind::Io, format!("the server's answer to {command} makes no sense"))
        .with_cure("look whether this is a Redis or Valkey server, 6.2 or newer")
}
