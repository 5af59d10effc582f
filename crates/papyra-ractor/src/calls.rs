//! Ways to send that wait for an answer or for a while; each behaves as ractor's function of the same name.

use papyra::Why;
use ractor::{
    ACTIVE_STATES, ActorRef, Message, MessagingErr, RpcReplyPort,
    concurrency::{Duration, JoinHandle, OneshotReceiver, interval, oneshot, sleep, spawn, timeout},
    rpc::CallResult,
};

use crate::ObservedRef;

/// What comes of an answer that goes to another actor.
type Forwarded<M> = JoinHandle<CallResult<Result<(), MessagingErr<M>>>>;

impl<M: Message> ObservedRef<M> {
    /// Sends a request and waits for its answer. A request that is not answered in time is a dead letter, too, although
    /// the actor may come to it later.
    ///
    /// # Errors
    /// Those of [`cast`](ObservedRef::cast).
    pub async fn call<R: Send + 'static>(
        &self,
        request: impl FnOnce(RpcReplyPort<R>) -> M,
        within: Option<Duration>,
    ) -> Result<CallResult<R>, MessagingErr<M>> {
        let answer = self.request(request, within)?;
        Ok(self.answered(answer, within).await)
    }

    /// Sends a request whose answer, made into a message, goes to another actor. If that actor does not take it, this is a
    /// dead letter as well.
    ///
    /// # Errors
    /// Those of [`cast`](ObservedRef::cast).
    pub fn call_and_forward<R: Send + 'static, N: Message>(
        &self,
        request: impl FnOnce(RpcReplyPort<R>) -> M,
        to: &ActorRef<N>,
        message_of: impl FnOnce(R) -> N + Send + 'static,
        within: Option<Duration>,
    ) -> Result<Forwarded<N>, MessagingErr<M>> {
        let answer = self.request(request, within)?;
        let (asked, to) = (self.clone(), self.beside(to));
        Ok(spawn(async move { asked.answered(answer, within).await.map(|answer| to.cast(message_of(answer))) }))
    }

    /// Sends a message after a while, unless the task is aborted before.
    pub fn send_after(
        &self,
        period: Duration,
        message: impl FnOnce() -> M + Send + 'static,
    ) -> JoinHandle<Result<(), MessagingErr<M>>> {
        let actor = self.clone();
        spawn(async move {
            sleep(period).await;
            actor.cast(message())
        })
    }

    /// Sends a message again and again until the actor does not take one or the task is aborted.
    pub fn send_interval(&self, period: Duration, message: impl Fn() -> M + Send + 'static) -> JoinHandle<()> {
        let actor = self.clone();
        spawn(async move {
            let mut timer = interval(period);
            // Its first tick is at once.
            timer.tick().await;
            while ACTIVE_STATES.contains(&actor.get_status()) {
                timer.tick().await;
                if actor.cast(message()).is_err() {
                    break;
                }
            }
        })
    }

    fn request<R>(
        &self,
        request: impl FnOnce(RpcReplyPort<R>) -> M,
        within: Option<Duration>,
    ) -> Result<OneshotReceiver<R>, MessagingErr<M>> {
        let (reply, answer) = oneshot();
        let port = match within {
            Some(within) => (reply, within).into(),
            None => reply.into(),
        };
        self.cast(request(port))?;
        Ok(answer)
    }

    async fn answered<R>(&self, answer: OneshotReceiver<R>, within: Option<Duration>) -> CallResult<R> {
        let answer = match within {
            Some(within) => timeout(within, answer).await,
            None => Ok(answer.await),
        };
        match answer {
            Ok(Ok(answer)) => CallResult::Success(answer),
            Ok(Err(_)) => CallResult::SenderError,
            Err(_) => {
                self.lost(Why::Timeout, None);
                CallResult::Timeout
            }
        }
    }
}
