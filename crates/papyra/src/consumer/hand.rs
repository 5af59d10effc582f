//! How a consumer comes to its next fact.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{
    backoff::{Backoff, chance},
    duty::{Duty, is_passing},
};
use crate::{
    ConsumerState, Delivered, Delivery, Error, ErrorKind, GroupStart, PendingEntry, Position, ReadOptions, Result,
    SetAside, groups::MAX_BLOCK,
};

/// How many pending entries are looked at in one page.
const PAGE: usize = 100;
/// How many calls of one round look for entries that others left; the next round goes on where it ended.
const CLAIMS_A_ROUND: usize = 10;
/// How often a round is made, whatever the minimum idle time.
const ROUNDS: std::ops::RangeInclusive<Duration> = Duration::from_millis(50)..=Duration::from_secs(30);

/// The state of the search, moved by one turn after another.
pub(super) struct Hand {
    /// Fetched, pending with us, not handed out yet.
    ready: VecDeque<Ready>,
    /// From where on to look for entries that are pending with us and in nobody's hands: of an earlier life, claimed, or of
    /// an answer that was lost.
    backlog: Option<Option<Position>>,
    /// Whether the group has been there in this life.
    was_there: bool,
    /// Everything up to here was acknowledged by the group when we last looked.
    acknowledged_through: Option<Position>,
    next_round: Instant,
    /// Where the search for what others left goes on.
    cursor: Option<Position>,
    backoff: Backoff,
}

struct Ready {
    delivery: Delivery,
    /// Not later than the server said that it is ours.
    since: Instant,
}

#[derive(Serialize)]
struct Recreated<'a> {
    group: &'a str,
    kind: &'a str,
    from: String,
}

#[derive(Serialize)]
struct Trimmed<'a> {
    group: &'a str,
    kind: &'a str,
    n: usize,
    first: String,
    last: String,
}

impl Hand {
    pub(super) fn new() -> Self {
        Hand {
            ready: VecDeque::new(),
            backlog: Some(None),
            was_there: false,
            acknowledged_through: None,
            next_round: Instant::now(),
            cursor: None,
            backoff: Backoff::default(),
        }
    }

    /// Finds the next fact; `None` when the consumer was stopped and nothing is left of what was fetched.
    pub(super) async fn turn(mut hand: Box<Hand>, duty: Arc<Duty>) -> (Box<Hand>, Option<Result<Delivery>>) {
        let found = hand.find(&duty).await;
        (hand, found)
    }

    async fn find(&mut self, duty: &Duty) -> Option<Result<Delivery>> {
        loop {
            let step = match self.hand_out(duty).await {
                Ok(Some(delivery)) => return Some(Ok(delivery)),
                Ok(None) if duty.is_stopping() => return None,
                Ok(None) => self.fetch(duty).await,
                Err(error) => Err(error),
            };
            let mut error = match step {
                Ok(()) => {
                    let failures = self.backoff.reset();
                    if failures > 0 {
                        tracing::info!(target: "papyra", group = %duty.group, failures, "the consumer works again");
                    }
                    continue;
                }
                Err(error) => error,
            };
            // An answer that was lost may have delivered something.
            self.backlog = Some(None);
            if error.kind() == ErrorKind::NotFound {
                match self.recreate(duty).await {
                    Ok(()) => continue,
                    Err(again) => error = again,
                }
            }
            // Whoever is to end does not wait for a server that is away: what was fetched stays pending.
            if duty.is_stopping() {
                return None;
            }
            // Whoever asks again at once does not hurry the server.
            self.rest(duty, &error).await;
            if !is_passing(&error) {
                return Some(Err(error));
            }
        }
    }

    async fn rest(&mut self, duty: &Duty, error: &Error) {
        duty.count(|did| &did.errors, 1);
        let pause = self.backoff.next(chance());
        tracing::warn!(target: "papyra", group = %duty.group, consumer = duty.name, %error, ?pause, "a consumer waits and tries again");
        duty.pause(pause).await;
    }

