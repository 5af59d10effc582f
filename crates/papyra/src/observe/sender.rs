//! Tokio's channels, observed: what cannot be sent is a dead letter.

use std::{any::type_name, fmt, ops::Deref, time::Duration};

use tokio::sync::mpsc::{
    Sender, UnboundedSender,
    error::{SendError, SendTimeoutError, TrySendError},
};

use super::{Observation, WeakObservation};
use crate::{ActorAddress, Payload, Why};

impl Observation {
    /// The sending half of a bounded channel to the task of this name, made to record as dead letters what it cannot send.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// # use papyra::{Log, Recorder, observe::Observation};
    /// # let recorder = Recorder::start(Log::memory())?;
    /// # let observation = Observation::of(&recorder).start();
    /// let (sender, receiver) = tokio::sync::mpsc::channel(1);
    /// let sender = observation.sender("importer", sender);
    /// sender.try_send("first")?;
    /// assert!(sender.try_send("second").is_err()); // a dead letter with why `mailbox_full`
    /// drop(receiver);
    /// assert_eq!(sender.send("third").await.unwrap_err().0, "third"); // and one with why `stopped`
    /// # drop(observation);
    /// # assert_eq!(recorder.shutdown(std::time::Duration::from_secs(5)).await.written, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sender<T>(&self, name: &str, sender: Sender<T>) -> ObservedSender<T> {
        ObservedSender { sender, letters: Letters::new(self, name) }
    }

    /// The sending half of an unbounded channel to the task of this name; like [`sender`](Observation::sender).
    pub fn unbounded_sender<T>(&self, name: &str, sender: UnboundedSender<T>) -> ObservedUnboundedSender<T> {
        ObservedUnboundedSender { sender, letters: Letters::new(self, name) }
    }
}

/// A tokio [`Sender`], by deref, whose sending functions record a dead letter for what they could not send. Errors are
/// tokio's own, with the message in them.
///
/// A send that is cancelled is no dead letter, nor is what the receiver leaves behind in the channel: nobody is told of
/// either.
pub struct ObservedSender<T> {
    sender: Sender<T>,
    letters: Letters<T>,
}

impl<T> ObservedSender<T> {
    /// Makes payloads for the dead letters, if the observation wants
    /// [`payloads`](super::ObservationBuilder::payloads).
    #[must_use]
    pub fn with_payload(mut self, payload: fn(&T) -> Payload) -> Self {
        self.letters.payload = Some(payload);
        self
    }

    /// Waits for room and sends.
    ///
    /// # Errors
    /// Tokio's own: the receiver is gone.
    ///
    /// # Cancel safety
    /// Tokio's own: a dropped future has not sent the message, and records nothing.
    pub async fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.sender.send(message).await.inspect_err(|SendError(message)| self.letters.record(message, Why::Stopped))
    }

    /// Sends if there is room.
    ///
    /// # Errors
    /// Tokio's own: there is no room, or the receiver is gone.
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.sender.try_send(message).inspect_err(|error| match error {
            TrySendError::Full(message) => self.letters.record(message, Why::MailboxFull),
            TrySendError::Closed(message) => self.letters.record(message, Why::Stopped),
        })
    }

    /// Waits for room for so long, and sends.
    ///
    /// # Errors
    /// Tokio's own: there was no room in time, or the receiver is gone.
    ///
    /// # Cancel safety
    /// Like that of [`send`](ObservedSender::send).
    pub async fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.sender.send_timeout(message, timeout).await.inspect_err(|error| match error {
            SendTimeoutError::Timeout(message) => self.letters.record(message, Why::Timeout),
            SendTimeoutError::Closed(message) => self.letters.record(message, Why::Stopped),
        })
    }

    /// Waits for room and sends, from code that is not asynchronous.
    ///
    /// # Errors
    /// Tokio's own: the receiver is gone.
    ///
    /// # Panics
    /// As tokio's does, within a runtime.
    pub fn blocking_send(&self, message: T) -> Result<(), SendError<T>> {
        self.sender.blocking_send(message).inspect_err(|SendError(message)| self.letters.record(message, Why::Stopped))
    }
}

/// A tokio [`UnboundedSender`], by deref; like [`ObservedSender`].
pub struct ObservedUnboundedSender<T> {
    sender: UnboundedSender<T>,
    letters: Letters<T>,
}

impl<T> ObservedUnboundedSender<T> {
    /// Makes payloads for the dead letters, if the observation wants
    /// [`payloads`](super::ObservationBuilder::payloads).
    #[must_use]
    pub fn with_payload(mut self, payload: fn(&T) -> Payload) -> Self {
        self.letters.payload = Some(payload);
        self
    }

    /// Sends.
    ///
    /// # Errors
    /// Tokio's own: the receiver is gone.
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.sender.send(message).inspect_err(|SendError(message)| self.letters.record(message, Why::Stopped))
    }
}

/// What makes a dead letter of a message.
struct Letters<T> {
    observation: WeakObservation,
    target: ActorAddress,
    payload: Option<fn(&T) -> Payload>,
}

impl<T> Letters<T> {
    fn new(observation: &Observation, name: &str) -> Self {
        Letters { observation: observation.downgrade(), target: observation.address(name), payload: None }
    }

    fn record(&self, message: &T, why: Why) {
        if let Some(observation) = self.observation.upgrade() {
            let payload = || self.payload.map(|payload| payload(message));
            observation.dead_letter(&self.target, type_name::<T>(), why, payload);
        }
    }
}

impl<T> Deref for ObservedSender<T> {
    type Target = Sender<T>;

    fn deref(&self) -> &Sender<T> {
        &self.sender
    }
}

impl<T> Deref for ObservedUnboundedSender<T> {
    type Target = UnboundedSender<T>;

    fn deref(&self) -> &UnboundedSender<T> {
        &self.sender
    }
}

impl<T> Clone for ObservedSender<T> {
    fn clone(&self) -> Self {
        ObservedSender { sender: self.sender.clone(), letters: self.letters.clone() }
    }
}

impl<T> Clone for ObservedUnboundedSender<T> {
    fn clone(&self) -> Self {
        ObservedUnboundedSender { sender: self.sender.clone(), letters: self.letters.clone() }
    }
}

impl<T> Clone for Letters<T> {
    fn clone(&self) -> Self {
        Letters { observation: self.observation.clone(), target: self.target.clone(), payload: self.payload }
    }
}

impl<T> fmt::Debug for ObservedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ObservedSender").field(&self.letters.target).finish()
    }
}

impl<T> fmt::Debug for ObservedUnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ObservedUnboundedSender").field(&self.letters.target).finish()
    }
}
