//! A reference to an actor that notices what cannot be delivered.

use std::ops::Deref;

use kameo::{
    Actor,
    actor::ActorRef,
    error::SendError,
    message::Message,
    request::{AskRequest, TellRequest, WithoutRequestTimeout},
};
use papyra::{ActorAddress, Payload, Why, observe::WeakObservation};

use crate::Request;

/// A kameo [`ActorRef`], by deref, whose [`tell`](ObservedRef::tell) and [`ask`](ObservedRef::ask) record a dead letter for
/// a message that the actor did not take, or did not answer. The error is kameo's own, with the message in it.
pub struct ObservedRef<A: Actor> {
    actor: ActorRef<A>,
    address: ActorAddress,
    observation: WeakObservation,
}

impl<A: Actor> ObservedRef<A> {
    pub(crate) fn new(actor: ActorRef<A>, address: ActorAddress, observation: WeakObservation) -> Self {
        ObservedRef { actor, address, observation }
    }

    /// kameo's `tell`: sends a message and does not wait for an answer.
    #[track_caller]
    pub fn tell<M>(&self, message: M) -> Request<'_, A, M, TellRequest<'_, A, M, WithoutRequestTimeout>>
    where
        A: Message<M>,
        M: Send + 'static,
    {
        Request::new(self, self.actor.tell(message))
    }

    /// kameo's `ask`: sends a message and waits for the answer.
    #[track_caller]
    pub fn ask<M>(
        &self,
        message: M,
    ) -> Request<'_, A, M, AskRequest<'_, A, M, WithoutRequestTimeout, WithoutRequestTimeout>>
    where
        A: Message<M>,
        M: Send + 'static,
    {
        Request::new(self, self.actor.ask(message))
    }

    /// Records a dead letter if this is the failure of a message to this actor, and gives it back unchanged. For ways to send
    /// that [`Request`] does not have: `orders.observe(orders.as_ref().ask(message).blocking_send())`.
    pub fn observe<M, T, E>(&self, sent: Result<T, SendError<M, E>>) -> Result<T, SendError<M, E>>
    where
        A: Message<M>,
        M: Send + 'static,
    {
        self.note(sent, None)
    }

    #[inline]
    pub(crate) fn note<M, T, E>(
        &self,
        sent: Result<T, SendError<M, E>>,
        payload: Option<fn(&M) -> Payload>,
    ) -> Result<T, SendError<M, E>>
    where
        A: Message<M>,
        M: Send + 'static,
    {
        if let Err(error) = &sent {
            self.record(error, <A as Message<M>>::name(), payload);
        }
        sent
    }

    #[cold]
    fn record<M, E>(&self, error: &SendError<M, E>, message_type: &str, payload: Option<fn(&M) -> Payload>) {
        let (why, message) = match error {
            SendError::ActorNotRunning(message) => (Why::Stopped, Some(message)),
            // It stopped while somebody waited for its answer.
            SendError::ActorStopped => (Why::Stopped, None),
            SendError::ActorRestarting(message) => (Why::Other("restarting".to_owned()), Some(message)),
            SendError::MailboxFull(message) => (Why::MailboxFull, Some(message)),
            SendError::Timeout(message) => (Why::Timeout, message.as_ref()),
            // An answer, if not the one that was hoped for.
            SendError::HandlerError(_) => return,
        };
        if let Some(observation) = self.observation.upgrade() {
            observation.dead_letter(&self.address, message_type, why, || Some(payload?(message?)));
        }
    }
}

impl<A: Actor> AsRef<ActorRef<A>> for ObservedRef<A> {
    fn as_ref(&self) -> &ActorRef<A> {
        &self.actor
    }
}

impl<A: Actor> Deref for ObservedRef<A> {
    type Target = ActorRef<A>;

    fn deref(&self) -> &ActorRef<A> {
        &self.actor
    }
}

impl<A: Actor> From<ObservedRef<A>> for ActorRef<A> {
    fn from(observed: ObservedRef<A>) -> Self {
        observed.actor
    }
}

impl<A: Actor> Clone for ObservedRef<A> {
    fn clone(&self) -> Self {
        ObservedRef { actor: self.actor.clone(), address: self.address.clone(), observation: self.observation.clone() }
    }
}

impl<A: Actor> std::fmt::Debug for ObservedRef<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.actor.fmt(f)
    }
}
