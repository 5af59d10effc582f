//! A log on Redis whose server, wire or writer fails at any moment: nothing acknowledged is lost, nothing is doubled.

use std::{
    collections::BTreeMap,
    io::{Read, Write as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde::Deserialize;

use crate::{
    chance::Chance,
    effort::{HANG, count, skip, tool},
    lab::{Lab, Process, event},
    redis_lab::{Fault, Proxy, Server},
};

#[derive(Deserialize)]
struct Ack {
    line: u64,
    position: String,
}

#[derive(Deserialize)]
struct Listed {
    event_type: String,
    actor_address: String,
    position: String,
}

/// `papyra append --ack`, fed with one portion of facts after the other until it is told to end.
struct Writer {
    process: Process,
    stop: Arc<AtomicBool>,
    feeding: JoinHandle<u64>,
    heard: JoinHandle<String>,
    said: JoinHandle<String>,
}

impl Writer {
    fn start(lab: &Lab, url: &str, first: u64, portion: u64, pause: Duration) -> Writer {
        let mut process = Process(lab.command(&["append", "--ack", "--url", url]).spawn().unwrap());
        let stop = Arc::new(AtomicBool::new(false));
        let (mut stdin, told) = (process.0.stdin.take().unwrap(), stop.clone());
        let feeding = thread::spawn(move || {
            let mut next = first;
            while !told.load(Ordering::Relaxed) {
                let facts: String = (next..next + portion).map(|n| event(n) + "\n").collect();
                next += portion;
                if stdin.write_all(facts.as_bytes()).is_err() {
                    break;
                }
                thread::sleep(pause);
            }
            next
        });
        let heard = collect(process.0.stdout.take().unwrap());
        let said = collect(process.0.stderr.take().unwrap());
        Writer { process, stop, feeding, heard, said }
    }

    /// Ends its input, waits for its end, which must be a good one, and enters what it acknowledged. Gives the next number.
    #[track_caller]
    fn end(mut self, first: u64, acknowledged: &mut BTreeMap<u64, String>) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        let next = self.feeding.join().unwrap();
        let began = Instant::now();
        let status = loop {
            match self.process.0.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(began.elapsed() < HANG, "the writer does not end"),
            }
            thread::sleep(Duration::from_millis(1));
        };
        assert!(status.success(), "{status}: {}", self.said.join().unwrap());
        enter(first, &self.heard.join().unwrap(), acknowledged);
        next
    }

    /// Kills it, and enters what it had acknowledged. Gives the next number.
    fn kill(mut self, first: u64, acknowledged: &mut BTreeMap<u64, String>) -> u64 {
        self.process.kill();
        self.stop.store(true, Ordering::Relaxed);
        enter(first, &self.heard.join().unwrap(), acknowledged);
        self.feeding.join().unwrap()
    }
}

fn collect(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = Vec::new();
        from.read_to_end(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    })
}

/// The acknowledgements of a writer; the last one of a killed writer may be torn.
#[track_caller]
fn enter(first: u64, output: &str, acknowledged: &mut BTreeMap<u64, String>) {
    for (at, line) in output.split_inclusive('\n').filter(|line| line.ends_with('\n')).enumerate() {
        let ack: Ack = serde_json::from_str(line).unwrap();
        assert_eq!(ack.line, at as u64 + 1, "acknowledgements come in the order of the input");
        acknowledged.insert(first + at as u64, ack.position);
    }
}

/// Each acknowledged fact stands in the log once, where it was said to stand, the others once at most; the
/// acknowledged ones in the order of sending; a scan finds nothing. Gives how many there are.
#[track_caller]
fn check(lab: &Lab, url: &str, acknowledged: &BTreeMap<u64, String>) -> usize {
    let listing = lab.run(&["inspect", "events", "-o", "ndjson", "--url", url], "").ended(0);
    let mut there = Vec::new();
    for line in listing.stdout.lines() {
        let listed: Listed = serde_json::from_str(line).unwrap();
        assert_ne!(listed.actor_address, "papyra://log", "nothing was to be said: {line}");
        there.push((listed.event_type[1..].parse::<u64>().unwrap(), listed.position));
    }
    let there_by_number: BTreeMap<u64, String> = there.iter().cloned().collect();
    assert_eq!(there_by_number.len(), there.len(), "some are doubled");
    // What a killed writer had on its way may come in behind its successor; nobody was told of it.
    there.retain(|(n, _)| acknowledged.contains_key(n));
    assert!(there.windows(2).all(|pair| pair[0].0 < pair[1].0), "the order of sending was not kept");
    let wrong: Vec<_> = acknowledged.iter().filter(|(n, position)| there_by_number.get(n) != Some(position)).collect();
    assert!(wrong.is_empty(), "{} acknowledged and lost or elsewhere: {:?}", wrong.len(), &wrong[..wrong.len().min(5)]);
    lab.run(&["persistence", "scan", "--deep", "--url", url], "").ended(0);
    there_by_number.len()
}

