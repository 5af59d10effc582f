//! Actors without Papyra's hooks: what is seen of them, and what is not.

use std::time::Duration;

use papyra_kameo::{
    ObservedRef, SpawnObserved,
    kameo::{
        Actor,
        actor::{ActorRef, Spawn, WeakActorRef},
        error::{ActorStopReason, Infallible},
        message::{Context, Message},
        supervision::RestartPolicy,
    },
};
use tokio::sync::Notify;

use crate::scene::{LONG, Panic, Scene, Stop};

/// Ends as it is told, and knows nothing of Papyra.
pub(crate) struct Bare(Option<&'static Notify>);

impl Actor for Bare {
    type Args = Option<&'static Notify>;
    type Error = Infallible;

    async fn on_start(cleans_up: Option<&'static Notify>, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Bare(cleans_up))
    }

    async fn on_stop(&mut self, _: WeakActorRef<Self>, _: ActorStopReason) -> Result<(), Infallible> {
        if let Some(go_on) = self.0 {
            go_on.notified().await;
        }
        Ok(())
    }
}

impl Message<Panic> for Bare {
    type Reply = ();
    async fn handle(&mut self, _: Panic, _: &mut Context<Self, ()>) {
        panic!("boom")
    }
}

impl Message<Stop> for Bare {
    type Reply = ();
    async fn handle(&mut self, _: Stop, context: &mut Context<Self, ()>) {
        context.stop();
    }
}

pub(crate) struct Echo;

impl Message<Echo> for Bare {
    type Reply = ();
    async fn handle(&mut self, _: Echo, _: &mut Context<Self, ()>) {}
}

/// A child that its supervisor restarts twice, and the start of its story.
pub(crate) async fn child(scene: &Scene) -> (ActorRef<Bare>, ObservedRef<Bare>) {
    child_that_cleans_up(scene, None).await
}

async fn child_that_cleans_up(
    scene: &Scene,
    cleans_up: Option<&'static Notify>,
) -> (ActorRef<Bare>, ObservedRef<Bare>) {
    let parent = Bare::spawn(None);
    let child = Bare::supervise_observed(&scene.observer, "child", &parent, move || cleans_up)
        .restart_policy(RestartPolicy::Permanent)
        .restart_limit(2, Duration::from_secs(60))
        .spawn()
        .await;
    child.wait_for_startup().await;
    (parent, child)
}

/// The facts without what stands in front of the event's type.
pub(crate) async fn told(scene: Scene) -> Vec<String> {
    scene.told().await.into_iter().map(|line| line.replace("orders://child ", "")).collect()
}

pub(crate) fn started(parent: &ActorRef<Bare>) -> String {
    format!(r#"ActorStarted {{"generation":1,"parent":"orders://{}"}}"#, parent.id().sequence_id())
}

pub(crate) const FIRST_CRASH: &str =
    r#"ActorCrashed {"generation":1,"error":"boom","how":"panic","location":null,"message_type":null}"#;
pub(crate) const FIRST_RESTART: &str = r#"ActorRestarted {"generation":2,"in_window":1,"limit":2}"#;

#[tokio::test]
async fn the_first_life_and_every_restart_are_exact_and_later_ends_are_unknown() {
    let scene = Scene::new().await;
    let (parent, child) = child(&scene).await;
    child.tell(Panic).await.unwrap();
    scene.wait_for("ActorRestarted").await;
    child.tell(Panic).await.unwrap();
    scene.wait_for("ActorStopped").await;
    let unknown = r#"ActorStopped {"generation":2,"reason":"unknown: nobody saw how this incarnation ended"}"#;
    let expected = [
        &started(&parent),
        FIRST_CRASH,
        FIRST_RESTART,
        unknown,
        r#"ActorRestarted {"generation":3,"in_window":2,"limit":2}"#,
    ];
    assert_eq!(told(scene).await, expected);
}

#[tokio::test(start_paused = true)]
async fn the_last_end_is_noticed_though_nobody_tells_it() {
    let scene = Scene::new().await;
    let (parent, child) = child(&scene).await;
    child.tell(Panic).await.unwrap();
    scene.wait_for("ActorRestarted").await;
    parent.kill();
    let last = scene.wait_for("ActorStopped").await;
    assert!(last.payload.as_json().starts_with(r#"{"generation":2,"reason":"unknown"#));
    assert_eq!(told(scene).await.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_restart_is_told_though_the_former_life_never_finishes_to_clean_up() {
    static GO_ON: Notify = Notify::const_new();
    let scene = Scene::new().await;
    let (parent, child) = child_that_cleans_up(&scene, Some(&GO_ON)).await;
    child.tell(Panic).await.unwrap();
    scene.wait_for("ActorRestarted").await;
    // Now it does, and its end is told in the end.
    GO_ON.notify_one();
    scene.wait_for("ActorCrashed").await;
    assert_eq!(told(scene).await, [&started(&parent), FIRST_RESTART, FIRST_CRASH]);
}

#[tokio::test]
async fn a_child_that_ends_for_good_leaves_the_roster() {
    let scene = Scene::new().await;
    let (parent, child) = child(&scene).await;
    parent.stop_gracefully().await.unwrap();
    tokio::time::timeout(LONG, child.wait_for_shutdown()).await.unwrap();
    scene.wait_for("ActorStopped").await;
    scene.observer.audit();
    let told = told(scene).await;
    assert_eq!(told[..2], [started(&parent), r#"ActorStopped {"generation":1,"reason":null}"#.to_owned()]);
    assert!(told[2].contains("total_actors: Some(0)"), "{told:?}");
}
