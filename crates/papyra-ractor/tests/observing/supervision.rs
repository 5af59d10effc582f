//! What supervisors decide.

use papyra_ractor::{
    SpawnObserved,
    ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent},
};
use ractor_supervisor::{
    ChildSpec, Restart, SpawnFn, Supervisor, SupervisorArguments, SupervisorOptions, SupervisorStrategy,
};

use crate::scene::{LONG, Player, Scene, Start, Tell, count};

/// Fails over the end of any child.
struct Strict;

#[cfg_attr(feature = "async-trait", papyra_ractor::ractor::async_trait)]
impl Actor for Strict {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<()>,
        heard: SupervisionEvent,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        match heard {
            SupervisionEvent::ActorFailed(_, error) => Err(format!("lost a child: {error}").into()),
            _ => Ok(()),
        }
    }
}

/// What is told of `strict`, whose child panics.
async fn strict_fails(scene: Scene, parent: Option<ActorCell>) -> Vec<String> {
    let name = Some("strict".to_owned());
    let (strict, join) = match parent {
        None => Strict::spawn_observed(&scene.observer, name, Strict, ()).await.unwrap(),
        Some(parent) => Strict::spawn_linked_observed(&scene.observer, name, Strict, (), parent).await.unwrap(),
    };
    let name = Some("child".to_owned());
    let spawned = Player::spawn_linked_observed(&scene.observer, name, Player, Start::Well, strict.get_cell()).await;
    let (child, _) = spawned.unwrap();
    count(&child).await;
    child.cast(Tell::Panic).unwrap();
    join.await.unwrap();
    scene.told().await.into_iter().filter(|told| told.starts_with("orders://strict")).collect()
}

const KNEW: &str = r#""context":{"child":"orders://child","error":"lost a child: boom"}}"#;

#[tokio::test]
async fn a_supervisor_that_fails_over_a_child_leaves_it_to_its_own() {
    let scene = Scene::new().await;
    let (parent, _) = scene.player("parent").await;
    let told = strict_fails(scene, Some(parent.get_cell())).await;
    assert_eq!(told[1], format!(r#"orders://strict SupervisionDecision {{"decision":"escalate",{KNEW}"#));
    assert!(told[2].starts_with("orders://strict ActorCrashed"));
    assert_eq!(told.len(), 3);
    parent.kill();
}

#[tokio::test]
async fn at_the_top_of_the_tree_it_gives_up() {
    let told = strict_fails(Scene::new().await, None).await;
    assert_eq!(told[1], format!(r#"orders://strict SupervisionDecision {{"decision":"give_up",{KNEW}"#));
}

#[tokio::test]
async fn starts_that_fail_count_as_restarts_and_end_in_giving_up() {
    let scene = Scene::new().await;
    let supervision = scene.observer.supervision(2, LONG);
    let child = ChildSpec {
        id: "hopeless".to_owned(),
        restart: Restart::Permanent,
        spawn_fn: SpawnFn::new(supervision.child(|| (Player, Start::WithError))),
        backoff_fn: None,
        reset_after: None,
    };
    let strategy = SupervisorStrategy::OneForOne;
    let options = SupervisorOptions { strategy, max_restarts: 2, max_window: LONG, reset_after: None };
    let (_, join) =
        Supervisor::spawn("boss".into(), SupervisorArguments { child_specs: vec![child], options }).await.unwrap();
    join.await.unwrap();
    let told = scene.told().await;
    for generation in 1..=3 {
        let failed =
            format!(r#"orders://hopeless ActorStartFailed {{"generation":{generation},"error":"no database"}}"#);
        assert!(told.contains(&failed), "{told:?}");
    }
    let decided = told.iter().position(|told| told.contains(r#"SupervisionDecision {"decision":"give_up""#));
    let crashed = told.iter().position(|told| told.starts_with("orders://boss ActorCrashed"));
    assert!(decided.is_some() && decided < crashed, "{told:?}");
    assert_eq!(told.len(), 6, "{told:?}");
}

#[tokio::test]
async fn children_start_without_their_observer_all_the_same() {
    let scene = Scene::new().await;
    let spawn = scene.observer.supervision(2, LONG).child(|| (Player, Start::Well));
    let (parent, _) = Player::spawn(None, Player, Start::Well).await.unwrap();
    assert_eq!(scene.facts().await, []);
    let child: ActorRef<Tell> = spawn(parent.get_cell(), "unseen".to_owned()).await.unwrap().into();
    assert_eq!(count(&child).await, 1);
    parent.kill();
}
