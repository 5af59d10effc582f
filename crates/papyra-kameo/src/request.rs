//! kameo's requests, observed.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use kameo::{
    Actor,
    error::SendError,
    message::Message,
    reply::Reply,
    request::{AskRequest, TellRequest, WithRequestTimeout, WithoutRequestTimeout},
};
use papyra::Payload;
use serde::Serialize;

use crate::ObservedRef;

/// kameo's [`TellRequest`] or [`AskRequest`] to an observed actor: await it, or send it in one of kameo's other ways. A
/// message that comes back, or an answer that does not, leaves a dead letter.
#[derive(Debug)]
#[must_use = "a request is not sent before it is awaited, or one of its sending functions is called"]
pub struct Request<'a, A: Actor, M, R> {
    to: &'a ObservedRef<A>,
    request: R,
    payload: Option<fn(&M) -> Payload>,
}

impl<'a, A: Actor, M, R> Request<'a, A, M, R> {
    pub(crate) fn new(to: &'a ObservedRef<A>, request: R) -> Self {
        Request { to, request, payload: None }
    }

    /// If the message comes back, offers it to the observer's
    /// [hook for payloads](papyra::observe::ObservationBuilder::payloads). Without that hook it is not even looked at.
    pub fn with_payload(mut self) -> Self
    where
        M: Serialize,
    {
        self.payload = Some(Payload::of);
        self
    }

    fn map<Q>(self, change: impl FnOnce(R) -> Q) -> Request<'a, A, M, Q> {
        Request { to: self.to, request: change(self.request), payload: self.payload }
    }
}

impl<'a, A: Actor + Message<M>, M: Send + 'static, Tm> Request<'a, A, M, TellRequest<'a, A, M, Tm>> {
    /// Sends the message: waits for room in a bounded mailbox. To await the request is the same, with one allocation more.
    ///
    /// # Errors
    /// kameo's own.
    pub async fn send(self) -> Result<(), SendError<M>>
    where
        Tm: Into<Option<Duration>>,
    {
        let sent = self.request.send().await;
        self.to.note(sent, self.payload)
    }

    /// How long to wait at most for room in a bounded mailbox.
    pub fn mailbox_timeout(self, timeout: Duration) -> Request<'a, A, M, TellRequest<'a, A, M, WithRequestTimeout>> {
        self.map(|request| request.mailbox_timeout(timeout))
    }
}

impl<'a, A: Actor + Message<M>, M: Send + 'static> Request<'a, A, M, TellRequest<'a, A, M, WithoutRequestTimeout>> {
    /// Sends the message if there is room.
    ///
    /// # Errors
    /// kameo's own.
    pub fn try_send(self) -> Result<(), SendError<M>> {
        self.to.note(self.request.try_send(), self.payload)
    }

    /// Sends the message from outside of any runtime; holds up the thread until there is room.
    ///
    /// # Errors
    /// kameo's own.
    pub fn blocking_send(self) -> Result<(), SendError<M>> {
        self.to.note(self.request.blocking_send(), self.payload)
    }
}

impl<'a, A: Actor + Message<M>, M: Send + 'static, Tm, Tr> Request<'a, A, M, AskRequest<'a, A, M, Tm, Tr>> {
    /// Sends the message: waits for room in a bounded mailbox, then for the answer. To await the request is the same, with one
    /// allocation more.
    ///
    /// # Errors
    /// kameo's own.
    pub async fn send(self) -> Result<<A::Reply as Reply>::Ok, SendError<M, <A::Reply as Reply>::Error>>
    where
        Tm: Into<Option<Duration>>,
        Tr: Into<Option<Duration>>,
    {
        let sent = self.request.send().await;
        self.to.note(sent, self.payload)
    }

    /// How long to wait at most for room in a bounded mailbox.
    pub fn mailbox_timeout(self, timeout: Duration) -> Request<'a, A, M, AskRequest<'a, A, M, WithRequestTimeout, Tr>> {
        self.map(|request| request.mailbox_timeout(timeout))
    }

    /// How long to wait at most for the answer.
    pub fn reply_timeout(self, timeout: Duration) -> Request<'a, A, M, AskRequest<'a, A, M, Tm, WithRequestTimeout>> {
        self.map(|request| request.reply_timeout(timeout))
    }
}

impl<'a, A, M, R, T, E> IntoFuture for Request<'a, A, M, R>
where
    A: Actor + Message<M>,
    M: Send + 'static,
    R: IntoFuture<Output = Result<T, SendError<M, E>>>,
    R::IntoFuture: Unpin,
{
    type Output = R::Output;
    type IntoFuture = Sending<'a, A, M, R::IntoFuture>;

    fn into_future(self) -> Self::IntoFuture {
        Sending { to: self.to, sending: self.request.into_future(), payload: self.payload }
    }
}

/// A [`Request`] that is awaited. It takes no memory beside what kameo takes for it.
#[derive(Debug)]
pub struct Sending<'a, A: Actor, M, F> {
    to: &'a ObservedRef<A>,
    sending: F,
    payload: Option<fn(&M) -> Payload>,
}

impl<A, M, F, T, E> Future for Sending<'_, A, M, F>
where
    A: Actor + Message<M>,
    M: Send + 'static,
    F: Future<Output = Result<T, SendError<M, E>>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let sent = ready!(Pin::new(&mut self.sending).poll(context));
        Poll::Ready(self.to.note(sent, self.payload))
    }
}
