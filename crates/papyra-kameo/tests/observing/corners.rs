//! The corners that docs/observing.md names.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use papyra_kameo::{
    SpawnObserved, hook, hooks,
    kameo::{
        Actor,
        actor::{ActorRef, Spawn, WeakActorRef},
        error::ActorStopReason,
        message::{Context, Message},
        supervision::{RestartPolicy, SupervisionStrategy},
    },
};

use crate::scene::{Count, Panic, Player, Scene, Start, ended};

/// Starts as often as it is told, and fails to stop if it is told so. Restarts all its children if one fails.
struct Moody {
    fails_to_stop: bool,
}

#[derive(Clone, Default)]
struct Mood {
    starts: Arc<AtomicU32>,
    starts_well: u32,
    fails_to_stop: bool,
}

impl Actor for Moody {
    type Args = Mood;
    type Error = String;

    fn supervision_strategy() -> SupervisionStrategy {
        SupervisionStrategy::OneForAll
    }

    async fn on_start(mood: Mood, actor: ActorRef<Self>) -> Result<Self, String> {
        hook::begins(&actor);
        let starts = mood.starts.fetch_add(1, Ordering::SeqCst);
        if starts < mood.starts_well { Ok(Moody { fails_to_stop: mood.fails_to_stop }) } else { Err("no more".into()) }
    }

    async fn on_stop(&mut self, _: WeakActorRef<Self>, _: ActorStopReason) -> Result<(), String> {
        if self.fails_to_stop { Err("cannot clean up".into()) } else { Ok(()) }
    }

    hooks!(next, on_panic);
}

impl Message<Panic> for Moody {
    type Reply = ();
    async fn handle(&mut self, _: Panic, _: &mut Context<Self, ()>) {
        panic!("boom")
    }
}

fn parent() -> ActorRef<Moody> {
    Moody::spawn(Mood { starts_well: 1, ..Mood::default() })
}

/// The facts behind the first, which is a start, without the actor's address.
async fn told(scene: Scene) -> Vec<String> {
    let told = scene.told().await;
    told[1..].iter().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
}

#[tokio::test]
async fn a_restarted_actor_that_says_so_fails_to_start_exactly() {
    let scene = Scene::new().await;
    let (parent, mood) = (parent(), Mood { starts_well: 1, ..Mood::default() });
    let child = Moody::supervise_observed(&scene.observer, "child", &parent, move || mood.clone())
        .restart_limit(1, Duration::from_secs(60))
        .spawn()
        .await;
    child.wait_for_startup().await;
    child.tell(Panic).await.unwrap();
    scene.wait_for("SupervisionDecision").await;
    let expected = [
        r#"ActorCrashed {"generation":1,"error":"boom","how":"panic","location":null,"message_type":null}"#,
        // The supervisor restarts all its children together, which does not always count.
        r#"ActorRestarted {"generation":2,"in_window":null,"limit":1}"#,
        r#"ActorStartFailed {"generation":2,"error":"no more"}"#,
        r#"SupervisionDecision {"decision":"give_up","context":{"policy":"permanent","in_window":null,"limit":1,"window_seconds":60.0}}"#,
    ];
    assert_eq!(told(scene).await, expected);
}

#[tokio::test]
async fn an_actor_that_is_never_restarted_is_left_stopped_by_decision() {
    let scene = Scene::new().await;
    let parent = parent();
    let child = Player::supervise_observed(&scene.observer, "child", &parent, || Start::Well)
        .restart_policy(RestartPolicy::Never)
        .spawn()
        .await;
    child.kill();
    scene.wait_for("SupervisionDecision").await;
    let told = told(scene).await;
    assert_eq!(told[0], r#"ActorStopped {"generation":1,"reason":"killed"}"#);
    assert!(told[1].starts_with(r#"SupervisionDecision {"decision":"stop","context":{"policy":"never","#), "{told:?}");
}

#[tokio::test]
async fn an_actor_that_fails_to_clean_up_crashes_and_a_text_may_have_been_a_panic() {
    let scene = Scene::new().await;
    let mood = Mood { starts_well: 1, fails_to_stop: true, ..Mood::default() };
    let moody = Moody::spawn_observed(&scene.observer, Some("moody"), mood);
    moody.wait_for_startup().await;
    moody.stop_gracefully().await.unwrap();
    ended(&moody).await;
    let crash =
        r#"ActorCrashed {"generation":1,"error":"cannot clean up","how":null,"location":null,"message_type":null}"#;
    assert_eq!(told(scene).await, [crash]);
}

#[tokio::test]
async fn what_waits_for_the_start_behind_a_message_that_ends_the_actor_is_lost_unseen() {
    let scene = Scene::new().await;
    let player = scene.player("hasty");
    player.tell(Panic).await.unwrap();
    player.tell(Count).await.unwrap();
    // Whoever waits for an answer learns it.
    assert!(player.ask(Count).await.is_err());
    ended(&player).await;
    let told = scene.told().await;
    assert_eq!(told.len(), 3, "kameo hands out what waited for the start: say so in the documentation, {told:?}");
    assert!(told.contains(&"orders://hasty dead letter observing::scene::Count, stopped, 1".to_owned()), "{told:?}");
}
