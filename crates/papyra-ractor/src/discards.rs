//! Jobs that a factory throws away.

use std::any::type_name;

use papyra::{ActorAddress, Why, observe::WeakObservation};
use ractor::{
    Message,
    factory::{DiscardHandler, DiscardReason, Job, JobKey},
};

/// A factory's [`DiscardHandler`] that records each discarded job as a dead letter with the job's message type. From a
/// handler of your own, call its `discard` as well.
#[derive(Clone, Debug)]
pub struct Discards {
    pub(crate) target: ActorAddress,
    pub(crate) observation: WeakObservation,
}

impl<K: JobKey, M: Message> DiscardHandler<K, M> for Discards {
    fn discard(&self, _reason: DiscardReason, _job: &mut Job<K, M>) {
        if let Some(observation) = self.observation.upgrade() {
            observation.dead_letter(&self.target, type_name::<M>(), Why::Discarded, || None);
        }
    }
}
