//! The actor that hears of other actors' starts and ends.

use std::sync::Weak;

use papyra::observe::{Crash, Restart};
use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::{observer::Sight, roster::Known};

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
            sight.start_failed(failed);
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

impl Sight {
    fn started(&self, actor: &ActorCell) {
        let mut roster = self.roster();
        let Some(known) = roster.get_mut(actor.get_id()) else { return };
        // The wrapper has noted it down at the start itself; by now, a short-lived actor may have lost it.
        if known.life.parent().is_none() && !known.is_wrapped() {
            known.life.set_parent(self.parent_of(actor));
        }
        known.life.started();
        if known.life.generation() > 1 {
            known.life.restarted(Restart::default());
        }
    }

    fn stopped(&self, id: ActorId, reason: Option<&str>) {
        let ended = self.roster().end(id);
        if let Some(known) = ended {
            known.life.stopped(reason);
        }
    }

    fn crashed(&self, id: ActorId, error: &str) {
        let ended = self.roster().end(id);
        if let Some(known) = ended {
            // Only the wrapper sees whether an error was returned; of an actor that is merely watched nobody can say.
            let crash = match known {
                Known { returned_error: true, .. } => Crash::error(error),
                _ if known.is_wrapped() => Crash::panic(error),
                _ => Crash::unknown(error),
            };
            known.life.crashed(&crash);
        }
    }

    fn start_failed(&self, failed: StartFailed) {
        let ended = self.roster().end(failed.actor);
        if let Some(known) = ended {
            known.life.start_failed(&failed.error);
        }
    }

    /// The address of the actor's supervisor.
    pub(crate) fn parent_of(&self, actor: &ActorCell) -> Option<String> {
        let parent = actor.try_get_supervisor()?;
        self.address_of(&parent).as_str().map(str::to_owned)
    }
}
