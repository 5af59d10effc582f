//! The Python Papyra 0.3.0 and this one on the same streams.

use std::{path::Path, process::Command};

use papyra::{Fact, ReadOptions, ScanOptions};

use crate::{
    facts::{entries, facts, log},
    lab::Server,
};

const PROGRAM: &str = include_str!("python_papyra.py");

/// Runs the Python Papyra; `None` if it is not there, which it must be where nothing may be skipped.
fn python(server: &Server, verb: &str) -> Option<serde_json::Value> {
    let interpreter = std::env::var("PAPYRA_PYTHON").ok().filter(|path| Path::new(path).exists());
    let Some(interpreter) = interpreter else {
        let required = std::env::var("PAPYRA_REQUIRE_ALL").is_ok_and(|value| value == "1");
        assert!(!required, "PAPYRA_PYTHON names no Python with papyra==0.3.0 and redis");
        eprintln!("skipped: PAPYRA_PYTHON names no Python with papyra==0.3.0 and redis");
        return None;
    };
    let url = format!("redis://127.0.0.1:{}/0", server.port());
    let output = Command::new(interpreter).args(["-c", PROGRAM, verb, &url]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[tokio::test]
async fn each_reads_what_the_other_wrote() {
    let server = Server::start();
    let log = log(&server);
    log.append(&facts(0, 9)).await.unwrap();
    let Some(shown) = python(&server, "show") else { return };
    assert_eq!(shown["anomalies"], serde_json::json!([]), "{shown}");
    for kind in ["events", "audits", "dead_letters"] {
        assert_eq!(shown[kind].as_array().unwrap().len(), 3, "{shown}");
    }
    python(&server, "write").unwrap();
    log.append(&facts(9, 3)).await.unwrap();
    let all = entries(&log).await;
    assert_eq!(all.len(), 9 + 3 + 3);
    let theirs: Vec<&Fact> = all[9..12].iter().map(|entry| &entry.fact).collect();
    assert!(matches!(theirs[..], [Fact::Event(_), Fact::Audit(_), Fact::DeadLetter(_)]), "{theirs:?}");
    let scan = log.scan(ScanOptions::deep()).await.unwrap();
    assert!(scan.is_clean() && scan.legacy_lines == 3, "{scan:?}");
    let newest = log.read(ReadOptions::newest_first()).collect().await.unwrap();
    assert!(newest.iter().eq(all.iter().rev()));
}

#[tokio::test]
async fn its_consumer_groups_work_on_our_streams() {
    let server = Server::start();
    log(&server).append(&facts(0, 30)).await.unwrap();
    let Some(consumed) = python(&server, "consume") else { return };
    assert_eq!(consumed["events"], 10, "{consumed}");
    assert_eq!(consumed["acked"], 10, "{consumed}");
}
