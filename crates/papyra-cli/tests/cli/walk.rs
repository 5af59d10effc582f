//! The demo's last words are a walk through breaking a log and mending it. Here somebody takes them at their word.

use std::process::Command;

use crate::lab::{Lab, Run, finish};

#[test]
fn the_commands_that_the_demo_prints_break_the_log_and_mend_it() {
    let lab = Lab::new();
    let demo = lab.run(&["demo", "--seconds", "1", "--path", "it's the shop.ndjson"], "");
    let all = demo.lines();
    let begin = all.iter().position(|line| line.ends_with("What to try next:")).unwrap();
    let commands: Vec<&str> = all[begin..].iter().filter_map(|line| line.strip_prefix("  ")).collect();
    let commands: Vec<&str> = commands.into_iter().filter(|line| !line.starts_with('#')).collect();
    let shell = |line: &str| -> Run {
        let mut shell = Command::new("sh");
        lab.settle(&mut shell);
        shell.args(["-c", line]);
        finish(shell, b"")
    };
    let facts = |look: &str| {
        let report = shell(&format!("{look} -o json")).json();
        report["counts"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum::<u64>()
    };
    let [crashes, letters, follow, breaking, scan, gate, mend, look] = commands[..] else {
        panic!("other commands than this test knows: {commands:?}")
    };
    assert_eq!(shell(crashes).lines().len(), 3);
    assert!(shell(letters).lines().len() > 2);
    // It ends with Ctrl-C, as other tests show.
    assert!(follow.contains(" --follow "), "{follow}");
    let before = facts(look);
    let sound = lab.read("it's the shop.ndjson");

    assert_eq!(shell(breaking).code, Some(0), "{breaking}");
    let broken = lab.read("it's the shop.ndjson");
    assert_eq!(sound.iter().zip(&broken).filter(|(was, is)| was != is).count(), 1);
    assert_eq!(sound.len(), broken.len());
    let scanned = shell(scan);
    assert!(scanned.code == Some(2) && scanned.stdout.starts_with("Found 1 persistence anomalies:"), "{scanned:?}");
    let closed = shell(gate);
    assert!(closed.code == Some(1) && closed.stderr.contains("gate closed"), "{closed:?}");
    let mended = shell(mend);
    assert_eq!(mended.lines().last(), Some(&"Recovery successful"), "{mended:?}");
    let copy = mended.stdout.lines().find_map(|line| line.strip_prefix("quarantined ")).unwrap();
    assert_eq!(lab.read(copy), broken);
    assert!(!shell(look).lines().is_empty());
    assert_eq!(facts(look), before - 1);
    assert_eq!((shell(scan).code, shell(gate).code), (Some(0), Some(0)));
}