    /// Something that was fetched before, if it is still ours.
    async fn hand_out(&mut self, duty: &Duty) -> Result<Option<Delivery>> {
        let Some(first) = self.ready.front() else { return Ok(None) };
        if first.since.elapsed() > duty.settings.min_idle / 2 {
            // It has waited here while others were handled: somebody may have claimed it, and would handle it as well.
            let waiting: Vec<Position> = self.ready.iter().map(|ready| ready.delivery.entry.position).collect();
            let began = Instant::now();
            let own = duty.groups()?.hold(&duty.group, &duty.name, &waiting).await?;
            let before = self.ready.len();
            self.ready.retain(|ready| own.contains(&ready.delivery.entry.position));
            duty.count(|did| &did.lost_to_others, (before - self.ready.len()) as u64);
            for ready in &mut self.ready {
                ready.since = began;
            }
        }
        let Some(Ready { delivery, since }) = self.ready.pop_front() else { return Ok(None) };
        duty.in_hand().insert(delivery.entry.position, since);
        duty.count(|did| &did.delivered, 1);
        if delivery.deliveries > 1 {
            duty.count(|did| &did.redelivered, 1);
        }
        Ok(Some(delivery))
    }

    /// One step towards more facts.
    async fn fetch(&mut self, duty: &Duty) -> Result<()> {
        if !self.was_there {
            duty.groups()?.create(&duty.group, duty.settings.start).await?;
            self.was_there = true;
        }
        let now = Instant::now();
        if now >= self.next_round {
            self.round(duty).await?;
            self.next_round = now + (duty.settings.min_idle / 2).clamp(*ROUNDS.start(), *ROUNDS.end());
        }
        if let Some(after) = self.backlog {
            return self.redeliver(duty, after).await;
        }
        let room = duty.settings.max_in_hand.saturating_sub(duty.in_hand().len());
        let until_round = self.next_round.saturating_duration_since(Instant::now());
        if room == 0 {
            // Whoever acknowledges wakes us; what is never acknowledged becomes idle.
            let _ = tokio::time::timeout(until_round.min(duty.settings.block), duty.room.notified()).await;
            return Ok(());
        }
        let block = duty.settings.block.min(until_round).max(Duration::from_millis(1));
        let count = duty.settings.count.min(room);
        let began = Instant::now();
        let delivered = duty.groups()?.read(&duty.group, &duty.name, count, block).await?;
        // Delivered within the wait, but not before it began.
        self.take(duty, delivered, began).await
    }

