//! A server that is busy with itself, or not the one to ask: it is waited for, and nothing is lost or doubled.

use std::{thread, time::Duration};

use papyra::{ErrorKind, Log, Outcome, ReadOptions};

use crate::{
    facts::{assert_exactly, facts, log, numbers},
    lab::{Client, Cluster, Reply, Server},
};

#[tokio::test]
async fn a_server_that_is_loading_is_waited_for() {
    let mut server = Server::start();
    let log = log(&server);
    log.append(&facts(0, 120)).await.unwrap();
    let mut client = server.client();
    for n in 0..300 {
        client.call(["SET", &format!("other:{n}"), &"x".repeat(100)]);
    }
    client.call(["SAVE"]);
    server.kill();
    // Some milliseconds for each key of its snapshot, and a look at its clients now and then.
    let slow = ["--key-load-delay", "10000", "--loading-process-events-interval-bytes", "1024"];
    server.settings().extend(slow.map(str::to_owned));
    server.launch();
    let says_loading = |port| {
        let answer = Client::connect(port).and_then(|mut client| client.try_call(["PING"]));
        answer.is_ok_and(|reply| reply.text().contains("LOADING"))
    };
    while !says_loading(server.port()) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    // Whoever has never been there is told; whoever was goes on when it is back.
    let stranger = crate::facts::log(&server);
    let error = stranger.read(ReadOptions::oldest_first()).collect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    log.append(&facts(120, 3)).await.unwrap();
    assert_exactly(&log, 0..123).await;
}

#[tokio::test]
async fn a_server_that_runs_somebody_elses_script_is_waited_for() {
    let server = Server::with(&["--busy-reply-threshold", "20"]);
    let log = log(&server);
    log.append(&facts(0, 3)).await.unwrap();
    let mut endless = server.client();
    let running = thread::spawn(move || endless.call(["EVAL", "while true do end", "0"]));
    while !server.client().call(["PING"]).text().contains("BUSY") {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let appending = tokio::spawn({
        let log = log.clone();
        async move { log.append(&facts(3, 3)).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!appending.is_finished());
    server.client().call(["SCRIPT", "KILL"]);
    appending.await.unwrap().unwrap();
    assert!(running.join().unwrap().text().contains("killed"));
    assert_exactly(&log, 0..6).await;
}

#[tokio::test]
async fn a_server_that_cannot_save_refuses_a_batch_whole_and_says_what_helps() {
    let server = Server::with(&["--save", "3600 1"]);
    let log = log(&server);
    log.append(&facts(0, 3)).await.unwrap();
    // Its directory is gone, so no snapshot can be written.
    std::fs::remove_dir_all(server.dir()).unwrap();
    let mut client = server.client();
    client.call(["BGSAVE"]);
    while !client.call(["INFO", "persistence"]).text().contains("rdb_last_bgsave_status:err") {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let error = log.append(&facts(3, 3)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Io, Outcome::NotWritten), "{error:?}");
    assert!(error.cure().unwrap().contains("disk"), "{error:?}");
    client.call(["CONFIG", "SET", "stop-writes-on-bgsave-error", "no"]);
    log.append(&facts(3, 3)).await.unwrap();
    assert_exactly(&log, 0..6).await;
}

#[tokio::test]
async fn positions_rise_though_the_servers_clock_went_back() {
    let server = Server::start();
    let log = log(&server);
    log.append(&facts(0, 3)).await.unwrap();
    // As if the newest entry had been added before the clock was set back by an hour.
    let seconds: u64 = server.client().call(["TIME"]).list()[0].text().parse().unwrap();
    let ahead = format!("{}-7", (seconds + 3600) * 1000);
    let line = r#"{"kind":"event","event_type":"Early","timestamp":1.0}"#;
    server.client().call(["XADD", "papyra:local:events", &ahead, "data", line]);
    let appended = log.append(&facts(3, 6)).await.unwrap();
    assert!(appended.positions[0].to_string() > ahead, "{appended:?}");
    assert!(appended.positions.is_sorted());
    assert_eq!(numbers(&log).await, (0..9).collect::<Vec<_>>());
    assert_exactly(&log, 0..9).await;
}

/// The slots of a cluster's nodes begin with these.
const BOUNDS: [u64; 3] = [0, 5461, 10923];

/// Moves a slot with all its keys to another node, as an operator does, key by key.
fn move_slot(cluster: &mut Cluster, slot: u64) {
    let from = BOUNDS.iter().rposition(|bound| *bound <= slot).unwrap();
    let to = (from + 1) % 3;
    let id = |cluster: &mut Cluster, at: usize| cluster.nodes()[at].client().call(["CLUSTER", "MYID"]).text();
    let (from_id, to_id) = (id(cluster, from), id(cluster, to));
    let port = cluster.nodes()[to].port().to_string();
    let slot = slot.to_string();
    let set = |cluster: &mut Cluster, at: usize, words: &[&str]| {
        let reply = cluster.nodes()[at].client().call(["CLUSTER", "SETSLOT", &slot].iter().chain(words));
        assert_eq!(reply.text(), "OK");
    };
    set(cluster, to, &["IMPORTING", &from_id]);
    set(cluster, from, &["MIGRATING", &to_id]);
    loop {
        let mut client = cluster.nodes()[from].client();
        let keys = client.call(["CLUSTER", "GETKEYSINSLOT", &slot, "1"]).list();
        let Some(key) = keys.first().map(Reply::text) else { break };
        client.call(["MIGRATE", "127.0.0.1", &port, &key, "0", "5000"]);
    }
    for at in [to, from, 3 - to - from] {
        set(cluster, at, &["NODE", &to_id]);
    }
}

#[tokio::test]
async fn a_log_whose_slot_moves_to_another_node_is_followed() {
    let mut cluster = Cluster::start();
    let log: Log = papyra::open(&cluster.url("prefix={moved}")).await.unwrap();
    log.append(&facts(0, 9)).await.unwrap();
    let slot = cluster.nodes()[0].client().call(["CLUSTER", "KEYSLOT", "{moved}"]).number();
    let appending = tokio::spawn({
        let log = log.clone();
        async move {
            for first in 0..60 {
                log.append(&facts(9 + first * 3, 3)).await.unwrap();
            }
        }
    });
    let _cluster = tokio::task::spawn_blocking(move || {
        move_slot(&mut cluster, slot as u64);
        cluster
    })
    .await
    .unwrap();
    appending.await.unwrap();
    assert_exactly(&log, 0..189).await;
}
