//! An actor that does as it is told.

use std::{future::pending, sync::Arc};

use papyra_ractor::ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};
use tokio::sync::Notify;

pub(crate) enum Do {
    Panic,
    Fail,
    Answer(RpcReplyPort<()>),
    /// Keeps the request for ever.
    Keep(RpcReplyPort<()>),
    /// Says that it has begun, and never ends.
    Never(Arc<Notify>),
}

/// Its arguments say whether it starts.
pub(crate) struct Doer;

#[cfg_attr(feature = "async-trait", papyra_ractor::ractor::async_trait)]
impl Actor for Doer {
    type Msg = Do;
    type State = Vec<RpcReplyPort<()>>;
    type Arguments = bool;

    async fn pre_start(&self, _: ActorRef<Do>, starts: bool) -> Result<Self::State, ActorProcessingErr> {
        if starts { Ok(Vec::new()) } else { Err("no database".into()) }
    }

    async fn handle(&self, _: ActorRef<Do>, told: Do, kept: &mut Self::State) -> Result<(), ActorProcessingErr> {
        match told {
            Do::Panic => panic!("boom"),
            Do::Fail => Err("cannot go on".into()),
            Do::Answer(reply) => Ok(reply.send(())?),
            Do::Keep(reply) => {
                kept.push(reply);
                Ok(())
            }
            Do::Never(begun) => {
                begun.notify_one();
                pending().await
            }
        }
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<Do>,
        _: SupervisionEvent,
        _: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}
