//! A spool in front of Redis: both killed at any moment, the wire between them cut, the server emptied, the spool copied.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use crate::{
    chance::Chance,
    effort::count,
    feeder::{Feeder, Pace},
    lab::Lab,
    ledger::Ledger,
    redis_lab::{Fault, Proxy, Server, is_installed},
};

/// A writer of these facts that is killed at some moment, if all goes well after its first acknowledgement.
fn write_and_die(lab: &Lab, url: &str, ledger: &mut Ledger, chance: &mut Chance, between: impl FnOnce(&mut Chance)) {
    let portion = [1, 3, 40, 300][chance.below(4)];
    let pace = Pace::Pause(Duration::from_micros(chance.below(1500) as u64));
    let mut writer = Feeder::start(lab.command(&["append", "--ack", "--url", url]), ledger, portion, pace);
    if chance.below(5) > 0 {
        // Whether the server is there or not: the spool acknowledges.
        writer.wait_for(1);
    }
    std::thread::sleep(Duration::from_micros(chance.below(40_000) as u64));
    between(chance);
    writer.kill(ledger);
}

/// What the spool says of itself.
fn backlog(lab: &Lab, url: &str) -> serde_json::Value {
    let run = lab.run(&["metrics", "persistence", "--json", "--url", url], String::new()).ended(0);
    let figures: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    figures["backlog"].clone()
}

/// Opens the spool until nothing waits in it. Gives how many facts the server lost for good by what the spool says.
fn drain(lab: &Lab, url: &str) -> u64 {
    for _ in 0..200 {
        lab.run(&["append", "--url", url, "--timeout", "30s"], String::new()).ended(0);
        let backlog = backlog(lab, url);
        if backlog["facts"] == 0 {
            return backlog["lost"].as_u64().unwrap();
        }
    }
    panic!("the spool is not emptied: {}", backlog(lab, url));
}

/// What the files of a spool take: to count what waits would read all that was ever shipped.
fn bytes(spool: &Path) -> u64 {
    let files = fs::read_dir(spool).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|about| about.len()).sum()
}

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

/// Compares the stream with what was acknowledged; so many facts may be missing.
#[track_caller]
fn judge(what: &str, ledger: &Ledger, server: &Server, given_up: u64) {
    let found = standing(server);
    let doubled: Vec<_> = found.iter().filter(|(_, times)| **times > 1).collect();
    let lost: Vec<_> = ledger.acknowledged.keys().filter(|n| !found.contains_key(n)).collect();
    let acknowledged = ledger.acknowledged.len();
    println!(
        "spool: {what}: {} sent, {acknowledged} acknowledged, {} lost, {} doubled, {given_up} named as lost",
        ledger.next,
        lost.len(),
        doubled.len()
    );
    assert!(lost.len() as u64 <= given_up && doubled.is_empty(), "lost: {lost:?}, doubled: {doubled:?}");
    assert!(acknowledged > 20, "too little happened to prove anything");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(item.file_name());
        if item.path().is_dir() {
            copy(&item.path(), &target);
        } else {
            fs::copy(item.path(), target).unwrap();
        }
    }
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
        write_and_die(&lab, &url, &mut ledger, &mut chance, |chance| {
            if is_up && chance.below(4) == 0 {
                server.kill();
                (is_up, outages) = (false, outages + 1);
                std::thread::sleep(Duration::from_micros(chance.below(20_000) as u64));
            }
        });
    }
    if !is_up {
        server.revive();
    }
    assert_eq!(drain(&lab, &url), 0);
    assert!(outages > 0, "too little happened to prove anything");
    judge(&format!("{rounds} kills of the writer, {outages} of the server"), &ledger, &server, 0);
    lab.run(&["persistence", "scan", "--url", &url], String::new()).ended(0);
}

#[test]
fn a_wire_that_is_cut_between_request_and_answer_doubles_nothing() {
    if !is_installed("redis-server") {
        return;
    }
    let cuts = count(20, 1000);
    let mut chance = Chance::begin("spool::cut");
    let (lab, server) = (Lab::new(), Server::start());
    let proxy = Proxy::to(server.port());
    let mut ledger = Ledger::default();
    let url = proxy.url("spool=spool&lock_timeout=30s");
    while proxy.cuts() < cuts {
        write_and_die(&lab, &url, &mut ledger, &mut chance, |chance| {
            for _ in 0..chance.below(12) {
                let torn = Fault::CutAfter(chance.below(4000) as u64);
                proxy.set(if chance.below(4) == 0 { torn } else { Fault::CutBeforeReply });
                std::thread::sleep(Duration::from_millis(chance.below(120) as u64));
            }
        });
        // Facts come quicker than such a wire takes them.
        if bytes(&lab.path("spool")) > 20 << 20 {
            proxy.set(Fault::None);
            assert_eq!(drain(&lab, &url), 0);
        }
    }
    proxy.set(Fault::None);
    assert_eq!(drain(&lab, &url), 0);
    judge(&format!("{} cuts", proxy.cuts()), &ledger, &server, 0);
}

