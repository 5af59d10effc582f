//! A reference to an actor that notices what cannot be delivered.

use std::{any::type_name, ops::Deref, sync::Weak};

use papyra::Why;
use ractor::{ActorRef, Message, MessagingErr};

use crate::observer::Sight;

/// A ractor [`ActorRef`], by deref, whose [`cast`](ObservedRef::cast) and [`send_message`](ObservedRef::send_message) record
/// a dead letter for a message that the actor did not take. The error is ractor's own, with the message in it.
///
/// The dead letter holds the message's type, not the message.
pub struct ObservedRef<M> {
    actor: ActorRef<M>,
    sight: Weak<Sight>,
}

impl<M: Message> ObservedRef<M> {
    pub(crate) fn new(actor: ActorRef<M>, sight: Weak<Sight>) -> Self {
        ObservedRef { actor, sight }
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
        if let Err(error) = &sent
            && let Some(sight) = self.sight.upgrade()
        {
            let why = match error {
                MessagingErr::SendErr(_) | MessagingErr::ChannelClosed => Why::Stopped,
                // A reference that was made from the cell of an actor with other messages.
                MessagingErr::InvalidActorType => Why::Other("wrong_message_type".to_owned()),
            };
            sight.observation.dead_letter(&sight.address_of(&self.actor), type_name::<M>(), why, || None);
        }
        sent
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
        ObservedRef { actor: self.actor.clone(), sight: self.sight.clone() }
    }
}

impl<M> std::fmt::Debug for ObservedRef<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.actor.fmt(f)
    }
}
