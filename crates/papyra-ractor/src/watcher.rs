//! The actor that hears of other actors' starts and ends.

use std::sync::{Arc, OnceLock, Weak};

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::sight::Sight;

/// A monitor in ractor's words: it gets a copy of what an actor's supervisor is told, and the supervisor notices nothing.
/// Its messages are the numbers of actors of this node that did not come as far as having a supervisor.
#[derive(Default)]
pub(crate) struct Watcher(pub(crate) Arc<OnceLock<Weak<Sight>>>);

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Watcher {
    type Msg = u64;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _myself: ActorRef<u64>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(&self, _myself: ActorRef<u64>, failed: u64, (): &mut ()) -> Result<(), ActorProcessingErr> {
        if let Some(sight) = self.0.get().and_then(Weak::upgrade) {
            sight.start_failed(ActorId::Local(failed));
        }
        Ok(())
    }

    // Without this function, the end of any watched actor would end the watcher: ractor's default is meant for supervisors.
    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<u64>,
        heard: SupervisionEvent,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        let Some(sight) = self.0.get().and_then(Weak::upgrade) else { return Ok(()) };
        match heard {
            SupervisionEvent::ActorStarted(actor) => sight.started(&actor),
            SupervisionEvent::ActorTerminated(actor, _, reason) => {
                sight.stopped(actor.get_id(), reason.as_deref());
            }
            SupervisionEvent::ActorFailed(actor, error) => sight.crashed(actor.get_id(), &error.to_string()),
            _ => {}
        }
        Ok(())
    }
}
