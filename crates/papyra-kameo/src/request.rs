//! kameo's requests, observed.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use kameo::{
    Actor, Reply,
    error::SendError,
    message::Message,
    request::{AskRequest, TellRequest, WithRequestTimeout, WithoutRequestTimeout},
};
use papyra::Payload;
use serde::Serialize;

use crate::ObservedRef;

/// kameo's [`TellRequest`] or [`AskRequest`] to an observed actor: await it, or send it in one of kameo's other ways.
#[must_use = "a request is not sent before it is awaited, or one of its sending functions is called"]
pub struct Request<'a, A: Actor, M, R> {
    to: &'a ObservedRef<A>,
    request: R,
    payload: Option<fn(&M) -> Payload>,
}

/// What an `ask` gives.
type Answer<A, M> =
    Result<<<A as Message<M>>::Reply as Reply>::Ok, SendError<M, <<A as Message<M>>::Reply as Reply>::Error>>;

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
    /// How long to wait at most for room in a bounded mailbox.
    pub fn mailbox_timeout(self, timeout: Duration) -> Request<'a, A, M, TellRequest<'a, A, M, WithRequestTimeout>> {
        self.map(|request| request.mailbox_timeout(timeout))
    }

    /// Sends the message; waits for room in a bounded mailbox.
    ///
    /// # Errors
    /// kameo's own; a dead letter is recorded.
    pub async fn send(self) -> Result<(), SendError<M>>
    where
        Tm: Into<Option<Duration>>,
    {
        let sent = self.request.send().await;
        self.to.note(&sent, self.payload);
        sent
    }
}

impl<'a, A: Actor + Message<M>, M: Send + 'static> Request<'a, A, M, TellRequest<'a, A, M, WithoutRequestTimeout>> {
    /// Sends the message if there is room.
    ///
    /// # Errors
    /// kameo's own; a dead letter is recorded.
    pub fn try_send(self) -> Result<(), SendError<M>> {
        let sent = self.request.try_send();
        self.to.note(&sent, self.payload);
        sent
    }

    /// Sends the message from outside of any runtime; holds up the thread until there is room.
    ///
    /// # Errors
    /// kameo's own; a dead letter is recorded.
    pub fn blocking_send(self) -> Result<(), SendError<M>> {
        let sent = self.request.blocking_send();
        self.to.note(&sent, self.payload);
        sent
    }
}

impl<'a, A: Actor + Message<M>, M: Send + 'static, Tm, Tr> Request<'a, A, M, AskRequest<'a, A, M, Tm, Tr>> {
    /// How long to wait at most for room in a bounded mailbox.
    pub fn mailbox_timeout(self, timeout: Duration) -> Request<'a, A, M, AskRequest<'a, A, M, WithRequestTimeout, Tr>> {
        self.map(|request| request.mailbox_timeout(timeout))
    }

    /// How long to wait at most for the answer.
    pub fn reply_timeout(self, timeout: Duration) -> Request<'a, A, M, AskRequest<'a, A, M, Tm, WithRequestTimeout>> {
        self.map(|request| request.reply_timeout(timeout))
    }

    /// Sends the message and waits for the answer.
    ///
    /// # Errors
    /// kameo's own; unless it is the handler's, a dead letter is recorded.
    pub async fn send(self) -> Answer<A, M>
    where
        Tm: Into<Option<Duration>>,
        Tr: Into<Option<Duration>>,
    {
        let answer = self.request.send().await;
        self.to.note(&answer, self.payload);
        answer
    }
}

impl<'a, A: Actor + Message<M>, M: Send + 'static, Tr>
    Request<'a, A, M, AskRequest<'a, A, M, WithoutRequestTimeout, Tr>>
{
    /// Sends the message if there is room, and waits for the answer.
    ///
    /// # Errors
    /// kameo's own; unless it is the handler's, a dead letter is recorded.
    pub async fn try_send(self) -> Answer<A, M>
    where
        Tr: Into<Option<Duration>>,
    {
        let answer = self.request.try_send().await;
        self.to.note(&answer, self.payload);
        answer
    }
}

impl<'a, A: Actor + Message<M>, M: Send + 'static>
    Request<'a, A, M, AskRequest<'a, A, M, WithoutRequestTimeout, WithoutRequestTimeout>>
{
    /// Sends the message from outside of any runtime; holds up the thread until the answer is there.
    ///
    /// # Errors
    /// kameo's own; unless it is the handler's, a dead letter is recorded.
    pub fn blocking_send(self) -> Answer<A, M> {
        let answer = self.request.blocking_send();
        self.to.note(&answer, self.payload);
        answer
    }
}

impl<'a, A, M, Tm> IntoFuture for Request<'a, A, M, TellRequest<'a, A, M, Tm>>
where
    A: Actor + Message<M>,
    M: Send + 'static,
    Tm: Into<Option<Duration>> + Send + 'static,
{
    type Output = Result<(), SendError<M>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl<'a, A, M, Tm, Tr> IntoFuture for Request<'a, A, M, AskRequest<'a, A, M, Tm, Tr>>
where
    A: Actor + Message<M>,
    M: Send + 'static,
    Tm: Into<Option<Duration>> + Send + 'static,
    Tr: Into<Option<Duration>> + Send + 'static,
{
    type Output = Answer<A, M>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl<A: Actor, M, R> std::fmt::Debug for Request<'_, A, M, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("to", self.to).finish_non_exhaustive()
    }
}
