//! Where actors panicked. A program of its own, because a panic hook is there for the whole process.

mod scene;

use papyra::observe::PanicHook;
use scene::{Panic, Scene, ended};

#[tokio::test]
async fn a_panic_has_its_place() {
    let scene = Scene::new().await;
    PanicHook::of(scene.observer.observation()).install();
    let player = scene.player("panics");
    player.tell(Panic).await.unwrap();
    ended(&player).await;
    let crash = scene.wait_for("ActorCrashed").await;
    let place = crash.payload.as_json().split_once(r#""location":""#).unwrap().1;
    assert!(place.contains("scene/mod.rs:"), "{place}");
    // kameo catches it where Papyra's hook cannot know, so it is told there as well.
    scene.wait_for("ProcessPanicked").await;
    scene.facts().await;
}
