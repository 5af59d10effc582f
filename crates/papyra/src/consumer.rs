//! A worker of a consumer group that runs for months.

mod backoff;
mod builder;
mod duty;
mod hand;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use futures_core::Stream;

use crate::{Delivery, Position, Result, metrics::ConsumerSnapshot};

pub use builder::ConsumerBuilder;
use duty::Duty;
use hand::Hand;

/// A worker of a consumer group: an endless stream of facts, each of which it has to acknowledge.
///
/// It creates the group if there is none, first gets again what it left unacknowledged in an earlier life, claims what
/// others left behind, and then waits for new facts, on a connection of its own. While the server is away it tries again
/// and again, ever more seldom and never all workers at once. A fact that was delivered too often is set aside among the
/// dead entries; one that retention took away is passed over and counted.
///
/// Each fact of the group is handled at least once. A fact may come twice: if a worker dies between handling and
/// acknowledging, or takes longer than [`min_idle`](ConsumerBuilder::min_idle) without saying [`hold`](Self::hold).
///
/// ```no_run
/// # async fn example() -> papyra::Result<()> {
/// use papyra::{Consumer, Group, Kind};
///
/// let log = papyra::open("redis://localhost:6379/0?prefix=papyra&system=prod").await?;
/// let mut consumer = Consumer::builder(&log, Group::new(Kind::Event, "mailers"), "mailer-1").open()?;
/// while let Some(delivery) = consumer.next().await {
///     let delivery = delivery?;
///     println!("{}", delivery.entry.fact.to_json());
///     consumer.ack(&[delivery.entry.position]).await?;
/// }
/// # Ok(()) }
/// ```
///
/// An error that the stream gives is one that a person must look at, such as a missing permission; whoever asks for the
/// next fact all the same tries again.
///
/// Must be polled within a tokio runtime with timers.
pub struct Consumer {
    duty: Arc<Duty>,
    turn: Turn,
    /// Comes true when the stream has to end at once.
    leaving: Alone<()>,
}

/// A future that nobody but its owner polls. The lock is never waited for: it makes the consumer `Sync`, so that a task may
/// acknowledge through a reference to it.
struct Alone<T>(Mutex<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T> Alone<T> {
    fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Alone(Mutex::new(Box::pin(future)))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(cx)
    }
}

/// Who moves the consumer's state at the moment.
enum Turn {
    /// Nobody.
    Idle(Box<Hand>),
    /// The search for the next fact. It stays here when the future of a `next` is dropped, so that nothing it found is lost.
    Busy(Alone<(Box<Hand>, Option<Result<Delivery>>)>),
    Ended,
}

/// How a consumer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// What was fetched already still comes, within the time that one read waits; then the stream ends.
    Finish,
    /// The stream ends at once. What was fetched stays pending: it comes again to a worker of the same name, or after
    /// [`min_idle`](ConsumerBuilder::min_idle) to another.
    Now,
}

/// What a consumer left when it was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerEnd {
    /// Whether entries are still pending with it. If there were none it was removed from the group.
    pub has_pending: bool,
}

/// Acknowledges, and stops, from anywhere while the consumer itself is read: cheap to clone.
#[derive(Clone)]
pub struct ConsumerHandle(Arc<Duty>);

impl Consumer {
    fn start(duty: Duty) -> Self {
        let mut stop = duty.stop.subscribe();
        Consumer {
            turn: Turn::Idle(Box::new(Hand::new())),
            duty: Arc::new(duty),
            leaving: Alone::new(async move {
                // The sender lives as long as the consumer, so an error cannot come.
                let _ = stop.wait_for(|leave| *leave == Some(Leave::Now)).await;
            }),
        }
    }

    /// The next fact; `None` once the consumer was stopped.
    ///
    /// # Cancel safety
    /// Dropping the future loses no fact.
    pub async fn next(&mut self) -> Option<Result<Delivery>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Acknowledges facts; see [`ConsumerHandle::ack`].
    ///
    /// # Errors
    /// Those of [`ConsumerHandle::ack`].
    pub async fn ack(&self, positions: &[Position]) -> Result<u64> {
        self.duty.ack(positions).await
    }

    /// Says that work on these facts goes on; see [`ConsumerHandle::hold`].
    ///
    /// # Errors
    /// Those of [`ConsumerHandle::hold`].
    pub async fn hold(&self, positions: &[Position]) -> Result<Vec<Position>> {
        self.duty.hold(positions).await
    }

    /// What acknowledges and stops from elsewhere.
    pub fn handle(&self) -> ConsumerHandle {
        ConsumerHandle(Arc::clone(&self.duty))
    }

    /// What this consumer did so far. [`Log::metrics`](crate::Log::metrics) has the sums over all consumers of the log.
    pub fn metrics(&self) -> ConsumerSnapshot {
        self.duty.tally.snapshot()
    }

    /// Ends the consumer. If nothing is pending with it, it is removed from its group; otherwise it stays, for what is
    /// pending with a removed consumer is lost to everybody.
    ///
    /// # Errors
    /// If the server cannot be asked: nothing is lost by that.
    pub async fn close(mut self) -> Result<ConsumerEnd> {
        self.turn = Turn::Ended;
        Ok(ConsumerEnd { has_pending: !self.duty.retire().await? })
    }
}

impl ConsumerHandle {
    /// Acknowledges facts that were handled: they are pending no more. Gives how many were pending. While the server is away
    /// it tries again, up to [`ConsumerBuilder::patience`]; acknowledging twice does no harm.
    ///
    /// # Errors
    /// `Unavailable` when the patience is over: the facts stay pending, and will come again.
    pub async fn ack(&self, positions: &[Position]) -> Result<u64> {
        self.0.ack(positions).await
    }

    /// Says that work on these facts goes on, so that nobody claims them for another
    /// [`min_idle`](ConsumerBuilder::min_idle). Gives those that are still this consumer's own: what is missing has been
    /// claimed by somebody else, who will handle it.
    ///
    /// # Errors
    /// As [`ack`](Self::ack).
    pub async fn hold(&self, positions: &[Position]) -> Result<Vec<Position>> {
        self.0.hold(positions).await
    }

    /// Ends the stream.
    pub fn stop(&self, leave: Leave) {
        // Whoever leaves at once does not come back to finish.
        self.0.stop.send_if_modified(|wish| {
            let changes = *wish != Some(Leave::Now) && *wish != Some(leave);
            if changes {
                *wish = Some(leave);
            }
            changes
        });
    }

    /// What the consumer did so far.
    pub fn metrics(&self) -> ConsumerSnapshot {
        self.0.tally.snapshot()
    }
}

impl Stream for Consumer {
    type Item = Result<Delivery>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if !matches!(this.turn, Turn::Ended) && this.leaving.poll(cx).is_ready() {
            this.turn = Turn::Ended;
        }
        loop {
            match &mut this.turn {
                Turn::Ended => return Poll::Ready(None),
                Turn::Idle(_) => {
                    if let Turn::Idle(hand) = std::mem::replace(&mut this.turn, Turn::Ended) {
                        this.turn = Turn::Busy(Alone::new(Hand::turn(hand, Arc::clone(&this.duty))));
                    }
                }
                Turn::Busy(busy) => {
                    let (hand, found) = ready!(busy.poll(cx));
                    this.turn = if found.is_some() { Turn::Idle(hand) } else { Turn::Ended };
                    return Poll::Ready(found);
                }
            }
        }
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("group", &self.duty.group)
            .field("name", &self.duty.name)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ConsumerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerHandle")
            .field("group", &self.0.group)
            .field("name", &self.0.name)
            .finish_non_exhaustive()
    }
}