    /// Looks after the group: what others left, what was acknowledged, who is gone.
    async fn round(&mut self, duty: &Duty) -> Result<()> {
        let groups = duty.groups()?;
        let settings = &duty.settings;
        // What nobody acknowledged for so long is somebody else's by now, or was trimmed.
        let long = settings.min_idle * 2 + MAX_BLOCK;
        duty.in_hand().retain(|_, since| since.elapsed() < long);
        for _ in 0..CLAIMS_A_ROUND {
            let claimed = groups.autoclaim(&duty.group, &duty.name, settings.min_idle, self.cursor, PAGE).await?;
            if !claimed.positions.is_empty() {
                duty.count(|did| &did.claimed, claimed.positions.len() as u64);
                self.backlog = Some(None);
                // Some of it may be our own: handed out, and never acknowledged.
                let mut in_hand = duty.in_hand();
                for position in &claimed.positions {
                    in_hand.remove(position);
                }
            }
            self.cursor = claimed.cursor;
            self.pass_over(duty, &claimed.trimmed).await;
            if self.cursor.is_none() {
                break;
            }
        }
        let states = groups.list(duty.group.kind()).await?;
        let Some(state) = states.into_iter().find(|state| state.group == duty.group) else {
            return Err(duty.group.missing());
        };
        self.acknowledged_through = state.acknowledged_through();
        let silent = |consumer: &&ConsumerState| {
            consumer.pending == 0 && consumer.idle >= settings.forget_after && consumer.name != duty.name
        };
        for consumer in state.consumers.iter().filter(silent) {
            // Somebody may have begun to use the name again at this moment: then it stays.
            match groups.remove_consumer(&duty.group, &consumer.name).await {
                Ok(removed) => duty.count(|did| &did.forgotten, removed.into()),
                Err(error) if error.kind() == ErrorKind::Refused => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Delivers again what is pending with us and in nobody's hands, one page of it.
    async fn redeliver(&mut self, duty: &Duty, after: Option<Position>) -> Result<()> {
        let groups = duty.groups()?;
        let page = groups.pending(&duty.group, &duty.own(after, PAGE)).await?;
        let last = page.last().map(|entry| entry.position);
        let is_last = page.len() < PAGE;
        let loose: Vec<_> = {
            let in_hand = duty.in_hand();
            page.into_iter().filter(|entry| !in_hand.contains_key(&entry.position)).collect()
        };
        let (poison, good): (Vec<_>, Vec<_>) =
            loose.into_iter().partition(|entry| entry.deliveries >= duty.settings.max_deliveries);
        let positions =
            |entries: Vec<PendingEntry>| entries.into_iter().map(|entry| entry.position).collect::<Vec<_>>();
        let (poison, good) = (positions(poison), positions(good));
        if !poison.is_empty() {
            let n = groups.set_aside(&duty.group, &duty.name, SetAside::Deliveries, &poison).await?;
            duty.count(|did| &did.set_aside, n);
            tracing::warn!(target: "papyra", group = %duty.group, n, "facts were delivered too often and set aside");
        }
        if !good.is_empty() {
            let began = Instant::now();
            let delivered = groups.claim(&duty.group, &duty.name, Duration::ZERO, &good).await?;
            self.take(duty, delivered, began).await?;
        }
        self.backlog = if is_last { None } else { Some(last) };
        Ok(())
    }

    async fn take(&mut self, duty: &Duty, delivered: Delivered, since: Instant) -> Result<()> {
        let Delivered { deliveries, damaged, trimmed } = delivered;
        self.ready.extend(deliveries.into_iter().map(|delivery| Ready { delivery, since }));
        self.pass_over(duty, &trimmed).await;
        if !damaged.is_empty() {
            // No worker can handle it, so it must not wait for one.
            let n = duty.groups()?.set_aside(&duty.group, &duty.name, SetAside::Damaged, &damaged).await?;
            duty.count(|did| &did.damaged, n);
            tracing::warn!(target: "papyra", group = %duty.group, n, "entries that are no facts were set aside");
        }
        Ok(())
    }

    /// Entries that are gone: nobody can handle them, and nobody must wait for them.
    async fn pass_over(&mut self, duty: &Duty, trimmed: &[Position]) {
        let (Some(first), Some(last)) = (trimmed.iter().min(), trimmed.iter().max()) else { return };
        let n = trimmed.len();
        duty.count(|did| &did.trimmed, n as u64);
        tracing::warn!(target: "papyra", group = %duty.group, n, %first, %last, "pending entries are not in the log any more");
        let (group, kind) = (duty.group.name(), duty.group.kind().as_str());
        let details = Trimmed { group, kind, n, first: first.to_string(), last: last.to_string() };
        duty.put_on_record("PendingTrimmed", &details).await;
    }

    /// The group is gone: somebody deleted it, or the server lost its data. What the group had acknowledged must not come
    /// again, and what it had not must not be passed over.
    async fn recreate(&mut self, duty: &Duty) -> Result<()> {
        let from = match self.acknowledged_through {
            Some(position) => {
                let newest = ReadOptions::newest_first().kind(duty.group.kind());
                let newest = match duty.log.backend().read(newest).next().await.transpose() {
                    Ok(newest) => newest,
                    Err(error) if error.kind() == ErrorKind::NotFound => None,
                    Err(error) => return Err(error),
                };
                match newest {
                    Some(newest) if newest.position >= position => GroupStart::After(position),
                    // The log ends before what was acknowledged: it went backwards, and what stands in it may be new.
                    _ => GroupStart::Beginning,
                }
            }
            None => duty.settings.start,
        };
        // Nothing is pending in a new group, whatever somebody has in hand.
        duty.in_hand().clear();
        self.cursor = None;
        // Another worker may have been faster.
        if duty.groups()?.create(&duty.group, from).await? && self.was_there {
            duty.count(|did| &did.groups_recreated, 1);
            tracing::warn!(target: "papyra", group = %duty.group, %from, "the consumer group was gone and has been created anew");
            let (group, kind) = (duty.group.name(), duty.group.kind().as_str());
            duty.put_on_record("GroupRecreated", &Recreated { group, kind, from: from.to_string() }).await;
        }
        self.was_there = true;
        Ok(())
    }
}
