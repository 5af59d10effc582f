//! Factories and their workers.

use std::{sync::Arc, time::Duration};

use papyra_ractor::{
    Observed, Observer, SpawnObserved,
    ractor::{
        ActorProcessingErr, ActorRef,
        factory::{
            Factory, FactoryArguments, FactoryMessage, Job, Worker, WorkerBuilder, WorkerId, queues::DefaultQueue,
            routing::QueuerRouting,
        },
    },
};

use crate::scene::Scene;

type Jobs = FactoryMessage<u8, bool>;

/// Panics over a job that is false.
struct Packer;

#[cfg_attr(feature = "async-trait", papyra_ractor::ractor::async_trait)]
impl Worker for Packer {
    type Key = u8;
    type Message = bool;
    type Arguments = ();
    type State = ();

    async fn pre_start(&self, _: WorkerId, _: &ActorRef<Jobs>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: WorkerId,
        _: &ActorRef<Jobs>,
        job: Job<u8, bool>,
        (): &mut (),
    ) -> Result<u8, ActorProcessingErr> {
        assert!(job.msg, "a broken box");
        Ok(job.key)
    }
}

struct Packers(Observer);

impl WorkerBuilder<Observed<Packer>, ()> for Packers {
    fn build(&mut self, _: WorkerId) -> (Observed<Packer>, ()) {
        (self.0.wrap(Packer), ())
    }
}

#[tokio::test]
async fn a_wrapped_worker_is_observed_under_its_factory() {
    let scene = Scene::new().await;
    let arguments = FactoryArguments::builder()
        .worker_builder(Box::new(Packers(scene.observer.clone())))
        .queue(DefaultQueue::default())
        .router(QueuerRouting::default())
        .build();
    let factory = Factory::<u8, bool, (), Observed<Packer>, QueuerRouting<_, _>, DefaultQueue<_, _>>::default();
    let name = Some("packing".to_owned());
    let (factory, join) = SpawnObserved::spawn_observed(&scene.observer, name, factory, arguments).await.unwrap();
    factory.cast(FactoryMessage::Dispatch(Job::new(1, false))).unwrap();
    let crash = scene.wait_for("ActorCrashed").await;
    assert!(crash.payload.as_json().contains(r#""error":"a broken box","how":"panic""#));
    assert!(crash.payload.as_json().contains("WorkerMessage"));
    factory.kill();
    join.await.unwrap();
    let told = scene.told().await;
    let of_workers = |told: &&String| told.contains(r#""parent":"orders://packing""#);
    assert!(told.iter().any(|told| of_workers(&told)), "{told:?}");
}

#[tokio::test]
async fn jobs_that_were_done_are_added_up_at_their_factory() {
    let scene = Scene::with(|observation| observation.processing_every(Duration::from_secs(3600))).await;
    let arguments = FactoryArguments::builder()
        .worker_builder(Box::new(Packers(scene.observer.clone())))
        .queue(DefaultQueue::default())
        .router(QueuerRouting::default())
        .stats(Arc::new(scene.observer.completions::<bool>()))
        .build();
    let factory = Factory::<u8, bool, (), Observed<Packer>, QueuerRouting<_, _>, DefaultQueue<_, _>>::default();
    let name = Some("counting".to_owned());
    let (factory, join) = SpawnObserved::spawn_observed(&scene.observer, name, factory, arguments).await.unwrap();
    for (key, whole) in [true, true, false, true].into_iter().enumerate() {
        factory.cast(FactoryMessage::Dispatch(Job::new(key as u8, whole))).unwrap();
    }
    // It stops once all jobs are done; the one that crashed its worker never is.
    factory.cast(FactoryMessage::DrainRequests).unwrap();
    join.await.unwrap();
    let told = scene.told().await;
    let done = r#"orders://counting MessageProcessed {"message_type":"bool","count":3,"#;
    assert_eq!(told.iter().filter(|told| told.starts_with(done)).count(), 1, "{told:#?}");
}