#[test]
fn a_server_that_syncs_and_is_killed_at_any_moment_loses_and_doubles_nothing_acknowledged() {
    if tool("redis-server").is_none() {
        return skip("redis-server is not installed");
    }
    let mut chance = Chance::begin("redis, the server is killed");
    let (lab, mut server) = (Lab::new(), Server::synced());
    let (kills, url) = (count(8, 200), server.url("system=proof&durability=synced&timeout=60s"));
    let (mut next, mut acknowledged) = (0, BTreeMap::new());
    let mut left = kills;
    while left > 0 {
        let first = next;
        let portion = [1, 3, 40, 300][chance.below(4)];
        let writer = Writer::start(&lab, &url, first, portion, Duration::from_micros(chance.below(1500) as u64));
        for _ in 0..left.min(10) {
            thread::sleep(Duration::from_millis(chance.between(5, 60) as u64));
            server.kill();
            thread::sleep(Duration::from_millis(chance.below(20) as u64));
            server.revive();
            left -= 1;
        }
        next = writer.end(first, &mut acknowledged);
        assert_eq!(acknowledged.len() as u64, next, "the server came back each time, so each fact was acknowledged");
    }
    let there = check(&lab, &url, &acknowledged);
    assert_eq!(there, acknowledged.len());
    println!("{kills} kills of the server: {there} facts acknowledged, 0 lost, 0 doubled");
}

#[test]
fn a_wire_that_is_cut_between_request_and_reply_loses_and_doubles_nothing() {
    if tool("redis-server").is_none() {
        return skip("redis-server is not installed");
    }
    let (lab, server) = (Lab::new(), Server::start());
    let proxy = Proxy::to(server.port());
    let url = format!("redis://127.0.0.1:{}/0?system=proof&timeout=60s", proxy.port());
    let (cuts, mut acknowledged) = (count(30, 1000), BTreeMap::new());
    let writer = Writer::start(&lab, &url, 0, 3, Duration::from_micros(500));
    let (began, mut client) = (Instant::now(), server.client());
    let mut length = || client.call(["XLEN", "papyra:proof:events"]).number();
    while proxy.cuts() < cuts {
        let before = proxy.cuts();
        proxy.set(Fault::CutBeforeReply);
        while proxy.cuts() == before {
            assert!(began.elapsed() < 10 * HANG, "{before} cuts");
            thread::sleep(Duration::from_micros(200));
        }
        // More than a batch holds: the one that was cut off has been answered, and others after it.
        let reached = length() + 300;
        while length() < reached {
            assert!(began.elapsed() < 10 * HANG, "{before} cuts");
            thread::sleep(Duration::from_millis(1));
        }
    }
    proxy.set(Fault::None);
    let next = writer.end(0, &mut acknowledged);
    let there = check(&lab, &url, &acknowledged);
    assert_eq!((there as u64, acknowledged.len() as u64), (next, next));
    println!("{} cuts between request and reply: {there} facts, 0 lost, 0 doubled", proxy.cuts());
}

#[test]
fn writers_that_are_killed_at_any_moment_lose_and_double_nothing_acknowledged() {
    if tool("redis-server").is_none() {
        return skip("redis-server is not installed");
    }
    let mut chance = Chance::begin("redis, writers are killed");
    let (lab, server) = (Lab::new(), Server::start());
    let (kills, url) = (count(15, 300), server.url("system=proof"));
    let (mut next, mut acknowledged) = (0, BTreeMap::new());
    for _ in 0..kills {
        let portion = [1, 3, 40, 300][chance.below(4)];
        let writer = Writer::start(&lab, &url, next, portion, Duration::from_micros(chance.below(1500) as u64));
        thread::sleep(Duration::from_millis(chance.between(5, 60) as u64));
        next = writer.kill(next, &mut acknowledged);
    }
    let writer = Writer::start(&lab, &url, next, 3, Duration::from_millis(5));
    writer.end(next, &mut acknowledged);
    assert!(acknowledged.len() > kills, "too little was acknowledged to prove anything");
    let there = check(&lab, &url, &acknowledged);
    println!("{kills} kills of the writer: {} of {there} facts acknowledged, 0 lost, 0 doubled", acknowledged.len());
}
