//! Starts, ends and restarts: each life yields exactly its events.

use papyra_ractor::{
    ObservedRef, SpawnObserved,
    ractor::{ActorRuntime, SpawnErr, concurrency::JoinHandle},
};
use tokio::sync::Notify;

use crate::scene::{Player, Scene, Start, Tell, count};

/// The events of one actor that starts, is told one thing, and ends.
async fn told_of(name: &str, tell: impl FnOnce(&ObservedRef<Tell>)) -> Vec<String> {
    let scene = Scene::new().await;
    let (player, join) = scene.player(name).await;
    tell(&player);
    join.await.unwrap();
    scene.told().await
}

#[tokio::test]
async fn a_clean_stop_has_its_reason() {
    let told = told_of("clean", |player| player.stop(Some("enough".into()))).await;
    assert_eq!(told[0], r#"orders://clean ActorStarted {"generation":1,"parent":null}"#);
    assert_eq!(told[1..], [r#"orders://clean ActorStopped {"generation":1,"reason":"enough"}"#]);
}

#[tokio::test]
async fn a_stop_without_a_reason_has_none() {
    let told = told_of("wordless", |player| player.stop(None)).await;
    assert_eq!(told[1..], [r#"orders://wordless ActorStopped {"generation":1,"reason":null}"#]);
}

#[tokio::test]
async fn a_panic_is_a_crash_with_its_text() {
    let told = told_of("panics", |player| player.cast(Tell::Panic).unwrap()).await;
    assert_eq!(
        told[1..],
        [
            r#"orders://panics ActorCrashed {"generation":1,"error":"boom","how":"panic","location":null,"message_type":"observing::scene::Tell"}"#
        ]
    );
}

#[tokio::test]
async fn a_returned_error_is_a_crash_but_no_panic() {
    let told = told_of("fails", |player| player.cast(Tell::Fail).unwrap()).await;
    assert_eq!(
        told[1..],
        [
            r#"orders://fails ActorCrashed {"generation":1,"error":"cannot go on","how":"error","location":null,"message_type":"observing::scene::Tell"}"#
        ]
    );
}

#[tokio::test]
async fn an_actor_that_fails_behind_its_start_never_started() {
    let scene = Scene::new().await;
    let name = Some("late".to_owned());
    let (_, join) = Player::spawn_observed(&scene.observer, name, Player, Start::ThenFail).await.unwrap();
    join.await.unwrap();
    let crash = r#"orders://late ActorCrashed {"generation":1,"error":"failed behind the start","how":"error","location":null,"message_type":null}"#;
    assert_eq!(scene.told().await, [crash]);
}

#[tokio::test]
async fn a_failed_start_is_recorded_and_the_spawner_gets_ractors_error() {
    for (start, error) in [(Start::WithError, "no database"), (Start::WithPanic, "no luck")] {
        let scene = Scene::new().await;
        let name = Some("stillborn".to_owned());
        let failed = Player::spawn_observed(&scene.observer, name, Player, start).await.err();
        assert!(matches!(failed, Some(SpawnErr::StartupFailed(cause)) if cause.to_string() == error));
        let event = format!(r#"orders://stillborn ActorStartFailed {{"generation":1,"error":"{error}"}}"#);
        assert_eq!(scene.told().await, [event]);
    }
}

#[tokio::test]
async fn an_actor_killed_while_it_starts_is_a_failed_start() {
    static BEGUN: Notify = Notify::const_new();
    let scene = Scene::new().await;
    let (player, join) =
        ActorRuntime::spawn_instant(Some("slow".into()), scene.observer.wrap(Player), Start::Never(&BEGUN)).unwrap();
    BEGUN.notified().await;
    player.kill();
    assert!(join.await.unwrap().is_err());
    assert_eq!(scene.wait_for("ActorStartFailed").await.actor_address, "orders://slow".into());
    assert_eq!(scene.facts().await.len(), 1);
}

#[tokio::test]
async fn an_actor_killed_before_its_first_step_is_a_failed_start() {
    for name in [Some("unborn".to_owned()), None] {
        let scene = Scene::new().await;
        let spawned = Player::spawn_instant_observed(&scene.observer, name, Player, Start::Well, None);
        let (player, join) = spawned.unwrap();
        // Nobody else runs on this thread until the first wait.
        player.kill();
        assert!(join.await.unwrap().is_err());
        let address = player.get_name().unwrap_or_else(|| player.get_id().to_string());
        let error = "killed, or refused by its supervisor, before it had started";
        let failed = format!(r#"orders://{address} ActorStartFailed {{"generation":1,"error":"{error}"}}"#);
        assert_eq!(scene.told().await, [failed]);
    }
}

#[tokio::test]
async fn a_start_under_a_taken_name_fails_and_has_no_generation() {
    let scene = Scene::new().await;
    let (first, join) = scene.player("taken").await;
    assert!(Player::spawn_observed(&scene.observer, Some("taken".into()), Player, Start::Well).await.is_err());
    let failed = scene.wait_for("ActorStartFailed").await;
    assert!(failed.payload.as_json().starts_with(r#"{"generation":null,"error":"Actor 'taken' is already"#));
    assert_eq!(count(&first).await, 1);
    first.stop(None);
    join.await.unwrap();
    assert_eq!(scene.facts().await.len(), 3);
}

#[tokio::test]
async fn a_name_that_is_spawned_again_is_a_restart_and_the_same_crash_again_is_poison() {
    let scene = Scene::new().await;
    for _ in 1..=3 {
        let (player, join) = scene.player("again").await;
        player.cast(Tell::Panic).unwrap();
        join.await.unwrap();
    }
    const HOW: &str = r#""error":"boom","how":"panic","location":null,"message_type":"observing::scene::Tell""#;
    let mut expected = Vec::new();
    for n in 1..=3 {
        expected.push(format!(r#"orders://again ActorStarted {{"generation":{n},"parent":null}}"#));
        if n > 1 {
            expected
                .push(format!(r#"orders://again ActorRestarted {{"generation":{n},"in_window":null,"limit":null}}"#));
        }
        let crash = format!(r#"{{"generation":{n},{HOW}}}"#);
        expected.push(format!("orders://again ActorCrashed {crash}"));
        if n > 1 {
            let poison = format!(r#"{{"message_type":"observing::scene::Tell","generations":{n},"error":"boom"}}"#);
            expected.push(format!("orders://again PoisonMessage {poison}"));
        }
    }
    assert_eq!(scene.told().await, expected);
}

#[tokio::test]
async fn a_supervisor_is_the_parent_and_still_takes_its_childs_state() {
    let scene = Scene::new().await;
    let (parent, parent_join) = scene.player("parent").await;
    let name = Some("child".to_owned());
    let (child, join): (_, JoinHandle<()>) =
        Player::spawn_linked_observed(&scene.observer, name, Player, Start::Well, parent.get_cell()).await.unwrap();
    assert_eq!(count(&child).await, 1);
    child.stop(None);
    join.await.unwrap();
    assert_eq!(count(&parent).await, 101);
    parent.stop(None);
    parent_join.await.unwrap();
    let told = scene.told().await;
    assert!(told.contains(&r#"orders://child ActorStarted {"generation":1,"parent":"orders://parent"}"#.to_owned()));
    assert_eq!(told.len(), 4);
}

#[tokio::test]
async fn an_actor_without_a_name_is_known_by_its_id() {
    let scene = Scene::new().await;
    let (player, join) = Player::spawn_observed(&scene.observer, None, Player, Start::Well).await.unwrap();
    let id = player.get_id();
    player.kill();
    join.await.unwrap();
    let killed = format!(r#"orders://{id} ActorStopped {{"generation":1,"reason":"killed"}}"#);
    // Killed before it took a message, it has not started; ractor tells its end all the same.
    assert_eq!(scene.told().await, [killed]);
}
