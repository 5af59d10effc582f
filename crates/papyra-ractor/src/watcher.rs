//! The actor that hears of other actors' starts and ends.

use std::sync::Weak;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::sight::Sight;

/// A monitor in ractor's words: it gets a copy of what an actor's supervisor is told, and the supervisor notices nothing.
pub(crate) struct Watcher(pub(crate) Weak<Sight>);

/// An observed actor did not come as far as its supervision, which ractor tells nobody but the spawner.
///
/// As a message it is heard behind everything that ractor has told so far: behind the crash of the actor's earlier
/// generation, and behind the actor's own end if ractor tells that after all.
pub(crate) struct StartFailed {
    pub(crate) actor: ActorId,
    pub(crate) error: String,
}

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Watcher {
    type Msg = StartFailed;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _myself: ActorRef<StartFailed>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _myself: ActorRef<StartFailed>,
        failed: StartFailed,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        if let Some(sight) = self.0.upgrade() {
            sight.start_failed(failed.actor, &failed.error);
        }
        Ok(())
    }

    // Without this function, the end of any watched actor would end the watcher: ractor's default is meant for supervisors.
    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<StartFailed>,
        heard: SupervisionEvent,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        let Some(sight) = self.0.upgrade() else { return Ok(()) };
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
