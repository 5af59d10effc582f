//! What a consumer and its handles share: whom it works for, and which facts are in somebody's hands.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::sync::{Notify, watch};

use super::{
    Leave,
    backoff::{Backoff, chance},
    builder::Settings,
};
use crate::{
    ConsumerGroups, Error, ErrorKind, Event, Group, Log, Payload, PendingOptions, Position, Result,
    groups::MAX_BATCH,
    metrics::{Consumed, Counter},
};

/// The address of what Papyra itself has to say.
const OWN_ADDRESS: &str = "papyra://log";

pub(super) struct Duty {
    pub(super) log: Log,
    pub(super) group: Group,
    pub(super) name: String,
    pub(super) settings: Settings,
    pub(super) tally: Consumed,
    pub(super) stop: watch::Sender<Option<Leave>>,
    /// Facts that were handed out and not acknowledged, and when that was.
    in_hand: Mutex<HashMap<Position, Instant>>,
    /// Room came into the hands.
    pub(super) room: Notify,
}

impl Duty {
    pub(super) fn new(
        log: Log,
        group: Group,
        name: String,
        settings: Settings,
        stop: watch::Sender<Option<Leave>>,
    ) -> Self {
        // From now on they are shown, too.
        log.counters().consumers();
        let (tally, in_hand, room) = (Consumed::default(), Mutex::default(), Notify::new());
        Duty { log, group, name, settings, tally, stop, in_hand, room }
    }

    /// Counts what this consumer did, for itself and for its log.
    pub(super) fn count(&self, which: fn(&Consumed) -> &Counter, n: u64) {
        which(&self.tally).add(n);
        which(self.log.counters().consumers()).add(n);
    }

    pub(super) fn groups(&self) -> Result<&dyn ConsumerGroups> {
        self.log.consumer_groups()
    }

    pub(super) fn in_hand(&self) -> MutexGuard<'_, HashMap<Position, Instant>> {
        // A panic cannot leave it half-changed: each change is one insert or remove.
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn ack(&self, positions: &[Position]) -> Result<u64> {
        let mut acknowledged = 0;
        for batch in positions.chunks(MAX_BATCH) {
            let mut patience = Patience::new(self);
            acknowledged += loop {
                match self.groups()?.ack(&self.group, batch).await {
                    Ok(n) => break n,
                    Err(error) => patience.wait(error).await?,
                }
            };
            // Only now: until the server knows, a look at what is pending must still find them in somebody's hands.
            let mut in_hand = self.in_hand();
            for position in batch {
                in_hand.remove(position);
            }
        }
        self.count(|did| &did.acknowledged, acknowledged);
        self.room.notify_one();
        Ok(acknowledged)
    }

    pub(super) async fn hold(&self, positions: &[Position]) -> Result<Vec<Position>> {
        let mut own = Vec::with_capacity(positions.len());
        for batch in positions.chunks(MAX_BATCH) {
            let mut patience = Patience::new(self);
            let (began, held) = loop {
                let began = Instant::now();
                match self.groups()?.hold(&self.group, &self.name, batch).await {
                    Ok(held) => break (began, held),
                    Err(error) => patience.wait(error).await?,
                }
            };
            let mut in_hand = self.in_hand();
            for position in &held {
                if let Some(since) = in_hand.get_mut(position) {
                    *since = began;
                }
            }
            own.extend(held);
        }
        Ok(own)
    }

    /// Removes the consumer from its group if nothing is pending with it. `false` if something is.
    pub(super) async fn retire(&self) -> Result<bool> {
        let mut patience = Patience::new(self);
        loop {
            match self.groups()?.remove_consumer(&self.group, &self.name).await {
                Ok(_) => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Refused => return Ok(false),
                // A group that is gone has no consumers.
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
                Err(error) => patience.wait(error).await?,
            }
        }
    }

    /// Puts on record what happened to the group, so that it is not only in somebody's terminal. Whoever may not write to the
    /// log has said it in the program's own log.
    pub(super) async fn put_on_record(&self, what: &str, details: &impl Serialize) {
        let event = Event::new(OWN_ADDRESS, what).with_payload(Payload::of(details));
        if let Err(error) = self.log.append(&[event.into()]).await {
            tracing::warn!(target: "papyra", what, %error, "cannot put on record what happened to a consumer group");
        }
    }

    /// One page of what is pending with this consumer.
    pub(super) fn own(&self, after: Option<Position>, count: usize) -> PendingOptions {
        PendingOptions::of(&self.name).after(after).count(count)
    }

    /// Waits, unless the consumer is stopped meanwhile.
    pub(super) async fn pause(&self, pause: Duration) {
        let mut stop = self.stop.subscribe();
        // That time is over is what usually happens.
        let _ = tokio::time::timeout(pause, stop.wait_for(Option::is_some)).await;
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop.borrow().is_some()
    }
}

/// Whether an error goes away by itself.
pub(super) fn is_passing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Io)
}

/// How long one call is tried again.
struct Patience<'a> {
    duty: &'a Duty,
    began: Instant,
    backoff: Backoff,
}

impl<'a> Patience<'a> {
    fn new(duty: &'a Duty) -> Self {
        Patience { duty, began: Instant::now(), backoff: Backoff::default() }
    }

    /// Waits before the next try; gives the error back if there shall be none.
    async fn wait(&mut self, error: Error) -> Result<()> {
        if !is_passing(&error) {
            return Err(error);
        }
        self.duty.count(|did| &did.errors, 1);
        let pause = self.backoff.next(chance());
        if self.began.elapsed() + pause > self.duty.settings.patience {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }
}
