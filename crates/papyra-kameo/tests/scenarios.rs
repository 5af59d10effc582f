//! The scenario table: what an actor lives through yields exactly these facts. `papyra-ractor` has the same rows.
//!
//! These actors have Papyra's hooks; what is seen without them stands in `tests/observing`.

mod scene;

use std::time::Duration;

use kameo::{
    Actor,
    actor::{ActorRef, Spawn},
    error::{Infallible, SendError},
    mailbox,
    supervision::RestartPolicy,
};
use papyra::Fact;
use papyra_kameo::{ObservedRef, SpawnObserved, kameo};
use scene::{Count, Fail, Hold, LONG, Panic, Player, Scene, Start, ended};

#[tokio::test]
async fn start() {
    let scene = Scene::new().await;
    let player = scene.player("starts");
    assert_eq!(player.ask(Count).await.unwrap(), 1);
    assert_eq!(scene.told().await, [r#"orders://starts ActorStarted {"generation":1,"parent":null}"#]);
}

#[tokio::test]
async fn failed_start() {
    for (start, error) in [(Start::WithError, "NoDatabase"), (Start::WithPanic, "no luck")] {
        let scene = Scene::new().await;
        let player = Player::spawn_observed(&scene.observer, Some("stillborn"), start);
        player.wait_for_startup_with_result(|start| assert!(start.is_err())).await;
        ended(&player).await;
        let failed = format!(r#"orders://stillborn ActorStartFailed {{"generation":1,"error":"{error}"}}"#);
        assert_eq!(scene.told().await, [failed]);
    }
}

#[tokio::test]
async fn clean_stop() {
    let scene = Scene::new().await;
    let player = scene.player("clean");
    player.stop_gracefully().await.unwrap();
    ended(&player).await;
    let expected = [
        r#"orders://clean ActorStarted {"generation":1,"parent":null}"#,
        r#"orders://clean ActorStopped {"generation":1,"reason":null}"#,
    ];
    assert_eq!(scene.told().await, expected);
}

#[tokio::test]
async fn kill() {
    let scene = Scene::new().await;
    let player = scene.player("killed");
    player.kill();
    ended(&player).await;
    let expected = [
        r#"orders://killed ActorStarted {"generation":1,"parent":null}"#,
        r#"orders://killed ActorStopped {"generation":1,"reason":"killed"}"#,
    ];
    assert_eq!(scene.told().await, expected);
}

#[tokio::test]
async fn panic() {
    let scene = Scene::new().await;
    let player = scene.player("panics");
    player.tell(Panic).await.unwrap();
    ended(&player).await;
    let expected = [
        r#"orders://panics ActorStarted {"generation":1,"parent":null}"#,
        r#"orders://panics ActorCrashed {"generation":1,"error":"boom","how":"panic","location":null,"message_type":null}"#,
    ];
    assert_eq!(scene.told().await, expected);
}

#[tokio::test]
async fn error_return() {
    let scene = Scene::new().await;
    let player = scene.player("fails");
    player.tell(Fail).await.unwrap();
    ended(&player).await;
    let expected = [
        r#"orders://fails ActorStarted {"generation":1,"parent":null}"#,
        r#"orders://fails ActorCrashed {"generation":1,"error":"cannot go on","how":"error","location":null,"message_type":null}"#,
    ];
    assert_eq!(scene.told().await, expected);
}

/// A child that its supervisor restarts once within a minute.
async fn child(scene: &Scene) -> (ActorRef<Parent>, ObservedRef<Player>) {
    let parent = Parent::spawn(());
    let child = Player::supervise_observed(&scene.observer, "child", &parent, || Start::Well)
        .restart_policy(RestartPolicy::Transient)
        .restart_limit(1, Duration::from_secs(60))
        .spawn()
        .await;
    // kameo loses what waits for the start behind a message that ends the actor.
    child.wait_for_startup().await;
    (parent, child)
}

fn restarted(parent: &ActorRef<Parent>) -> Vec<String> {
    let parent = parent.id().sequence_id();
    let started = |n: u64| format!(r#"orders://child ActorStarted {{"generation":{n},"parent":"orders://{parent}"}}"#);
    vec![
        started(1),
        crashed(1),
        r#"orders://child ActorRestarted {"generation":2,"in_window":1,"limit":1}"#.to_owned(),
        started(2),
    ]
}

fn crashed(generation: u64) -> String {
    format!(
        r#"orders://child ActorCrashed {{"generation":{generation},"error":"boom","how":"panic","location":null,"message_type":null}}"#
    )
}

#[tokio::test]
async fn restart() {
    let scene = Scene::new().await;
    let (parent, child) = child(&scene).await;
    child.tell(Panic).await.unwrap();
    assert_eq!(child.ask(Count).await.unwrap(), 1);
    let expected = restarted(&parent);
    assert_eq!(scene.told().await, expected);
}

#[tokio::test]
async fn restart_limit_exceeded() {
    let scene = Scene::new().await;
    let (parent, child) = child(&scene).await;
    for _ in 0..2 {
        child.tell(Panic).await.unwrap();
    }
    scene.wait_for("SupervisionDecision").await;
    // Through kameo's own reference, so there is no dead letter.
    assert!(matches!(child.as_ref().tell(Panic).await, Err(SendError::ActorNotRunning(Panic))));
    let mut expected = restarted(&parent);
    expected.push(crashed(2));
    expected.push(
        r#"orders://child SupervisionDecision {"decision":"give_up","context":{"policy":"transient","in_window":1,"limit":1,"window_seconds":60.0}}"#
            .to_owned(),
    );
    assert_eq!(scene.told().await, expected);
}

#[tokio::test]
async fn send_to_dead() {
    let scene = Scene::new().await;
    let player = scene.player("gone");
    player.kill();
    ended(&player).await;
    assert!(matches!(player.tell(Panic).await, Err(SendError::ActorNotRunning(Panic))));
    let expected = [
        r#"orders://gone ActorStarted {"generation":1,"parent":null}"#,
        r#"orders://gone ActorStopped {"generation":1,"reason":"killed"}"#,
        "orders://gone dead letter scenarios::scene::Panic, stopped, 1",
    ];
    assert_eq!(scene.told().await, expected);
}

#[tokio::test]
async fn mailbox_leftovers() {
    let scene = Scene::new().await;
    let player = scene.player("left");
    let held = Hold::new();
    player.tell(held.clone()).await.unwrap();
    held.begun.notified().await;
    for _ in 0..3 {
        player.tell(Count).await.unwrap();
    }
    player.tell(Panic).await.unwrap();
    player.kill();
    ended(&player).await;
    let expected = [
        r#"orders://left ActorStarted {"generation":1,"parent":null}"#,
        "orders://left dead letter scenarios::scene::Count, left_in_mailbox, 3",
        // A type that the actor's hook does not list.
        "orders://left dead letter unknown, left_in_mailbox, 1",
        r#"orders://left ActorStopped {"generation":1,"reason":"killed"}"#,
    ];
    assert_eq!(scene.told().await, expected);
}

#[tokio::test]
async fn full_mailbox() {
    let scene = Scene::new().await;
    let player = Player::spawn_observed_with_mailbox(&scene.observer, Some("full"), Start::Well, mailbox::bounded(1));
    let held = Hold::new();
    player.wait_for_startup().await;
    player.tell(held.clone()).await.unwrap();
    held.begun.notified().await;
    player.tell(Count).try_send().unwrap();
    assert!(matches!(player.tell(Count).try_send(), Err(SendError::MailboxFull(Count))));
    let late = player.tell(Count).mailbox_timeout(Duration::from_millis(1)).await;
    assert!(matches!(late, Err(SendError::Timeout(Some(Count)))));
    held.go_on.notify_one();
    assert_eq!(player.ask(Count).await.unwrap(), 2);
    let expected = [
        r#"orders://full ActorStarted {"generation":1,"parent":null}"#,
        "orders://full dead letter scenarios::scene::Count, mailbox_full, 1",
        "orders://full dead letter scenarios::scene::Count, timeout, 1",
    ];
    assert_eq!(scene.told().await, expected);
}

#[tokio::test]
async fn ask_timeout() {
    let scene = Scene::new().await;
    let player = scene.player("slow");
    let held = Hold::new();
    let asked = player.ask(held.clone()).reply_timeout(Duration::from_millis(1)).await;
    assert!(matches!(asked, Err(SendError::Timeout(None))));
    held.go_on.notify_one();
    assert_eq!(player.ask(Count).await.unwrap(), 1);
    let expected = [
        r#"orders://slow ActorStarted {"generation":1,"parent":null}"#,
        "orders://slow dead letter scenarios::scene::Hold, timeout, 1",
    ];
    assert_eq!(scene.told().await, expected);
}

#[tokio::test]
async fn name_registered_and_orphaned() {
    let scene = Scene::new().await;
    let player = scene.player("named");
    player.register("scenarios/named").unwrap();
    assert_eq!(player.ask(Count).await.unwrap(), 1);
    scene.observer.audit();
    player.stop_gracefully().await.unwrap();
    ended(&player).await;
    scene.wait_for("ActorStopped").await;
    // kameo takes the name away with the actor. Only who registers a dead actor makes its name lead nowhere.
    assert!(ActorRef::<Player>::lookup("scenarios/named").unwrap().is_none());
    scene.observer.audit();
    player.register("scenarios/named").unwrap();
    scene.observer.audit();
    kameo::registry::ACTOR_REGISTRY.lock().unwrap().remove("scenarios/named");

    let facts = scene.facts().await;
    let dead =
        facts.iter().filter_map(|fact| if let Fact::Audit(audit) = fact { Some(audit) } else { None }).map(|audit| {
            assert_eq!(audit.registry_orphans, Some(vec![]));
            audit.registry_dead.clone().unwrap()
        });
    assert_eq!(dead.collect::<Vec<_>>(), [vec![], vec![], vec!["scenarios/named".to_owned()]]);
    assert_eq!(facts.len(), 5);
}

#[tokio::test]
async fn cascading_stop_of_children() {
    let scene = Scene::new().await;
    let parent = Parent::spawn_observed(&scene.observer, Some("parent"), ());
    let spawn = |name| {
        Player::supervise_observed(&scene.observer, name, &parent, || Start::Well)
            .restart_policy(RestartPolicy::Permanent)
            .spawn()
    };
    let children = [spawn("first").await, spawn("second").await];
    for child in &children {
        assert_eq!(child.ask(Count).await.unwrap(), 1);
    }
    parent.stop_gracefully().await.unwrap();
    ended(&parent).await;
    tokio::time::timeout(LONG, children[0].wait_for_shutdown()).await.unwrap();
    let mut told = scene.told().await;
    // Children end at the same time.
    told.sort();
    let mut expected: Vec<String> = ["first", "second"]
        .iter()
        .flat_map(|name| {
            [
                format!(r#"orders://{name} ActorStarted {{"generation":1,"parent":"orders://parent"}}"#),
                format!(r#"orders://{name} ActorStopped {{"generation":1,"reason":null}}"#),
            ]
        })
        .collect();
    expected.push(r#"orders://parent ActorStarted {"generation":1,"parent":null}"#.to_owned());
    expected.push(r#"orders://parent ActorStopped {"generation":1,"reason":null}"#.to_owned());
    expected.sort();
    assert_eq!(told, expected);
}

struct Parent;

impl Actor for Parent {
    type Args = ();
    type Error = Infallible;

    async fn on_start((): (), _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Parent)
    }
}
