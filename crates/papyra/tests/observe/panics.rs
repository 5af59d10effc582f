//! The panic hook: last words that reach the disk, places of caught panics, and no harm done.
//!
//! A panic hook belongs to the whole process, so each test plays its scene in a child process: this test binary, called
//! for one ignored test.

use std::{
    os::unix::process::ExitStatusExt,
    process::{Command, Output},
    time::Duration,
};

use async_trait::async_trait;
use papyra::{
    Appended, Backend, Fact, Log, ReadOptions, Recorder, Result,
    observe::{Observation, PanicHook, catch, take_panic_location},
    open,
};

use crate::scene::{LONG, told};

const LOG: &str = "PAPYRA_TEST_LOG";

/// Calls an ignored test of this file in a process of its own.
fn play(scene: &str, log: &str) -> Output {
    let program = std::env::current_exe().unwrap();
    let arguments = ["--exact", "--ignored", "--nocapture", &format!("panics::{scene}")];
    Command::new(program).args(arguments).env(LOG, log).output().unwrap()
}

#[tokio::test]
async fn the_last_words_are_on_disk_before_the_process_dies() {
    let dir = tempfile::tempdir().unwrap();
    let address = format!("json:{}", dir.path().join("facts.ndjson").display());
    let played = play("play_a_death", &address);
    assert!(!played.status.success(), "{played:?}");
    let entries = open(&address).await.unwrap().read(ReadOptions::oldest_first()).collect().await.unwrap();
    let facts: Vec<Fact> = entries.into_iter().map(|entry| entry.fact).collect();
    assert_eq!(facts.len(), 2, "{facts:?} {played:?}");
    assert_eq!(told(&facts[0]), r#"orders://worker ActorStarted {"generation":1,"parent":null}"#);
    let words = told(&facts[1]);
    assert!(words.starts_with(r#"- ProcessPanicked {"message":"the end","file":""#), "{words}");
    assert!(words.contains("panics.rs\",\"line\":") && words.ends_with(r#","thread":"doomed"}"#), "{words}");
    assert_eq!(facts[1].system_id(), "orders");
}

#[tokio::test]
#[ignore = "ends its process; called by the test above"]
async fn play_a_death() {
    let Ok(address) = std::env::var(LOG) else { return };
    let recorder = Recorder::builder(address).open().await.unwrap();
    let observation = Observation::of(&recorder).system("orders").start();
    // As with `panic = "abort"`: nothing runs behind the hooks.
    std::panic::set_hook(Box::new(|_| std::process::abort()));
    PanicHook::of(&observation).wait(LONG).install();
    observation.begin("worker").started();
    let doomed = std::thread::Builder::new().name("doomed".to_owned());
    doomed.spawn(|| panic!("the end")).unwrap().join().unwrap_err();
}

/// A program of its own, that cargo builds with `panic = "abort"`: nothing but that makes the hook wait.
#[tokio::test]
async fn a_program_that_is_built_to_abort_leaves_its_last_words() {
    let deps = std::env::current_exe().unwrap();
    let target = deps.ancestors().nth(3).unwrap();
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--locked",
            "--offline",
            "--package",
            "papyra",
            "--profile",
            "abort",
            "--example",
            "last_words",
        ])
        .args(["--target-dir".as_ref(), target.as_os_str()])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    let dir = tempfile::tempdir().unwrap();
    let address = format!("json:{}", dir.path().join("facts.ndjson").display());
    let played =
        Command::new(target.join("abort/examples/last_words")).arg(&address).current_dir(dir.path()).output().unwrap();
    assert_eq!(played.status.signal(), Some(libc::SIGABRT), "{played:?}");
    let entries = open(&address).await.unwrap().read(ReadOptions::oldest_first()).collect().await.unwrap();
    let facts: Vec<String> = entries.iter().map(|entry| told(&entry.fact)).collect();
    let [started, words] = &facts[..] else { panic!("{facts:?} {played:?}") };
    assert_eq!(started, r#"orders://importer ActorStarted {"generation":1,"parent":null}"#);
    assert!(words.starts_with(r#"- ProcessPanicked {"message":"a file without an end","file":""#), "{words}");
    assert!(words.contains(r#"last_words.rs","line":"#), "{words}");
}

#[test]
fn a_disk_that_hangs_does_not_hang_the_panic() {
    let played = play("play_a_panic_before_a_hung_disk", "");
    assert!(played.status.success(), "{played:?}");
}

#[derive(Debug)]
struct Hung;

#[async_trait]
impl Backend for Hung {
    fn name(&self) -> &'static str {
        "hung"
    }
    async fn append(&self, _: &[Fact]) -> Result<Appended> {
        std::future::pending().await
    }
    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

#[test]
#[ignore = "installs a hook; called by the test above"]
fn play_a_panic_before_a_hung_disk() {
    if std::env::var(LOG).is_err() {
        return;
    }
    let recorder = Recorder::builder(Log::new(Hung)).drop_timeout(Duration::ZERO).start().unwrap();
    let observation = Observation::of(&recorder).start();
    PanicHook::of(&observation).wait(Duration::from_millis(50)).install();
    assert!(std::thread::spawn(|| panic!("the end")).join().is_err());
}

#[test]
fn a_panic_that_will_be_caught_is_left_to_the_catcher_with_its_place() {
    let played = play("play_caught_panics", "");
    assert!(played.status.success(), "{played:?}");
}

#[tokio::test]
#[ignore = "installs a hook; called by the test above"]
async fn play_caught_panics() {
    if std::env::var(LOG).is_err() {
        return;
    }
    let log = Log::memory();
    let recorder = Recorder::start(log.clone()).unwrap();
    let observation = Observation::of(&recorder).start();
    assert_eq!(catch(|| panic!("unseen")).unwrap_err().location(), None);
    PanicHook::of(&observation).install();
    let line = line!() + 1;
    let caught = catch(|| panic!("caught")).unwrap_err();
    assert_eq!(caught.location(), Some(&*format!("{}:{line}", file!())));
    assert_eq!(take_panic_location(), None);
    // Two who catch the same panic both know where it happened.
    let passed_on = catch(|| caught.resume()).unwrap_err();
    assert_eq!((passed_on.text(), passed_on.location()), ("caught", Some(&*format!("{}:{line}", file!()))));
    // Nobody has told the hook that this one will be caught.
    let _ = std::panic::catch_unwind(|| panic!("by surprise"));
    assert!(take_panic_location().is_some());
    drop(observation);
    let _ = std::panic::catch_unwind(|| panic!("nobody observes any more"));
    recorder.shutdown(LONG).await;
    let entries = log.read(ReadOptions::oldest_first()).collect().await.unwrap();
    let [only] = &entries[..] else { panic!("{entries:?}") };
    assert!(told(&only.fact).starts_with(r#"- ProcessPanicked {"message":"by surprise""#), "{only:?}");
}

#[test]
fn a_panic_that_is_passed_on_did_not_happen_where_another_did() {
    let played = play("play_a_panic_passed_on", "");
    assert!(played.status.success(), "{played:?}");
}

#[test]
#[ignore = "installs a hook; called by the test above"]
fn play_a_panic_passed_on() {
    if std::env::var(LOG).is_err() {
        return;
    }
    let scene = crate::scene::Scene::new();
    PanicHook::of(&scene.observation().start()).install();
    let passed_on = std::thread::spawn(|| panic!("elsewhere")).join().unwrap_err();
    // Nobody asks where this one happened.
    std::panic::catch_unwind(|| panic!("before")).unwrap_err();
    let caught = catch(|| std::panic::resume_unwind(passed_on)).unwrap_err();
    assert_eq!((caught.text(), caught.location()), ("elsewhere", None));
}
