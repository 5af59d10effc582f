//! Batches on their way: several at once on one connection, answered in the order in which they were sent.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

use redis::{RedisError, Value};

/// How many batches may be on their way.
pub(super) const WINDOW: usize = 8;

/// What came of a batch: the answers to its commands.
pub(super) type Landed = Result<Vec<Value>, RedisError>;

type Flight = Pin<Box<dyn Future<Output = Landed> + Send>>;

/// What is on its way, oldest first.
#[derive(Default)]
pub(super) struct Flights(VecDeque<Slot>);

enum Slot {
    Flying(Flight),
    Landed(Landed),
}

impl Flights {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        self.len() < WINDOW
    }

    /// Sends one more. It is polled at once, so that it is handed to the connection before the next one is.
    pub(super) async fn launch(&mut self, flight: impl Future<Output = Landed> + Send + 'static) {
        let mut flight: Flight = Box::pin(flight);
        let slot = match poll_fn(|cx| Poll::Ready(flight.as_mut().poll(cx))).await {
            Poll::Ready(landed) => Slot::Landed(landed),
            Poll::Pending => Slot::Flying(flight),
        };
        self.0.push_back(slot);
    }

    /// Waits for the oldest. Never ends if nothing is on its way.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(super) async fn oldest(&mut self) -> Landed {
        let landed = poll_fn(|cx| match self.0.front_mut() {
            None => Poll::Pending,
            Some(Slot::Flying(flight)) => flight.as_mut().poll(cx),
            Some(Slot::Landed(landed)) => Poll::Ready(landed.clone()),
        });
        let landed = landed.await;
        self.0.pop_front();
        landed
    }

    /// Nobody waits for any of them any more.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}
