//! Jobs that the workers of a factory have done.

use std::{any::type_name, sync::Weak};

use ractor::{
    Message,
    factory::{FactoryStatsLayer, JobOptions},
};

use crate::sight::Sight;

/// A factory's [`FactoryStatsLayer`] that adds up the jobs its workers have done and how long that took, among what the
/// factory itself handles; from a layer of your own, call its `job_completed` as well. It does nothing unless the observer
/// [measures processing](papyra::observe::ObservationBuilder::processing_every) and the observed factory has a name.
#[derive(Clone)]
pub struct Completions {
    job: &'static str,
    sight: Weak<Sight>,
}

impl Completions {
    pub(crate) fn of<M: Message>(sight: Weak<Sight>) -> Self {
        Completions { job: type_name::<M>(), sight }
    }
}

impl FactoryStatsLayer for Completions {
    fn job_completed(&self, factory: &str, options: &JobOptions) {
        let processing = self.sight.upgrade().and_then(|sight| sight.processing_of(factory));
        if let Some(processing) = processing {
            // ractor notes times of the wall clock, which may have been set back since.
            processing.handled(self.job, options.worker_time().elapsed().unwrap_or_default());
        }
    }
}

impl std::fmt::Debug for Completions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Completions").field("job", &self.job).finish_non_exhaustive()
    }
}
