//! Ways to send that wait for an answer or for a while; each behaves as ractor's function of the same name.

use papyra::Why;
use ractor::{
    ACTIVE_STATES, ActorRef, Message, MessagingErr, RpcReplyPort,
    concurrency::{Duration, JoinHandle, OneshotReceiver, interval, oneshot, sleep, spawn, timeout},
    rpc::CallResult,
};

use crate::ObservedRef;

impl<M: Message> ObservedRef<M> {
    /// Sends a request and waits for its answer. A request that is not answered in time is a dead letter, too, although
    /// the actor may come to it later.
    ///
    /// # Errors
    /// ractor's own: those of [`cast`](ObservedRef::cast).
    pub async fn call<TReply, TMsgBuilder>(
        &self,
        msg_builder: TMsgBuilder,
        timeout_option: Option<Duration>,
    ) -> Result<CallResult<TReply>, MessagingErr<M>>
    where
        TMsgBuilder: FnOnce(RpcReplyPort<TReply>) -> M,
        TReply: Send + 'static,
    {
        let answer = self.request(msg_builder, timeout_option)?;
        Ok(self.answered(answer, timeout_option).await)
    }

    /// Sends a request whose answer, made into a message, goes to another actor. If that actor does not take it, this is a
    /// dead letter as well.
    ///
    /// # Errors
    /// ractor's own: those of [`cast`](ObservedRef::cast).
    #[allow(clippy::type_complexity)] // It is ractor's type.
    pub fn call_and_forward<TReply, TForwardMessage, TMsgBuilder, TFwdMessageBuilder>(
        &self,
        msg_builder: TMsgBuilder,
        response_forward: &ActorRef<TForwardMessage>,
        forward_mapping: TFwdMessageBuilder,
        timeout_option: Option<Duration>,
    ) -> Result<JoinHandle<CallResult<Result<(), MessagingErr<TForwardMessage>>>>, MessagingErr<M>>
    where
        TReply: Send + 'static,
        TMsgBuilder: FnOnce(RpcReplyPort<TReply>) -> M,
        TForwardMessage: Message,
        TFwdMessageBuilder: FnOnce(TReply) -> TForwardMessage + Send + 'static,
    {
        let answer = self.request(msg_builder, timeout_option)?;
        let (asked, other) = (self.clone(), self.beside(response_forward));
        Ok(spawn(async move {
            let answer = asked.answered(answer, timeout_option).await;
            answer.map(|answer| other.send_message(forward_mapping(answer)))
        }))
    }

    /// Sends a message after a while, unless the task is aborted before.
    pub fn send_after<F>(&self, period: Duration, msg: F) -> JoinHandle<Result<(), MessagingErr<M>>>
    where
        F: FnOnce() -> M + Send + 'static,
    {
        let actor = self.clone();
        spawn(async move {
            sleep(period).await;
            actor.send_message(msg())
        })
    }

    /// Sends a message again and again until the actor does not take one or the task is aborted.
    pub fn send_interval<F>(&self, period: Duration, msg: F) -> JoinHandle<()>
    where
        F: Fn() -> M + Send + 'static,
    {
        let actor = self.clone();
        spawn(async move {
            let mut timer = interval(period);
            // Its first tick is at once.
            timer.tick().await;
            while ACTIVE_STATES.contains(&actor.get_status()) {
                timer.tick().await;
                if actor.send_message(msg()).is_err() {
                    break;
                }
            }
        })
    }

    fn request<TReply>(
        &self,
        msg_builder: impl FnOnce(RpcReplyPort<TReply>) -> M,
        within: Option<Duration>,
    ) -> Result<OneshotReceiver<TReply>, MessagingErr<M>> {
        let (reply, answer) = oneshot();
        let port = match within {
            Some(within) => (reply, within).into(),
            None => reply.into(),
        };
        self.send_message(msg_builder(port))?;
        Ok(answer)
    }

    async fn answered<TReply>(&self, answer: OneshotReceiver<TReply>, within: Option<Duration>) -> CallResult<TReply> {
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
