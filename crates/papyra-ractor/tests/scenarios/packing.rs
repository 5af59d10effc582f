//! A factory with one worker, which packs its first job for ever, and room for one job more.

use std::{future::pending, sync::Arc};

use papyra_ractor::{
    ObservedRef, Observer, SpawnObserved,
    ractor::{
        ActorProcessingErr, ActorRef,
        factory::{
            DiscardMode, DiscardSettings, Factory, FactoryArguments, FactoryMessage, Job, Worker, WorkerBuilder,
            WorkerId, queues::DefaultQueue, routing::QueuerRouting,
        },
    },
};
use tokio::sync::Notify;

type Packing = FactoryMessage<u8, &'static str>;

pub(crate) async fn spawn(observer: &Observer, taken: Arc<Notify>) -> ObservedRef<Packing> {
    let arguments = FactoryArguments::builder()
        .worker_builder(Box::new(Packers(taken)))
        .queue(DefaultQueue::default())
        .router(QueuerRouting::default())
        .discard_handler(Arc::new(observer.discards("packing")))
        .discard_settings(DiscardSettings::Static { limit: 1, mode: DiscardMode::Newest })
        .build();
    let factory = Factory::<u8, &'static str, (), Packer, QueuerRouting<_, _>, DefaultQueue<_, _>>::default();
    SpawnObserved::spawn_observed(observer, Some("packing".into()), factory, arguments).await.unwrap().0
}

struct Packers(Arc<Notify>);

impl WorkerBuilder<Packer, ()> for Packers {
    fn build(&mut self, _: WorkerId) -> (Packer, ()) {
        (Packer(self.0.clone()), ())
    }
}

/// Packs its first job for ever.
struct Packer(Arc<Notify>);

#[cfg_attr(feature = "async-trait", papyra_ractor::ractor::async_trait)]
impl Worker for Packer {
    type Key = u8;
    type Message = &'static str;
    type Arguments = ();
    type State = ();

    async fn pre_start(&self, _: WorkerId, _: &ActorRef<Packing>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: WorkerId,
        _: &ActorRef<Packing>,
        _: Job<u8, &'static str>,
        (): &mut (),
    ) -> Result<u8, ActorProcessingErr> {
        self.0.notify_one();
        pending().await
    }
}
