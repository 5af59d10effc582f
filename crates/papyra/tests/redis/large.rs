//! Large batches, which go as transactions where they can (decision 37).

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use papyra::{ErrorKind, Log, RedisLog};

use crate::{
    chance::Chance,
    facts::{assert_exactly, config, facts, log, long, numbers, remarks},
    lab::{Client, Fault, Proxy, Server, free_port},
};

/// So large that it may go as a transaction.
pub(crate) const LARGE: u64 = 40;

const STREAMS: [&str; 3] = ["papyra:local:events", "papyra:local:audits", "papyra:local:dead_letters"];

/// How often the server did a command.
fn calls(server: &Server, command: &str) -> u64 {
    let told = server.client().call(["INFO", "commandstats"]).text();
    let begin = format!("cmdstat_{command}:calls=");
    let calls = |line: &str| line.strip_prefix(&begin)?.split(',').next()?.parse::<u64>().ok();
    told.lines().find_map(calls).unwrap_or(0)
}

/// How many transactions of lines the server did at least, if nobody read: whoever asks for leave sets an id in one.
pub(crate) fn transactions(server: &Server) -> u64 {
    calls(server, "exec").saturating_sub(calls(server, "xsetid"))
}

/// What the streams and all that stands beside them hold.
fn held(server: &Server) -> Vec<String> {
    let mut client = server.client();
    let mut held: Vec<String> =
        STREAMS.iter().map(|stream| format!("{:?}", client.call(["XRANGE", stream, "-", "+"]))).collect();
    let mut keys: Vec<String> = client.call(["KEYS", "*"]).list().iter().map(|key| key.text()).collect();
    keys.sort();
    held.extend(keys);
    held
}

/// Appends one large batch after the other until the server has done a transaction; gives how many facts there are.
pub(crate) async fn appended_until_one_is_a_transaction(log: &Log, server: &Server) -> u64 {
    for n in 0..50 {
        log.append(&facts(n * LARGE, LARGE)).await.unwrap();
        if transactions(server) > 0 {
            return (n + 1) * LARGE;
        }
    }
    panic!("no batch went as a transaction");
}

#[tokio::test]
async fn most_large_batches_of_one_writer_are_transactions_and_all_are_there_in_their_order() {
    let server = Server::start();
    let log = log(&server);
    let batches = 200;
    let mut on_their_way = tokio::task::JoinSet::new();
    for caller in 0..8 {
        let log = log.clone();
        on_their_way.spawn(async move {
            for n in 0..batches / 8 {
                let first = (caller * batches / 8 + n) * LARGE;
                let positions = log.append(&facts(first, LARGE)).await.unwrap().positions;
                assert!(positions.is_sorted() && positions.len() == LARGE as usize);
            }
        });
    }
    on_their_way.join_all().await;
    // How many batches come behind an announcement depends on the machine.
    assert!(transactions(&server) > batches / 8, "{}", transactions(&server));
    assert_exactly(&log, 0..batches * LARGE).await;
    for caller in numbers(&log).await.chunk_by(|a, b| a + 1 == *b) {
        assert_eq!(caller.len() as u64 % LARGE, 0, "a batch is whole");
    }
    assert_eq!(remarks(&log).await, []);
}

#[tokio::test]
async fn writers_of_all_sorts_beside_each_other_lose_and_double_nothing() {
    let server = Server::start();
    let rounds = if long() { 400 } else { 60 };
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..3 {
        let log = log(&server);
        writers.spawn(async move {
            for n in 0..rounds {
                let first = (writer * rounds + n) * LARGE;
                // One of them comes and goes.
                if writer == 2 {
                    tokio::time::sleep(std::time::Duration::from_millis(n % 7)).await;
                }
                log.append(&facts(first, LARGE)).await.unwrap();
            }
        });
    }
    // Somebody who gives no ids.
    let port = server.port();
    let foreign = thread::spawn(move || {
        let mut client = Client::connect(port).unwrap();
        for n in 0..200 {
            let data = format!(
                r#"{{"kind":"event","system_id":"local","actor_address":"a://{n}","event_type":"E","timestamp":17}}"#
            );
            client.call(["XADD", STREAMS[0], "*", "data", &data]);
            thread::sleep(std::time::Duration::from_millis(n % 3));
        }
    });
    writers.join_all().await;
    foreign.join().unwrap();
    let log = log(&server);
    assert_exactly(&log, 0..3 * rounds * LARGE).await;
    assert_eq!(remarks(&log).await, []);
    let there = numbers(&log).await;
    for writer in 0..3 {
        let own = |n: &&u64| (writer * rounds * LARGE..(writer + 1) * rounds * LARGE).contains(n);
        assert!(there.iter().filter(own).is_sorted(), "writer {writer}");
    }
}

