//! The room of the queue, in bytes: what makes it bounded, and what crashes and dead letters have to themselves.

use std::ops::AddAssign;

use tokio::sync::{Semaphore, TryAcquireError};

use crate::Fact;

/// The part of the queue, in percent, that only urgent facts may fill.
const RESERVED_PERCENT: usize = 25;

/// Events that explain why a system went down: a flood of other facts must not push them out.
const URGENT_EVENTS: [&str; 6] =
    ["ActorCrashed", "ActorStartFailed", "ActorRestarted", "SupervisionDecision", "PoisonMessage", "ProcessPanicked"];

/// Whether a fact may use the reserved room.
pub(super) fn is_urgent(fact: &Fact) -> bool {
    match fact {
        Fact::DeadLetter(_) => true,
        Fact::Event(event) => URGENT_EVENTS.contains(&event.event_type.as_str()),
        Fact::Audit(_) | Fact::Unknown(_) => false,
    }
}

/// Bytes that nobody else may use until they are given back.
///
/// A semaphore serves those who wait in their turn and gives nothing to latecomers meanwhile, so that a flood of
/// plain facts cannot starve a durable one. Taking without waiting is one atomic operation.
#[derive(Debug)]
pub(super) struct Room {
    common: Semaphore,
    reserve: Semaphore,
    common_bytes: usize,
}

/// What one fact, or several together, take of the room.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Charge {
    common: usize,
    reserve: usize,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoom {
    /// Not now.
    Full,
    /// Never: the fact is larger than the whole room.
    TooLarge,
    /// Never again.
    Closed,
}

impl Room {
    pub(super) fn new(bytes: usize) -> Self {
        let bytes = bytes.min(Semaphore::MAX_PERMITS);
        let reserved = bytes / 100 * RESERVED_PERCENT;
        Room {
            common: Semaphore::new(bytes - reserved),
            reserve: Semaphore::new(reserved),
            common_bytes: bytes - reserved,
        }
    }

    /// Takes room if there is any.
    pub(super) fn try_take(&self, bytes: usize, urgent: bool) -> Result<Charge, NoRoom> {
        let permits = self.permits(bytes)?;
        match self.common.try_acquire_many(permits) {
            Ok(permit) => {
                permit.forget();
                Ok(Charge { common: bytes, reserve: 0 })
            }
            Err(TryAcquireError::Closed) => Err(NoRoom::Closed),
            Err(TryAcquireError::NoPermits) if !urgent => Err(NoRoom::Full),
            Err(TryAcquireError::NoPermits) => match self.reserve.try_acquire_many(permits) {
                Ok(permit) => {
                    permit.forget();
                    Ok(Charge { common: 0, reserve: bytes })
                }
                Err(TryAcquireError::Closed) => Err(NoRoom::Closed),
                Err(TryAcquireError::NoPermits) => Err(NoRoom::Full),
            },
        }
    }

    /// Waits for room. Dropping the future takes nothing.
    pub(super) async fn take(&self, bytes: usize, urgent: bool) -> Result<Charge, NoRoom> {
        match self.try_take(bytes, urgent) {
            Err(NoRoom::Full) => {}
            taken => return taken,
        }
        let permit = self.common.acquire_many(self.permits(bytes)?).await.map_err(|_| NoRoom::Closed)?;
        permit.forget();
        Ok(Charge { common: bytes, reserve: 0 })
    }

    fn permits(&self, bytes: usize) -> Result<u32, NoRoom> {
        u32::try_from(bytes).ok().filter(|_| bytes <= self.common_bytes).ok_or(NoRoom::TooLarge)
    }

    pub(super) fn give_back(&self, charge: Charge) {
        self.common.add_permits(charge.common);
        self.reserve.add_permits(charge.reserve);
    }

    /// Nobody gets room any more; those who wait for it are told.
    pub(super) fn close(&self) {
        self.common.close();
        self.reserve.close();
    }
}

impl AddAssign for Charge {
    fn add_assign(&mut self, other: Charge) {
        self.common += other.common;
        self.reserve += other.reserve;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Audit, DeadLetter, Event};

    #[test]
    fn the_last_quarter_is_for_urgent_facts() {
        let room = Room::new(1000);
        room.try_take(750, false).unwrap();
        assert_eq!(room.try_take(1, false).unwrap_err(), NoRoom::Full);
        let urgent = room.try_take(250, true).unwrap();
        assert_eq!(room.try_take(1, true).unwrap_err(), NoRoom::Full);
        room.give_back(urgent);
        assert_eq!(room.try_take(1, false).unwrap_err(), NoRoom::Full);
        room.try_take(250, true).unwrap();
    }

    #[test]
    fn what_can_never_fit_does_not_wait() {
        let room = Room::new(1000);
        assert_eq!(room.try_take(751, true).unwrap_err(), NoRoom::TooLarge);
        assert_eq!(room.try_take(usize::MAX, false).unwrap_err(), NoRoom::TooLarge);
        room.close();
        assert_eq!(room.try_take(1, true).unwrap_err(), NoRoom::Closed);
    }

    #[test]
    fn crashes_supervision_and_dead_letters_are_urgent() {
        for urgent in URGENT_EVENTS {
            assert!(is_urgent(&Event::new("a://1", urgent).into()));
        }
        assert!(is_urgent(&DeadLetter::new("a://1", "M").into()));
        assert!(!is_urgent(&Event::new("a://1", "ActorStarted").into()));
        assert!(!is_urgent(&Audit::new("a").into()));
    }
}