#[test]
fn a_server_that_is_emptied_or_put_back_loses_nothing_that_is_held_and_what_it_loses_is_counted() {
    if !is_installed("redis-server") {
        return;
    }
    let rounds = count(20, 300);
    let mut chance = Chance::begin("spool::forgotten");
    let (lab, mut server) = (Lab::new(), Server::start());
    let mut ledger = Ledger::default();
    let url = server.url("spool=spool&lock_timeout=30s");
    let mut setbacks = 0;
    for round in 0..rounds {
        write_and_die(&lab, &url, &mut ledger, &mut chance, |chance| match chance.below(5) {
            0 => drop(server.client().call(["FLUSHALL"])),
            1 => drop(server.client().call(["SAVE"])),
            2 => {
                // It comes back as it was when it was saved, or empty.
                server.kill();
                server.revive();
            }
            _ => {}
        });
        if round % 4 == 0 {
            server.client().call(["FLUSHALL"]);
            setbacks += 1;
        }
    }
    let lost = drain(&lab, &url);
    judge(&format!("{rounds} kills of the writer, more than {setbacks} setbacks"), &ledger, &server, lost);
}

#[test]
fn a_spool_and_its_copy_from_any_moment_ship_everything_that_each_acknowledged_once() {
    if !is_installed("redis-server") {
        return;
    }
    let (pairs, rounds) = count((3, 4), (30, 12));
    let mut chance = Chance::begin("spool::copied");
    let (lab, mut server) = (Lab::new(), Server::synced());
    let mut ledger = Ledger::default();
    let url = |server: &Server, spool: &str| server.url(&format!("spool={spool}&lock_timeout=30s"));
    for pair in 0..pairs {
        let spools = [format!("spool-{pair}"), format!("copy-{pair}")];
        for round in 0..2 * rounds {
            let (original, its_copy) = (lab.path(&spools[0]), lab.path(&spools[1]));
            if round >= rounds && original.exists() && !its_copy.exists() {
                copy(&original, &its_copy);
            }
            let spool = if its_copy.exists() { &spools[chance.below(2)] } else { &spools[0] };
            let is_killed = chance.below(3) == 0;
            write_and_die(&lab, &url(&server, spool), &mut ledger, &mut chance, |_| {
                if is_killed {
                    server.kill();
                }
            });
            if is_killed {
                server.revive();
            }
        }
        for spool in &spools {
            assert_eq!(drain(&lab, &url(&server, spool)), 0);
        }
    }
    judge(&format!("{pairs} copies"), &ledger, &server, 0);
}

#[test]
fn copies_of_copies_from_any_moment_ship_everything_that_each_of_them_acknowledged_once() {
    if !is_installed("redis-server") {
        return;
    }
    let (generations, rounds) = count((3, 4), (30, 12));
    let mut chance = Chance::begin("spool::copies");
    let (lab, mut server) = (Lab::new(), Server::synced());
    let mut ledger = Ledger::default();
    let url = |server: &Server, spool: &str| server.url(&format!("spool={spool}&lock_timeout=30s"));
    let mut spools = vec!["spool-0".to_owned()];
    for generation in 1..=generations {
        for _ in 0..rounds {
            let spool = spools[chance.below(spools.len())].clone();
            let is_killed = chance.below(3) == 0;
            write_and_die(&lab, &url(&server, &spool), &mut ledger, &mut chance, |_| {
                if is_killed {
                    server.kill();
                }
            });
            if is_killed {
                server.revive();
            }
        }
        let original = spools[chance.below(spools.len())].clone();
        let next = format!("spool-{generation}");
        if lab.path(&original).exists() {
            copy(&lab.path(&original), &lab.path(&next));
            spools.push(next);
        }
        if spools.len() > 3 {
            let done = spools.remove(0);
            assert_eq!(drain(&lab, &url(&server, &done)), 0);
        }
    }
    for spool in &spools {
        assert_eq!(drain(&lab, &url(&server, spool)), 0);
    }
    judge(&format!("{generations} copies of copies"), &ledger, &server, 0);
}
