//! A spool in front of Redis, both killed at any moment.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    chance::Chance,
    effort::count,
    feeder::{Feeder, Pace},
    lab::Lab,
    ledger::Ledger,
    redis_lab::{Server, is_installed},
};

/// How often each fact stands in the stream.
fn standing(server: &Server) -> BTreeMap<u64, u32> {
    let mut found = BTreeMap::new();
    for entry in server.client().call(["XRANGE", "papyra:local:events", "-", "+"]).list() {
        let parts = entry.list();
        let data = parts[1].clone().list()[1].text();
        let fact: serde_json::Value = serde_json::from_str(&data).unwrap();
        let name = fact["event_type"].as_str().unwrap();
        if let Some(n) = name.strip_prefix('E').and_then(|n| n.parse().ok()) {
            *found.entry(n).or_default() += 1;
        }
    }
    found
}

#[test]
fn a_spool_and_its_server_killed_at_any_moment_lose_and_double_nothing_acknowledged() {
    if !is_installed("redis-server") {
        return;
    }
    let rounds = count(25, 400);
    let mut chance = Chance::begin("spool::killed");
    let (lab, mut server) = (Lab::new(), Server::synced());
    let mut ledger = Ledger::default();
    let url = server.url("spool=spool&lock_timeout=30s");
    let mut outages = 0;
    let mut is_up = true;
    for _ in 0..rounds {
        if is_up && chance.below(3) == 0 {
            server.kill();
            (is_up, outages) = (false, outages + 1);
        } else if !is_up && chance.below(2) == 0 {
            server.revive();
            is_up = true;
        }
        let portion = [1, 3, 40, 300][chance.below(4)];
        let pace = Pace::Pause(Duration::from_micros(chance.below(1500) as u64));
        let mut writer = Feeder::start(lab.command(&["append", "--ack", "--url", &url]), &ledger, portion, pace);
        if chance.below(5) > 0 {
            // Whether the server is there or not: the spool acknowledges.
            writer.wait_for(1);
        }
        std::thread::sleep(Duration::from_micros(chance.below(40_000) as u64));
        if is_up && chance.below(4) == 0 {
            server.kill();
            (is_up, outages) = (false, outages + 1);
            std::thread::sleep(Duration::from_micros(chance.below(20_000) as u64));
        }
        writer.kill(&mut ledger);
    }
    if !is_up {
        server.revive();
    }
    let metrics = ["metrics", "persistence", "--json", "--url", &url];
    for _ in 0..200 {
        lab.run(&["append", "--url", &url], String::new()).ended(0);
        let run = lab.run(&metrics, String::new()).ended(0);
        let figures: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        if figures["backlog"]["facts"] == 0 {
            break;
        }
    }
    let found = standing(&server);
    let doubled: Vec<_> = found.iter().filter(|(_, times)| **times > 1).collect();
    let lost: Vec<_> = ledger.acknowledged.keys().filter(|n| !found.contains_key(n)).collect();
    let acknowledged = ledger.acknowledged.len();
    println!(
        "spool: {rounds} kills of the writer, {outages} of the server, {} sent, {acknowledged} acknowledged, {} lost, {} doubled",
        ledger.next,
        lost.len(),
        doubled.len()
    );
    assert!(lost.is_empty() && doubled.is_empty(), "lost: {lost:?}, doubled: {doubled:?}");
    assert!(acknowledged > rounds as usize && outages > 0, "too little happened to prove anything");
    let scan = lab.run(&["persistence", "scan", "--url", &url], String::new());
    assert!(matches!(scan.code, Some(0)), "{scan:?}");
}
