//! The example is short, records what it says, and does not start on a damaged log.

use std::{
    env, fs,
    path::Path,
    process::{Command, Output},
};

use papyra::{Fact, ReadOptions, open};

const SOURCE: &str = include_str!("../examples/orders_on_kameo.rs");

/// Cargo builds examples along with tests.
fn run(log: &str) -> Output {
    let tests = env::current_exe().unwrap();
    let example = tests.ancestors().nth(2).unwrap().join("examples/orders_on_kameo");
    Command::new(example).arg(log).output().unwrap()
}

async fn facts(log: &str) -> Vec<String> {
    let entries = open(log).await.unwrap().read(ReadOptions::oldest_first()).collect().await.unwrap();
    let told = |fact: &Fact| match fact {
        Fact::Event(event) => format!("{} {} {}", event.actor_address, event.event_type, event.payload),
        Fact::DeadLetter(letter) => format!("{} {:?}", letter.target, letter.why),
        other => format!("{other:?}"),
    };
    entries.iter().map(|entry| told(&entry.fact)).collect()
}

fn address(dir: &Path) -> String {
    format!("json:{}", dir.join("orders.ndjson").display())
}

#[test]
fn it_is_thirty_lines_of_code() {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    assert!(SOURCE.lines().filter(is_code).count() <= 30);
}

#[tokio::test]
async fn it_records_a_start_a_crash_and_a_dead_letter() {
    let dir = tempfile::tempdir().unwrap();
    let log = address(dir.path());
    let ran = run(&log);
    assert!(ran.status.success(), "{ran:?}");
    let expected = [
        r#"shop://orders ActorStarted {"generation":1,"parent":null}"#,
        r#"shop://orders ActorCrashed {"generation":1,"error":"an empty order","how":"panic","location":null,"message_type":null}"#,
        "shop://orders Some(Stopped)",
    ];
    // A message that finds nobody may be told before the crash that is the reason: two tasks tell.
    let mut told = facts(&log).await;
    told.sort_by_key(|fact| fact == expected[2]);
    assert_eq!(told, expected);
}

#[tokio::test]
async fn it_does_not_start_on_a_damaged_log() {
    let dir = tempfile::tempdir().unwrap();
    let log = address(dir.path());
    assert!(run(&log).status.success());
    let path = dir.path().join("orders.ndjson");
    let damaged = fs::read_to_string(&path).unwrap().replacen("an empty order", "an empty oRder", 1);
    fs::write(&path, &damaged).unwrap();
    let refused = run(&log);
    assert!(!refused.status.success(), "{refused:?}");
    assert!(refused.stdout.is_empty(), "{refused:?}");
    // No actor has run, and nothing was written.
    assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
}
