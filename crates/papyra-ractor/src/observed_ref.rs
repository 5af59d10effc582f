//! A reference to an actor that notices what cannot be delivered.

use std::{
    any::type_name,
    fmt,
    ops::Deref,
    sync::{Arc, Weak},
};

use papyra::{Payload, Why, observe::Mailbox};
use ractor::{ActorRef, Message, MessagingErr};

use crate::{sight::Sight, trail::Trail};

/// A ractor [`ActorRef`], by deref, whose own functions record a dead letter for a message that the actor did not take, or
/// did not answer in time. The error is ractor's own, with the message in it.
///
/// It also counts what the actor accepts, so that what is left in the mailbox at the actor's end can be told. What is
/// sent in another way (a plain `ActorRef`, ractor's `get_derived` or `multi_call`) is neither recorded nor counted.
///
/// The dead letter holds the message's type, not the message: see [`with_payloads`](ObservedRef::with_payloads).
pub struct ObservedRef<M> {
    actor: ActorRef<M>,
    sight: Weak<Sight>,
    /// `None` for an actor that is not wrapped.
    trail: Option<Arc<Trail>>,
    payload_of: fn(&M) -> Option<Payload>,
}

impl<M: Message> ObservedRef<M> {
    /// If the actor's trail is not at hand, the roster may know it.
    pub(crate) fn new(actor: ActorRef<M>, sight: &Weak<Sight>, trail: Option<Arc<Trail>>) -> Self {
        let id = actor.get_id();
        let known = || sight.upgrade()?.roster.with(id, |known| known.trail.clone())?;
        ObservedRef { actor, sight: sight.clone(), trail: trail.or_else(known), payload_of: |_| None }
    }

    /// The same observer's reference to another actor.
    pub(crate) fn beside<N: Message>(&self, other: &ActorRef<N>) -> ObservedRef<N> {
        ObservedRef::new(other.clone(), &self.sight, None)
    }

    /// Has dead letters of this reference hold the message, as this function renders it, if the observation has a hook for
    /// payloads; the hook sees it before anything is recorded.
    #[must_use]
    pub fn with_payloads(mut self, payload_of: fn(&M) -> Option<Payload>) -> Self {
        self.payload_of = payload_of;
        self
    }

    /// Sends a message and does not wait for an answer.
    ///
    /// # Errors
    /// ractor's own: the actor has stopped, is stopping or draining, or takes no messages of this type.
    pub fn cast(&self, message: M) -> Result<(), MessagingErr<M>> {
        self.send_message(message)
    }

    /// The same as [`cast`](ObservedRef::cast).
    ///
    /// # Errors
    /// The same as those of [`cast`](ObservedRef::cast).
    pub fn send_message(&self, message: M) -> Result<(), MessagingErr<M>> {
        let sent = self.actor.send_message(message);
        match &sent {
            Ok(()) => self.left_behind(Mailbox::accepted),
            Err(MessagingErr::SendErr(message)) => {
                self.left_behind(Mailbox::refused);
                self.lost(Why::Stopped, Some(message));
            }
            Err(MessagingErr::ChannelClosed) => self.lost(Why::Stopped, None),
            // A reference that was made from the cell of an actor with other messages.
            Err(MessagingErr::InvalidActorType) => self.lost(Why::Other("wrong_message_type".to_owned()), None),
        }
        sent
    }

    /// Records messages that were left behind after their actor's end was recorded.
    fn left_behind(&self, ask: fn(&Mailbox) -> u64) {
        if let Some(trail) = &self.trail
            && let left @ 1.. = ask(&trail.mailbox)
            && let Some(sight) = self.sight.upgrade()
        {
            sight.left_behind(&sight.address_of(&self.actor), trail.message_type, left);
        }
    }

    /// Records a message that the actor did not get, or did not answer.
    pub(crate) fn lost(&self, why: Why, message: Option<&M>) {
        if let Some(sight) = self.sight.upgrade() {
            let payload = || message.and_then(self.payload_of);
            sight.observation.dead_letter(&sight.address_of(&self.actor), type_name::<M>(), why, payload);
        }
    }
}

impl<M> Deref for ObservedRef<M> {
    type Target = ActorRef<M>;

    fn deref(&self) -> &ActorRef<M> {
        &self.actor
    }
}

impl<M> From<ObservedRef<M>> for ActorRef<M> {
    fn from(observed: ObservedRef<M>) -> Self {
        observed.actor
    }
}

impl<M> Clone for ObservedRef<M> {
    fn clone(&self) -> Self {
        let ObservedRef { actor, sight, trail, payload_of } = self;
        ObservedRef { actor: actor.clone(), sight: sight.clone(), trail: trail.clone(), payload_of: *payload_of }
    }
}

impl<M> fmt::Debug for ObservedRef<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.actor.fmt(f)
    }
}
