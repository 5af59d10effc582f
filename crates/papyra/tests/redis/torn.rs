//! The server dies while it writes down a batch, and its append-only file ends within it (decision 36).

use std::{fs::OpenOptions, ops::Range, path::PathBuf};

use papyra::{Log, RedisLog};

use crate::{
    facts::{assert_exactly, config, facts, log, long, numbers, remarks},
    lab::Server,
    large::{LARGE, transactions},
    spool,
};

const STREAMS: [&str; 3] = ["papyra:local:events", "papyra:local:audits", "papyra:local:dead_letters"];

fn file(server: &Server) -> PathBuf {
    server.path("appendonlydir/appendonly.aof.1.incr.aof")
}

/// Where each command of an append-only file stands, and its first word.
fn commands(file: &[u8]) -> Vec<(Range<usize>, String)> {
    let (mut at, mut found) = (0, Vec::new());
    let number = |at: &mut usize| -> usize {
        let line = file[*at..].split(|byte| *byte == b'\r').next().unwrap();
        *at += line.len() + 2;
        std::str::from_utf8(&line[1..]).unwrap().parse().unwrap()
    };
    while at < file.len() {
        let (begin, words, mut name) = (at, number(&mut at), String::new());
        for word in 0..words {
            let length = number(&mut at);
            if word == 0 {
                name = String::from_utf8_lossy(&file[at..at + length]).to_uppercase();
            }
            at += length + 2;
        }
        found.push((begin..at, name));
    }
    found
}

/// The places in the last transaction at which the file is cut: within each command and behind it, but for the last.
fn cuts(server: &Server) -> Vec<usize> {
    let commands = commands(&std::fs::read(file(server)).unwrap());
    let begins = commands.iter().rposition(|(_, name)| name == "MULTI").expect("no transaction");
    assert_eq!(commands.last().unwrap().1, "EXEC");
    let last = commands.last().unwrap().0.end;
    let within = |(place, _): &(Range<usize>, String)| [place.start + 7, (place.start + place.end) / 2, place.end];
    commands[begins..].iter().flat_map(within).filter(|cut| *cut < last).collect()
}

fn cut(server: &mut Server, at: usize) {
    server.kill();
    OpenOptions::new().write(true).open(file(server)).unwrap().set_len(at as u64).unwrap();
    server.revive();
}

/// What a server counts of each stream.
fn told(server: &Server) -> Vec<String> {
    let mut client = server.client();
    let about = |stream: &&str| {
        let told = client.call(["XINFO", "STREAM", stream]).list();
        let pairs = told.chunks(2).map(|pair| format!("{} {}", pair[0].text(), pair[1].text()));
        let counts = ["length ", "last-generated-id ", "entries-added ", "max-deleted-entry-id "];
        pairs.filter(|pair| counts.iter().any(|count| pair.starts_with(count))).collect::<Vec<_>>()
    };
    STREAMS.iter().flat_map(about).collect()
}

/// How many facts the last append has: so few that the script adds them, and so many that they are a transaction.
const SIZES: [u64; 2] = [5, LARGE];

/// A log with some facts and a group, and an append that was acknowledged last. Gives the number behind its first facts.
async fn written(size: u64) -> (Server, Log, u64) {
    let server = Server::synced();
    let log = log(&server);
    log.append(&facts(0, 3)).await.unwrap();
    for stream in STREAMS {
        server.client().call(["XGROUP", "CREATE", stream, "workers", "0"]);
    }
    let mut next = 3;
    loop {
        log.append(&facts(next, size)).await.unwrap();
        if size < LARGE || transactions(&server) > 0 {
            return (server, log, next);
        }
        next += size;
    }
}

/// Which of the cuts are tried: all of them take seconds.
async fn places() -> Vec<(u64, usize)> {
    let mut places = Vec::new();
    for size in SIZES {
        let (server, _log, _) = written(size).await;
        let cuts = cuts(&server);
        assert!(cuts.len() > 3 * size as usize, "{cuts:?}");
        // Of the commands for lines one is like the other.
        let every = if long() {
            1
        } else if size < LARGE {
            3
        } else {
            19
        };
        places.extend((0..cuts.len()).step_by(every).map(|place| (size, place)));
        places.push((size, cuts.len() - 1));
    }
    places
}

#[tokio::test]
async fn a_batch_that_the_server_tore_and_is_sent_again_stands_there_once_wherever_it_was_torn() {
    for place in places().await {
        let (size, at) = place;
        let (mut server, log, last) = written(size).await;
        let at = cuts(&server)[at];
        cut(&mut server, at);
        let next = last + size;
        log.append(&facts(next, 3)).await.unwrap();
        log.append(&facts(next + 3, 3)).await.unwrap();
        let said = remarks(&log).await;
        assert_eq!(
            said.iter().map(|(event, _)| event.as_str()).collect::<Vec<_>>(),
            ["ServerSetBack"],
            "place {place:?}"
        );
        for life in 0..3 {
            assert_exactly(&log, 0..next + 6).await;
            assert_eq!(remarks(&log).await, said, "place {place:?}, life {life}");
            let before = told(&server);
            server.kill();
            server.revive();
            assert_eq!(told(&server), before, "place {place:?}, life {life}");
        }
        // The server counts what a group has yet to get.
        for stream in STREAMS {
            let groups = server.client().call(["XINFO", "GROUPS", stream]).list().remove(0).list();
            let lag = groups.iter().position(|word| word.text() == "lag").map(|at| groups[at + 1].number());
            assert_eq!(lag, Some(server.client().call(["XLEN", stream]).number()), "place {place:?}, {stream}");
        }
    }
}

#[tokio::test]
async fn nothing_of_a_torn_batch_comes_back_when_another_writer_goes_on() {
    for place in places().await {
        let (size, at) = place;
        let (mut server, first, last) = written(size).await;
        let at = cuts(&server)[at];
        cut(&mut server, at);
        // Whoever could send the batch again is not there any more.
        drop(first);
        let log = Log::new(RedisLog::new(config(server.port())));
        log.append(&facts(1000, 4)).await.unwrap();
        let standing = numbers(&log).await;
        assert_eq!(standing, (0..last).chain(1000..1004).collect::<Vec<_>>(), "place {place:?}");
        server.kill();
        server.revive();
        assert_eq!(numbers(&log).await, standing, "place {place:?}");
        log.append(&facts(1004, 4)).await.unwrap();
        server.kill();
        server.revive();
        assert_eq!(numbers(&log).await, [standing, vec![1004, 1005, 1006, 1007]].concat(), "place {place:?}");
    }
}

#[tokio::test]
async fn a_shipment_that_the_server_tore_stands_there_once_wherever_it_was_torn() {
    for place in 0..4 {
        let (dir, mut server) = (tempfile::tempdir().unwrap(), Server::synced());
        let log = spool::spooled(server.port(), &dir, "spool");
        log.append(&spool::facts(0..3)).await.unwrap();
        spool::drained(&log).await;
        log.append(&spool::facts(3..8)).await.unwrap();
        spool::drained(&log).await;
        let cuts = cuts(&server);
        cut(&mut server, cuts[place * cuts.len() / 4 + 1]);
        log.append(&spool::facts(8..10)).await.unwrap();
        spool::drained(&log).await;
        for life in 0..2 {
            let (names, said) = spool::standing(&server).await;
            assert_eq!((names, said), (spool::names(0..10), vec!["ServerSetBack".to_owned()]), "{place}, life {life}");
            server.kill();
            server.revive();
        }
    }
}
