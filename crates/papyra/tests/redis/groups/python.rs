//! Workers in Python and ours in one group, on one stream.

use std::{collections::BTreeSet, path::Path, process::Command, time::Duration};

use papyra::{Consumer, PendingOptions};

use super::{EVENTS, log, number, numbers, positions, state, workers};
use crate::lab::Server;

/// The Python Papyra 0.3.0 on a server.
struct Python<'a> {
    interpreter: String,
    server: &'a Server,
}

impl<'a> Python<'a> {
    fn on(server: &'a Server) -> Option<Self> {
        let interpreter = std::env::var("PAPYRA_PYTHON").ok().filter(|path| Path::new(path).exists());
        if interpreter.is_none() {
            let required = std::env::var("PAPYRA_REQUIRE_ALL").is_ok_and(|value| value == "1");
            assert!(!required, "PAPYRA_PYTHON names no Python with papyra==0.3.0 and redis");
            eprintln!("skipped: PAPYRA_PYTHON names no Python with papyra==0.3.0 and redis (scripts/test makes one)");
        }
        interpreter.map(|interpreter| Python { interpreter, server })
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> serde_json::Value {
        let url = format!("redis://127.0.0.1:{}/0", self.server.port());
        let program = include_str!("python.py");
        let ran = Command::new(&self.interpreter).args(["-c", program, &url]).args(arguments).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        serde_json::from_slice(&ran.stdout).unwrap()
    }

    /// Ids and types of the events that it got.
    #[track_caller]
    fn gets(&self, arguments: &[&str]) -> (Vec<String>, Vec<String>) {
        serde_json::from_value::<Vec<(String, String)>>(self.run(arguments)).unwrap().into_iter().unzip()
    }
}

#[tokio::test]
async fn our_worker_joins_a_group_that_python_made_and_takes_over_what_python_left() {
    let server = Server::start();
    let Some(python) = Python::on(&server) else { return };
    python.run(&["fill", "0", "10"]);
    let (left, first) = python.gets(&["read", ">", "3"]);
    assert_eq!(first, ["E0", "E1", "E2"]);
    assert_eq!(python.run(&["ack", &left[0]]), 1);
    let log = log(&server);
    let mut consumer = Consumer::builder(&log, workers(), "ours")
        .min_idle(Duration::from_millis(50))
        .block(Duration::from_millis(20))
        .open()
        .unwrap();
    let mut seen = BTreeSet::new();
    while seen.len() < 9 {
        let delivery = consumer.next().await.unwrap().unwrap();
        seen.insert(number(&delivery.entry.fact));
        consumer.ack(&[delivery.entry.position]).await.unwrap();
    }
    assert_eq!(seen, (1..10).collect());
    assert_eq!(python.run(&["pending"]), 0);
    assert_eq!(python.gets(&["read", ">", "10"]), (vec![], vec![]));
}

#[tokio::test]
async fn pythons_worker_joins_a_group_of_ours_and_claims_from_it() {
    let server = Server::start();
    let Some(python) = Python::on(&server) else { return };
    let mut client = server.client();
    super::add(&mut client, 0..10);
    // A sealed line of ours, as our writers add it.
    client.call(["XADD", EVENTS, "*", "data", include_str!("../../vectors/redis-data.json").trim_end()]);
    let log = log(&server);
    let (groups, group) = (log.consumer_groups().unwrap(), workers());
    groups.create(&group, papyra::GroupStart::Beginning).await.unwrap();
    let ours = groups.read(&group, "ours", 5, Duration::ZERO).await.unwrap();
    assert_eq!(numbers(&ours), [0, 1, 2, 3, 4]);
    let ours = positions(&ours);
    let (claimed, got) = python.gets(&["claim", &ours[1].to_string(), &ours[3].to_string()]);
    assert_eq!(got, ["E1", "E3"]);
    let (new, got) = python.gets(&["read", ">", "100"]);
    assert_eq!(got, ["E5", "E6", "E7", "E8", "E9", "ActorCrashed"]);
    let (_, pending) = python.gets(&["read", "0", "100"]);
    assert_eq!(pending, ["E1", "E3", "E5", "E6", "E7", "E8", "E9", "ActorCrashed"]);
    assert_eq!(groups.hold(&group, "ours", &ours).await.unwrap(), [ours[0], ours[2], ours[4]]);
    let theirs = groups.pending(&group, &PendingOptions::of("python")).await.unwrap();
    assert_eq!(theirs.len(), 8);
    assert_eq!(python.run(&["pending"]), 11);
    for id in claimed.iter().chain(&new) {
        assert_eq!(python.run(&["ack", id]), 1);
    }
    assert_eq!(groups.ack(&group, &ours).await.unwrap(), 3);
    assert_eq!((state(&log).await.pending, client.call(["XLEN", EVENTS]).number()), (0, 11));
}
