//! Jobs that a factory throws away.

use std::any::type_name;

use papyra::{Why, observe::WeakObservation};
use ractor::{
    Message,
    factory::{DiscardHandler, DiscardReason, Job, JobKey},
};

use crate::Observer;

/// A factory's [`DiscardHandler`] that records each discarded job as a dead letter with the job's message type. From a
/// handler of your own, call its `discard` as well.
#[derive(Clone, Debug)]
pub struct Discards {
    observation: WeakObservation,
    factory: String,
}

impl Observer {
    /// Records what the factory of this name discards: give it to the factory as its `discard_handler`, in an `Arc`.
    pub fn discards(&self, factory: impl Into<String>) -> Discards {
        Discards { observation: self.observation().downgrade(), factory: factory.into() }
    }
}

impl<K: JobKey, M: Message> DiscardHandler<K, M> for Discards {
    fn discard(&self, _reason: DiscardReason, _job: &mut Job<K, M>) {
        if let Some(observation) = self.observation.upgrade() {
            observation.dead_letter(&observation.address(&self.factory), type_name::<M>(), Why::Discarded, || None);
        }
    }
}