/// A wire that remembers what was sent to the server.
fn recording(server: u16) -> (u16, Arc<Mutex<Vec<u8>>>) {
    let (port, sent) = (free_port(), Arc::new(Mutex::new(Vec::new())));
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let recorded = sent.clone();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut server) = (client.unwrap(), TcpStream::connect(("127.0.0.1", server)).unwrap());
            let (mut answers, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut answers, &mut back));
            let recorded = recorded.clone();
            thread::spawn(move || {
                let mut buffer = vec![0; 1 << 16];
                while let Ok(read @ 1..) = client.read(&mut buffer) {
                    recorded.lock().unwrap().extend(&buffer[..read]);
                    if server.write_all(&buffer[..read]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (port, sent)
}

/// The last transaction in what was sent.
fn last_transaction(sent: &[u8]) -> Vec<u8> {
    let begin = b"*1\r\n$5\r\nMULTI\r\n";
    let at = sent.windows(begin.len()).rposition(|window| window == begin).unwrap();
    assert!(sent.ends_with(b"*1\r\n$4\r\nEXEC\r\n"));
    sent[at..].to_vec()
}

#[tokio::test]
async fn a_copy_that_comes_late_does_nothing_whatever_happened_in_between() {
    type Between = fn(&mut Client);
    let happened: [(&str, Between); 7] = [
        ("nothing", |_| {}),
        ("the mark expired", |client| {
            let marks = client.call(["KEYS", "papyra:local:w:*"]).list();
            assert_eq!(client.call(["DEL", &marks[0].text()]).number(), 1);
        }),
        ("everything is gone", |client| {
            client.call(["FLUSHALL"]);
        }),
        ("the streams are gone", |client| {
            client.call(["DEL"].iter().chain(&STREAMS));
        }),
        ("a stream began anew", |client| {
            client.call(["DEL", STREAMS[0]]);
            client.call(["XADD", STREAMS[0], "1-1", "data", "{}"]);
        }),
        ("the state is another key", |client| {
            client.call(["SET", "papyra:local:state", "x"]);
        }),
        ("the writer's mark was set back, and the streams with it", |client| {
            let mark = client.call(["KEYS", "papyra:local:w:*"]).list()[0].text();
            let told = client.call(["GET", &mark]).text();
            let seq: u64 = told.split(' ').next().unwrap().parse().unwrap();
            client.call(["SET", &mark, &format!("{} 00000000 0-0", seq - LARGE)]);
        }),
    ];
    for (what, between) in happened {
        let server = Server::start();
        let (port, sent) = recording(server.port());
        let log = Log::new(RedisLog::new(config(port)));
        appended_until_one_is_a_transaction(&log, &server).await;
        let copy = last_transaction(&sent.lock().unwrap());
        drop(log);
        between(&mut server.client());
        let before = held(&server);
        let done = calls(&server, "exec");
        let mut late = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        late.write_all(&copy).unwrap();
        while calls(&server, "exec") == done {
            thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!(held(&server), before, "{what}");
    }
}

#[tokio::test]
async fn what_cannot_be_a_transaction_is_said_as_for_any_other_batch() {
    let server = Server::start();
    let log = log(&server);
    let there = appended_until_one_is_a_transaction(&log, &server).await;
    let mut client = server.client();
    client.call(["SET", "papyra:local:audits", "not a stream"]);
    let error = log.append(&facts(there, LARGE)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Corrupt, papyra::Outcome::NotWritten), "{error:?}");
    let events = client.call(["XLEN", STREAMS[0]]).number() as u64;
    assert_eq!(events, there.div_ceil(3));
    // A server whose memory is full refuses the lines before the transaction begins.
    client.call(["DEL", "papyra:local:audits"]);
    client.call(["CONFIG", "SET", "maxmemory", "1"]);
    let error = log.append(&facts(there, LARGE)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Io, papyra::Outcome::NotWritten), "{error:?}");
    assert!(error.cure().unwrap().contains("maxmemory"), "{error:?}");
    assert_eq!(client.call(["XLEN", STREAMS[0]]).number() as u64, events);
}

#[tokio::test]
async fn who_may_not_do_all_that_a_transaction_needs_appends_all_the_same() {
    for missing in ["-xsetid", "-multi", "-exec"] {
        let server = Server::start();
        server.client().call(["ACL", "SETUSER", "papyra", "reset", "on", ">word", "~papyra:*", "+@all", missing]);
        let config = config(server.port()).with_login(Some("papyra".to_owned()), Some("word".to_owned()));
        let log = Log::new(RedisLog::new(config));
        for n in 0..10 {
            log.append(&facts(n * LARGE, LARGE)).await.unwrap();
        }
        assert!(calls(&server, "exec") <= 1, "{missing}");
        // Whoever reads asks all streams in a transaction.
        assert_exactly(&self::log(&server), 0..10 * LARGE).await;
    }
}

#[tokio::test]
async fn a_right_that_is_taken_away_between_two_batches_loses_and_doubles_nothing() {
    let server = Server::start();
    let mut client = server.client();
    client.call(["ACL", "SETUSER", "papyra", "reset", "on", ">word", "~papyra:*", "+@all"]);
    let own = config(server.port()).with_login(Some("papyra".to_owned()), Some("word".to_owned()));
    let own = Log::new(RedisLog::new(own));
    let there = appended_until_one_is_a_transaction(&own, &server).await;
    // The scripts may not look any more: what stands between them must not be done.
    client.call(["ACL", "SETUSER", "papyra", "-hmget"]);
    let error = own.append(&facts(there, LARGE)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Permission, papyra::Outcome::NotWritten), "{error:?}");
    client.call(["ACL", "SETUSER", "papyra", "+@all"]);
    own.append(&facts(there, LARGE)).await.unwrap();
    assert_exactly(&log(&server), 0..there + LARGE).await;
}

#[tokio::test]
async fn a_bound_holds_for_transactions_too() {
    let server = Server::start();
    let log = Log::new(RedisLog::new(config(server.port()).with_max_len(300)));
    for n in 0..100 {
        log.append(&facts(n * LARGE, LARGE)).await.unwrap();
    }
    assert!(transactions(&server) > 0);
    for stream in STREAMS {
        // `~` trims whole nodes of a hundred entries.
        let length = server.client().call(["XLEN", stream]).number();
        assert!((300..500).contains(&length), "{stream} {length}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_that_are_disturbed_in_every_way_at_once_lose_and_double_nothing() {
    let mut chance = Chance::begin("disturbed writers");
    let mut server = Server::synced();
    let proxy = Proxy::to(server.port());
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut writers = tokio::task::JoinSet::new();
    for (writer, port) in [proxy.port(), proxy.port(), server.port()].into_iter().enumerate() {
        // A server that loads what it has after each kill is away for longer and longer.
        let config = config(port).with_timeout(std::time::Duration::from_secs(120));
        let (log, stop) = (Log::new(RedisLog::new(config)), stop.clone());
        let mut sizes = Chance::begin("their batches");
        writers.spawn(async move {
            let begin = writer as u64 * 10_000_000;
            let mut next = begin;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                // Now and then several are on their way.
                let mut batches = Vec::new();
                for _ in 0..sizes.between(1, 4) {
                    let size = [1, 3, LARGE, 2 * LARGE][sizes.below(4)];
                    batches.push(facts(next, size));
                    next += size;
                }
                let all = batches.iter().map(|batch| log.append(batch));
                for appended in futures_util::future::join_all(all).await {
                    appended.unwrap();
                }
                tokio::time::sleep(std::time::Duration::from_millis(sizes.below(20) as u64)).await;
            }
            (begin, next)
        });
    }
    for _ in 0..if long() { 1000 } else { 40 } {
        tokio::time::sleep(std::time::Duration::from_millis(chance.between(1, 40) as u64)).await;
        match chance.below(8) {
            0 => {
                server.kill();
                server.revive();
            }
            1..=3 => proxy.set(Fault::CutBeforeReply),
            4 | 5 => proxy.set(Fault::CutAfter(chance.below(60_000) as u64)),
            _ => proxy.set(Fault::None),
        }
    }
    proxy.set(Fault::None);
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let written = writers.join_all().await;
    let log = log(&server);
    let mut there = numbers(&log).await;
    for (begin, next) in written {
        let own: Vec<u64> = there.iter().copied().filter(|n| (begin..next).contains(n)).collect();
        assert_eq!(own, (begin..next).collect::<Vec<_>>(), "each once, in the order of sending");
        there.retain(|n| !(begin..next).contains(n));
    }
    assert!(there.is_empty(), "{there:?}");
    assert!(log.scan(papyra::ScanOptions::deep()).await.unwrap().is_clean());
    assert!(calls(&server, "exec") > 0);
}
