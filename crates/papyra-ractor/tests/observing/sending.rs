//! Each way to send records what is lost on it.

use std::time::Duration;

use papyra::Payload;
use papyra_ractor::{
    ObservedRef,
    ractor::{MessagingErr, rpc::CallResult},
};

use crate::scene::{Scene, Tell};

const SOON: Duration = Duration::from_millis(1);

/// An actor that is dead, and what was recorded since it died.
async fn lost(act: impl AsyncFnOnce(&Scene, &ObservedRef<Tell>)) -> Vec<String> {
    let scene = Scene::with(|observation| observation.payloads(|_, payload| Some(payload))).await;
    let (dead, join) = scene.player("dead").await;
    dead.kill();
    join.await.unwrap();
    act(&scene, &dead).await;
    scene.told().await.into_iter().filter(|told| !told.contains("Actor")).collect()
}

#[tokio::test]
async fn a_call_to_a_dead_actor() {
    let told = lost(async |_, dead| {
        let called = dead.call(Tell::Count, None).await;
        assert!(matches!(called, Err(MessagingErr::SendErr(Tell::Count(_)))));
    });
    assert_eq!(told.await, ["orders://dead stopped null x1"]);
}

#[tokio::test]
async fn a_delayed_message_to_a_dead_actor() {
    let told = lost(async |_, dead| {
        assert!(dead.send_after(SOON, || Tell::Fail).await.unwrap().is_err());
    });
    assert_eq!(told.await, ["orders://dead stopped null x1"]);
}

#[tokio::test]
async fn a_repeated_message_ends_with_the_first_that_is_lost() {
    let told = lost(async |scene, _| {
        let (player, join) = scene.player("brief").await;
        tokio::time::pause();
        let repeated = player.send_interval(Duration::from_secs(60), || Tell::Fail);
        // The clock stands still but for this: now it waits for the first time to come.
        tokio::time::sleep(Duration::from_secs(1)).await;
        player.kill();
        join.await.unwrap();
        repeated.await.unwrap();
        tokio::time::resume();
    });
    assert_eq!(told.await, ["orders://brief stopped null x1"]);
}

#[tokio::test]
async fn an_answer_that_nobody_takes() {
    let told = lost(async |scene, dead| {
        let (asked, _) = scene.player("asked").await;
        let forwarded = asked.call_and_forward(Tell::Count, dead, |_| Tell::Fail, None).unwrap();
        assert!(matches!(forwarded.await.unwrap(), CallResult::Success(Err(MessagingErr::SendErr(Tell::Fail)))));
        asked.kill();
    });
    assert_eq!(told.await, ["orders://dead stopped null x1"]);
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time() {
    let told = lost(async |scene, dead| {
        let asked = scene.hanging("asked").await;
        let forwarded = asked.call_and_forward(Tell::Count, dead, |_| Tell::Fail, Some(SOON)).unwrap();
        assert!(matches!(forwarded.await.unwrap(), CallResult::Timeout));
    });
    assert_eq!(told.await, ["orders://asked timeout null x1"]);
}

#[tokio::test]
async fn a_request_that_is_dropped_unanswered_is_left_in_the_mailbox_and_no_timeout() {
    let scene = Scene::new().await;
    let asked = scene.hanging("asked").await;
    let (answer, ()) = tokio::join!(asked.call(Tell::Count, None), async {
        asked.kill_and_wait(None).await.unwrap();
    });
    assert!(matches!(answer, Ok(CallResult::SenderError)));
    let told = scene.told().await;
    assert_eq!(told[2..], ["orders://asked left_in_mailbox null x1"], "{told:?}");
}

#[tokio::test]
async fn a_payload_is_recorded_as_its_function_and_the_hook_let_it() {
    let told = lost(async |_, dead| {
        let telling = dead.clone().with_payloads(|told| Some(Payload::of(&format!("{told:?}"))));
        assert!(telling.cast(Tell::Fail).is_err());
        assert!(dead.cast(Tell::Fail).is_err());
    });
    assert_eq!(told.await, [r#"orders://dead stopped "Fail" x1"#, "orders://dead stopped null x1"]);
}
