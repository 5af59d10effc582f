//! The Python Papyra 0.3.0 and this one on the same logs.

use std::{fs, path::Path};

use crate::{
    effort::skip,
    lab::{LOG, Lab, finish},
};

const PROGRAM: &str = include_str!("python_papyra.py");

/// The Python Papyra in a directory.
struct Python<'a> {
    lab: &'a Lab,
    interpreter: String,
}

impl<'a> Python<'a> {
    fn beside(lab: &'a Lab) -> Option<Self> {
        let interpreter = std::env::var("PAPYRA_PYTHON").ok().filter(|path| Path::new(path).exists());
        if interpreter.is_none() {
            skip("PAPYRA_PYTHON names no Python with papyra==0.3.0 (scripts/test makes one)");
        }
        interpreter.map(|interpreter| Python { lab, interpreter })
    }

    #[track_caller]
    fn run(&self, verb: &str, path: &str) -> serde_json::Value {
        let mut command = self.lab.program(&self.interpreter);
        command.args(["-c", PROGRAM, verb, path]);
        serde_json::from_str(&finish(command, b"").ended(0).stdout).unwrap()
    }

    /// What it reads from a log that it finds clean: the facts of each kind.
    #[track_caller]
    fn reads(&self, path: &str) -> [usize; 3] {
        let shown = self.run("show", path);
        assert_eq!(shown["anomalies"], serde_json::json!([]), "{shown}");
        ["events", "audits", "dead_letters"].map(|kind| shown[kind].as_array().unwrap().len())
    }
}

/// What we read from a log: the facts of each kind.
#[track_caller]
fn ours(lab: &Lab, path: &str) -> [usize; 3] {
    ["events", "audits", "dead-letters"].map(|kind| {
        let run = lab.run(&["inspect", kind, "-o", "ndjson", "--path", path], "").ended(0);
        assert_eq!(run.stderr, "");
        run.stdout.lines().count()
    })
}

#[track_caller]
fn scan(lab: &Lab, path: &str, code: i32) -> String {
    lab.run(&["persistence", "scan", "--deep", "--path", path], "").ended(code).stdout
}

const FACTS: &str = concat!(
    r#"{"kind":"event","system_id":"orders","actor_address":"orders://worker/3","event_type":"ActorCrashed","payload":{"error":"boom"},"timestamp":1763620000.123456}"#,
    "\n",
    r#"{"kind":"audit","system_id":"orders","timestamp":1763620001.0,"total_actors":3,"alive_actors":2,"stopping_actors":0,"restarting_actors":1,"registry_size":2,"registry_orphans":[],"registry_dead":["x"],"dead_letters_count":4}"#,
    "\n",
    r#"{"kind":"dead_letter","system_id":"orders","target":"orders://worker/3","message_type":"orders::Place","payload":null,"why":"stopped","timestamp":1763620002.5}"#,
    "\n",
    r#"{"kind":"dead_letter","system_id":"orders","target":null,"message_type":"orders::Place","payload":[1,{"a":"ü"}],"timestamp":1763620003}"#,
    "\n",
);

#[test]
fn python_lists_our_facts_and_finds_our_file_clean() {
    let lab = Lab::new();
    let Some(python) = Python::beside(&lab) else { return };
    lab.append(FACTS).ended(0);
    assert_eq!(python.reads(LOG), [1, 1, 2]);
    let shown = python.run("show", LOG);
    assert_eq!(shown["events"], serde_json::json!(["ActorCrashed"]));
    assert_eq!(shown["dead_letters"], serde_json::json!(["orders::Place", "orders::Place"]));
    let times = serde_json::json!([1763620000.123456, 1763620001.0, 1763620002.5, 1763620003]);
    assert_eq!(shown["times"], times);
    // And after a rewrite, with its certifying header.
    lab.append(FACTS).ended(0);
    lab.on_log(&["persistence", "compact", "--max-records", "5"]).ended(0);
    assert_eq!(python.reads(LOG), [1, 1, 3]);
}

#[test]
fn we_read_scan_and_continue_a_log_of_python() {
    let lab = Lab::new();
    let Some(python) = Python::beside(&lab) else { return };
    python.run("fill1", LOG);
    python.run("fill2", LOG);
    let original = lab.bytes();
    assert_eq!(ours(&lab, LOG), [2, 2, 4]);
    assert!(scan(&lab, LOG, 0).contains("healthy"));
    lab.append(FACTS).ended(0);
    assert!(lab.bytes().starts_with(&original), "what Python wrote stays as it is");
    assert!(scan(&lab, LOG, 0).contains("healthy"));
    assert_eq!(ours(&lab, LOG), [3, 3, 6]);
    assert_eq!(python.reads(LOG), [3, 3, 6]);
    lab.on_log(&["persistence", "compact", "--max-records", "7"]).ended(0);
    assert!(scan(&lab, LOG, 0).contains("healthy"));
    assert_eq!(python.reads(LOG).iter().sum::<usize>(), 7);
    assert_eq!(ours(&lab, LOG), python.reads(LOG));
}

#[test]
fn we_read_scan_and_continue_the_files_of_a_rotating_log_of_python() {
    let lab = Lab::new();
    let Some(python) = Python::beside(&lab) else { return };
    let made = python.run("rotate", "rotating.ndjson");
    let files: Vec<&str> = made["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
    assert!(files.len() > 2, "{files:?}");
    let mut sum = [0; 3];
    for file in &files {
        assert!(scan(&lab, file, 0).contains("healthy"));
        let read = ours(&lab, file);
        assert_eq!(read, python.reads(file));
        sum.iter_mut().zip(read).for_each(|(sum, read)| *sum += read);
    }
    assert_eq!(sum, [5, 5, 10]);
    let last = files[files.len() - 1];
    let before = ours(&lab, last);
    lab.run(&["append", "--path", last], FACTS).ended(0);
    assert!(scan(&lab, last, 0).contains("healthy"));
    assert_eq!(ours(&lab, last), [before[0] + 1, before[1] + 1, before[2] + 2]);
    assert_eq!(ours(&lab, last), python.reads(last));
}

#[test]
fn what_python_appends_to_our_log_is_named_and_sealed_by_recovery() {
    let lab = Lab::new();
    let Some(python) = Python::beside(&lab) else { return };
    lab.append(FACTS).ended(0);
    python.run("fill7", LOG);
    let found = scan(&lab, LOG, 2);
    assert!(found.contains("Found 1 persistence anomalies"), "{found}");
    assert!(found.lines().skip(1).all(|line| line.starts_with("- UNSEALED_LINE")), "{found}");
    // Both go on writing, one after the other.
    lab.append(FACTS).ended(0);
    python.run("fill8", LOG);
    let ours_before = fs::read(lab.log()).unwrap();
    let sealed: Vec<&[u8]> = ours_before.split(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\"}")).collect();
    lab.on_log(&["persistence", "recover"]).ended(0);
    assert!(scan(&lab, LOG, 0).contains("healthy"));
    assert_eq!(ours(&lab, LOG), [4, 4, 8]);
    assert_eq!(python.reads(LOG), [4, 4, 8]);
    let after = lab.bytes();
    for line in &sealed[1..] {
        assert!(after.windows(line.len()).any(|window| window == *line), "a sealed line was changed");
    }
}
