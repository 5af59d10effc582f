//! The table of scenarios: each row yields exactly its facts, in full. The adapters for other frameworks have the same rows.

mod doer;
mod packing;
mod scene;

use std::{sync::Arc, time::Duration};

use papyra_ractor::{
    SpawnObserved,
    ractor::{
        ActorRef, SpawnErr,
        factory::{FactoryMessage, Job},
        registry,
        rpc::CallResult,
    },
};
use tokio::sync::Notify;

use crate::{
    doer::{Do, Doer},
    scene::{LONG, Scene, row},
};

const STARTED: &str = r#"ActorStarted {"generation":1,"parent":null}"#;
const CRASHED: &str = r#""error":"boom","how":"panic","location":null,"message_type":"scenarios::doer::Do"}"#;

#[test]
fn start() {
    row(async |scene| drop(scene.worker("one").await), &[&format!("shop://one {STARTED}")]);
}

#[test]
fn failed_start() {
    let act = async |scene: &Scene| {
        let failed = Doer::spawn_observed(&scene.observer, Some("one".into()), Doer, false).await;
        assert!(matches!(failed, Err(SpawnErr::StartupFailed(error)) if error.to_string() == "no database"));
    };
    row(act, &[r#"shop://one ActorStartFailed {"generation":1,"error":"no database"}"#]);
}

#[test]
fn clean_stop() {
    let act = async |scene: &Scene| {
        scene.worker("one").await.stop_and_wait(Some("closing time".into()), None).await.unwrap();
    };
    let stopped = r#"shop://one ActorStopped {"generation":1,"reason":"closing time"}"#;
    row(act, &[&format!("shop://one {STARTED}"), stopped]);
}

#[test]
fn kill() {
    let act = async |scene: &Scene| scene.worker("one").await.kill_and_wait(None).await.unwrap();
    let stopped = r#"shop://one ActorStopped {"generation":1,"reason":"killed"}"#;
    row(act, &[&format!("shop://one {STARTED}"), stopped]);
}

#[test]
fn panic() {
    let act = async |scene: &Scene| scene.ends(&scene.worker("one").await, Do::Panic).await;
    row(act, &[&format!("shop://one {STARTED}"), &format!(r#"shop://one ActorCrashed {{"generation":1,{CRASHED}"#)]);
}

#[test]
fn error_return() {
    let act = async |scene: &Scene| scene.ends(&scene.worker("one").await, Do::Fail).await;
    let how = r#""error":"cannot go on","how":"error","location":null,"message_type":"scenarios::doer::Do"}"#;
    row(act, &[&format!("shop://one {STARTED}"), &format!(r#"shop://one ActorCrashed {{"generation":1,{how}"#)]);
}

#[test]
fn restart() {
    let act = async |scene: &Scene| {
        scene.supervised(2).await;
        scene.child_panics(2).await;
    };
    let expected = [
        format!("shop://boss {STARTED}"),
        r#"shop://one ActorStarted {"generation":1,"parent":"shop://boss"}"#.to_owned(),
        format!(r#"shop://one ActorCrashed {{"generation":1,{CRASHED}"#),
        r#"shop://one ActorStarted {"generation":2,"parent":"shop://boss"}"#.to_owned(),
        r#"shop://one ActorRestarted {"generation":2,"in_window":1,"limit":2}"#.to_owned(),
    ];
    row(act, &expected);
}

#[test]
fn restart_limit_exceeded() {
    let act = async |scene: &Scene| {
        let supervisor = scene.supervised(1).await;
        scene.child_panics(2).await;
        let child: ActorRef<Do> = registry::where_is("one").unwrap().into();
        child.cast(Do::Panic).unwrap();
        supervisor.wait(Some(LONG)).await.unwrap();
    };
    let expected = [
        format!("shop://boss {STARTED}"),
        r#"shop://boss SupervisionDecision {"decision":"give_up","context":{"error":"Meltdown: max_restarts exceeded"}}"#.to_owned(),
        r#"shop://boss ActorCrashed {"generation":1,"error":"Meltdown: max_restarts exceeded","how":null,"location":null,"message_type":null}"#.to_owned(),
        r#"shop://one ActorStarted {"generation":1,"parent":"shop://boss"}"#.to_owned(),
        format!(r#"shop://one ActorCrashed {{"generation":1,{CRASHED}"#),
        r#"shop://one ActorStarted {"generation":2,"parent":"shop://boss"}"#.to_owned(),
        r#"shop://one ActorRestarted {"generation":2,"in_window":1,"limit":1}"#.to_owned(),
        format!(r#"shop://one ActorCrashed {{"generation":2,{CRASHED}"#),
        r#"shop://one PoisonMessage {"message_type":"scenarios::doer::Do","generations":2,"error":"boom"}"#.to_owned(),
    ];
    row(act, &expected);
}

#[test]
fn send_to_dead() {
    let act = async |scene: &Scene| {
        let worker = scene.worker("one").await;
        worker.stop_and_wait(None, None).await.unwrap();
        assert!(worker.cast(Do::Panic).is_err());
    };
    let expected = [
        format!("shop://one {STARTED}"),
        r#"shop://one ActorStopped {"generation":1,"reason":null}"#.to_owned(),
        "shop://one dead letter: stopped scenarios::doer::Do null x1".to_owned(),
    ];
    row(act, &expected);
}

#[test]
fn mailbox_leftovers() {
    let act = async |scene: &Scene| {
        let (worker, taken) = (scene.worker("one").await, Arc::new(Notify::new()));
        worker.cast(Do::Never(taken.clone())).unwrap();
        taken.notified().await;
        (0..3).for_each(|_| worker.cast(Do::Panic).unwrap());
        worker.kill_and_wait(None).await.unwrap();
    };
    let expected = [
        format!("shop://one {STARTED}"),
        r#"shop://one ActorStopped {"generation":1,"reason":"killed"}"#.to_owned(),
        "shop://one dead letter: left_in_mailbox scenarios::doer::Do null x3".to_owned(),
    ];
    row(act, &expected);
}

/// ractor's mailboxes have no limit, so none is ever full. What ractor has instead is a factory that discards jobs.
#[test]
fn full_mailbox() {
    let act = async |scene: &Scene| {
        let taken = Arc::new(Notify::new());
        let factory = packing::spawn(&scene.observer, taken.clone()).await;
        let dispatch = |key, job| factory.cast(FactoryMessage::Dispatch(Job::new(key, job))).unwrap();
        dispatch(1, "packed for ever");
        taken.notified().await;
        dispatch(2, "waits");
        dispatch(3, "is one too many");
        scene.told("dead letter").await;
    };
    row(act, &[&format!("shop://packing {STARTED}"), "shop://packing dead letter: discarded &str null x1"]);
}

#[test]
fn ask_timeout() {
    let act = async |scene: &Scene| {
        let worker = scene.worker("one").await;
        let answer = worker.call(Do::Keep, Some(Duration::from_millis(5))).await.unwrap();
        assert!(matches!(answer, CallResult::Timeout));
    };
    row(act, &[&format!("shop://one {STARTED}"), "shop://one dead letter: timeout scenarios::doer::Do null x1"]);
}

/// ractor's registry holds the actors themselves and lets a name go when its actor begins to stop: no name is ever orphaned
/// or leads to a dead actor.
#[test]
fn name_registered_and_orphaned() {
    let act = async |scene: &Scene| {
        let worker = scene.worker("one").await;
        scene.observer.audit();
        scene.ends(&worker, Do::Panic).await;
        scene.told("ActorCrashed").await;
        scene.observer.audit();
    };
    let expected = [
        "shop audit: total 1 alive 1 stopping 0 restarting 0, names 1 orphans [] dead [], 0 lost, Ok".to_owned(),
        "shop audit: total 0 alive 0 stopping 0 restarting 0, names 0 orphans [] dead [], 0 lost, Degraded".to_owned(),
        format!("shop://one {STARTED}"),
        format!(r#"shop://one ActorCrashed {{"generation":1,{CRASHED}"#),
    ];
    row(act, &expected);
}

#[test]
fn cascading_stop_of_children() {
    let act = async |scene: &Scene| {
        let parent = scene.worker("parent").await;
        for name in ["child-1", "child-2"] {
            let (name, parent) = (Some(name.to_owned()), parent.get_cell());
            let (child, _) = Doer::spawn_linked_observed(&scene.observer, name, Doer, true, parent).await.unwrap();
            child.call(Do::Answer, None).await.unwrap();
        }
        let children = parent.get_children();
        parent.stop_and_wait(Some("closing time".into()), None).await.unwrap();
        for child in children {
            child.wait(Some(LONG)).await.unwrap();
        }
    };
    let expected = [
        r#"shop://child-1 ActorStarted {"generation":1,"parent":"shop://parent"}"#,
        r#"shop://child-1 ActorStopped {"generation":1,"reason":"killed"}"#,
        r#"shop://child-2 ActorStarted {"generation":1,"parent":"shop://parent"}"#,
        r#"shop://child-2 ActorStopped {"generation":1,"reason":"killed"}"#,
        &format!("shop://parent {STARTED}"),
        r#"shop://parent ActorStopped {"generation":1,"reason":"closing time"}"#,
    ];
    row(act, &expected);
}
