//! The server goes away, is slow, loses data: nothing acknowledged is lost in silence, nothing is doubled.

use std::{sync::Arc, time::Duration};

use papyra::{ErrorKind, Log, Outcome, RedisLog};
use tokio::task::JoinSet;

use crate::{
    facts::{assert_exactly, config, fact, facts, log, long, numbers, remarks},
    lab::{Fault, Proxy, Server, free_port},
    large::{LARGE, transactions},
};

fn through(proxy: &Proxy) -> Log {
    Log::new(RedisLog::new(config(proxy.port())))
}

/// Several callers append beside each other, so that several batches are on their way, while `disturb` is called.
async fn append_beside(log: &Log, callers: u64, each: u64, size: u64, disturb: impl Fn(u64)) {
    let mut tasks = JoinSet::new();
    let progress = Arc::new(tokio::sync::Semaphore::new(0));
    for caller in 0..callers {
        let (log, progress) = (log.clone(), progress.clone());
        tasks.spawn(async move {
            for n in 0..each {
                log.append(&facts((caller * each + n) * size, size)).await.unwrap();
                progress.add_permits(1);
            }
        });
    }
    for done in 0..callers * each {
        progress.acquire().await.unwrap().forget();
        disturb(done);
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_off_neither_loses_nor_doubles_anything() {
    // Between two cuts the connection lives long enough for transactions of large batches.
    for (size, every) in [(2, 1), (LARGE, 4)] {
        let server = Server::start();
        let proxy = Proxy::to(server.port());
        let log = through(&proxy);
        let each = if long() { 500 * every } else { 40 };
        let cut = |done: u64| if done.is_multiple_of(every) { Fault::CutBeforeReply } else { Fault::None };
        append_beside(&log, 3, each, size, |done| proxy.set(cut(done))).await;
        // How many come to pass depends on the machine; `scripts/prove redis` counts until there are enough.
        assert!(proxy.cuts() > 0);
        assert!(size < LARGE || transactions(&server) > 0);
        eprintln!("{} cuts, batches of {size}", proxy.cuts());
        assert_exactly(&log, 0..3 * each * size).await;
    }
}

#[tokio::test]
async fn a_request_that_is_torn_neither_loses_nor_doubles_anything() {
    for size in [2, LARGE] {
        let server = Server::start();
        let proxy = Proxy::to(server.port());
        let log = through(&proxy);
        let each = if long() { 300 } else { 30 };
        let within = |done: u64| Fault::CutAfter(done * 97 % 2500 * size);
        append_beside(&log, 3, each, size, |done| proxy.set(within(done))).await;
        assert!(proxy.cuts() > 0);
        assert_exactly(&log, 0..3 * each * size).await;
    }
}

#[tokio::test]
async fn a_connection_that_falls_silent_is_given_up() {
    let server = Server::start();
    let proxy = Proxy::to(server.port());
    let log = through(&proxy);
    log.append(&facts(0, 3)).await.unwrap();
    proxy.set(Fault::Silence);
    let appending = tokio::spawn({
        let log = log.clone();
        async move { log.append(&facts(3, 3)).await }
    });
    // The batch is on its way, and its answer is swallowed; from then on the wire is sound.
    while proxy.sent() < 1500 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    proxy.set(Fault::None);
    appending.await.unwrap().unwrap();
    assert_exactly(&log, 0..6).await;
}

#[tokio::test]
async fn a_server_that_stands_still_does_not_double_what_it_gets_twice() {
    for size in [3, LARGE] {
        let server = Server::start();
        let log = log(&server);
        log.append(&facts(0, size)).await.unwrap();
        log.append(&facts(size, size)).await.unwrap();
        server.pause();
        let appending = tokio::spawn({
            let log = log.clone();
            async move { log.append(&facts(2 * size, size)).await }
        });
        // Long enough that the batch is sent again on other connections, which all wait in the server's queue.
        tokio::time::sleep(Duration::from_millis(4500)).await;
        server.resume();
        appending.await.unwrap().unwrap();
        log.append(&facts(3 * size, size)).await.unwrap();
        assert_exactly(&log, 0..4 * size).await;
    }
}

#[tokio::test]
async fn a_slow_server_is_waited_for() {
    let server = Server::start();
    let proxy = Proxy::to(server.port());
    proxy.set(Fault::Delay(Duration::from_millis(150)));
    let log = through(&proxy);
    append_beside(&log, 3, 4, 2, |_| {}).await;
    assert_exactly(&log, 0..24).await;
}

#[tokio::test]
async fn what_was_acknowledged_survives_kills_of_a_server_that_syncs() {
    for size in [3, LARGE] {
        let mut server = Server::synced();
        let log = log(&server);
        let kills = if long() { 200 } else { 4 };
        let mut next = 0;
        for _ in 0..kills {
            let appending = tokio::spawn({
                let log = log.clone();
                async move {
                    for n in 0..20 {
                        log.append(&facts(next + n * size, size)).await.unwrap();
                    }
                }
            });
            tokio::time::sleep(Duration::from_millis(20)).await;
            server.kill();
            server.revive();
            appending.await.unwrap();
            next += 20 * size;
        }
        assert_exactly(&log, 0..next).await;
        assert_eq!(remarks(&log).await, []);
    }
}

#[tokio::test]
async fn a_server_that_is_away_at_first_is_waited_for_and_then_given_up() {
    let port = free_port();
    let log = Log::new(RedisLog::new(config(port).with_timeout(Duration::from_millis(300))));
    let error = log.append(&facts(0, 3)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unavailable, Outcome::NotWritten), "{error:?}");
    assert!(error.cure().is_some());

    let patient = Log::new(RedisLog::new(config(port)));
    let appending = tokio::spawn({
        let log = patient.clone();
        async move { log.append(&facts(0, 3)).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let _server = Server::on(port, &[]);
    appending.await.unwrap().unwrap();
    log.append(&facts(3, 3)).await.unwrap();
    assert_exactly(&log, 0..6).await;
}

#[tokio::test]
async fn a_batch_whose_answer_never_comes_has_an_unknown_outcome() {
    let mut server = Server::start();
    let proxy = Proxy::to(server.port());
    let log = Log::new(RedisLog::new(config(proxy.port()).with_timeout(Duration::from_secs(1))));
    log.append(&facts(0, 3)).await.unwrap();
    proxy.set(Fault::Silence);
    let appending = tokio::spawn({
        let log = log.clone();
        async move { log.append(&facts(3, 3)).await }
    });
    while server.client().call(["XLEN", "papyra:local:events"]).number() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.kill();
    let error = appending.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unavailable, Outcome::Unknown), "{error:?}");
}

#[tokio::test]
async fn connections_are_counted_as_they_are_made_break_and_fail() {
    let mut server = Server::start();
    let log = log(&server);
    assert_eq!(log.metrics().connections, Some(Default::default()), "nothing is connected before it is needed");
    log.append(&facts(0, 3)).await.unwrap();
    assert_eq!(numbers(&log).await.len(), 3);
    let sound = log.metrics().connections.unwrap();
    assert!(sound.open > 0 && sound.open == sound.made, "{sound:?}");
    assert_eq!((sound.broken, sound.failed), (0, 0));
    server.kill();
    let appending = tokio::spawn({
        let log = log.clone();
        async move { log.append(&facts(3, 3)).await }
    });
    while log.metrics().connections.unwrap().failed < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.revive();
    appending.await.unwrap().unwrap();
    let healed = log.metrics().connections.unwrap();
    assert!(healed.broken >= 1 && healed.failed >= 2 && healed.made > sound.made, "{healed:?}");
    assert_eq!(healed.open, healed.made - healed.broken, "{healed:?}");
    log.close().await.unwrap();
    drop(log);
}

#[tokio::test]
async fn facts_that_the_server_lost_are_sent_again_and_that_is_said() {
    let server = Server::start();
    let log = log(&server);
    for n in 0..10 {
        log.append(&[fact(n)]).await.unwrap();
    }
    server.client().call(["FLUSHALL"]);
    log.append(&facts(10, 3)).await.unwrap();
    log.append(&facts(13, 1)).await.unwrap();
    assert_exactly(&log, 0..14).await;
    let said = remarks(&log).await;
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(
        (said[0].0.as_str(), &said[0].1["resent"], &said[0].1["lost"]),
        ("ServerSetBack", &10.into(), &0.into())
    );
}

#[tokio::test]
async fn facts_that_the_server_lost_and_nobody_holds_are_counted_and_named() {
    let server = Server::start();
    let log = log(&server);
    // More than is held for such a case.
    let heavy = || {
        let text = "x".repeat(900_000);
        papyra::Event::new("t://heavy", "Heavy").with_payload(papyra::Payload::of(&text)).into()
    };
    for _ in 0..8 {
        log.append(&[heavy()]).await.unwrap();
    }
    server.client().call(["FLUSHALL"]);
    log.append(&facts(0, 3)).await.unwrap();
    let appended = log.append(&facts(3, 3)).await.unwrap();
    let said = remarks(&log).await;
    assert_eq!(said.len(), 1, "{said:?}");
    let lost = said[0].1["lost"].as_u64().unwrap();
    assert!(lost > 0 && lost + said[0].1["resent"].as_u64().unwrap() == 8, "{said:?}");
    assert_eq!((&said[0].1["first_lost"], &said[0].1["last_lost"]), (&1.into(), &lost.into()));
    assert_eq!(log.metrics().lost, lost);
    // Whoever appends is told, too, at the latest by the append after the next.
    assert!(appended.remarks.len() <= 1);
}

#[tokio::test]
async fn a_stream_that_was_deleted_is_noticed() {
    let server = Server::start();
    let log = log(&server);
    log.append(&facts(0, 6)).await.unwrap();
    server.client().call(["DEL", "papyra:local:events"]);
    log.append(&facts(6, 3)).await.unwrap();
    log.append(&facts(9, 3)).await.unwrap();
    let said = remarks(&log).await;
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!((said[0].0.as_str(), said[0].1["stream"].as_str()), ("StreamReset", Some("papyra:local:events")));
}

#[tokio::test]
async fn a_mark_that_is_gone_neither_loses_nor_doubles_anything() {
    let server = Server::start();
    let log = log(&server);
    for n in 0..6 {
        log.append(&[fact(n)]).await.unwrap();
        let mut client = server.client();
        for key in client.call(["KEYS", "papyra:local:w:*"]).list() {
            client.call(["DEL", &key.text()]);
        }
        if n == 3 {
            client.call(["DEL", "papyra:local:state"]);
        }
    }
    log.append(&[]).await.unwrap();
    assert_exactly(&log, 0..6).await;
}

#[tokio::test]
async fn an_older_copy_of_the_data_is_brought_up_to_date() {
    let mut server = Server::synced();
    let log = log(&server);
    log.append(&facts(0, 9)).await.unwrap();
    let copy = |from: &std::path::Path, to: &std::path::Path| {
        std::fs::create_dir_all(to).unwrap();
        for file in std::fs::read_dir(from).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    };
    let (live, older) = (server.path("appendonlydir"), server.path("older"));
    copy(&live, &older);
    log.append(&facts(9, 9)).await.unwrap();
    server.kill();
    std::fs::remove_dir_all(&live).unwrap();
    copy(&older, &live);
    server.revive();
    log.append(&facts(18, 3)).await.unwrap();
    log.append(&facts(21, 3)).await.unwrap();
    assert_exactly(&log, 0..24).await;
    assert_eq!(remarks(&log).await.len(), 1);
}

#[tokio::test]
async fn closing_finishes_what_is_open() {
    let server = Server::start();
    let log = log(&server);
    let appending = tokio::spawn({
        let log = log.clone();
        async move { log.append(&facts(0, 300)).await }
    });
    while numbers(&log).await.is_empty() {
        tokio::task::yield_now().await;
    }
    log.close().await.unwrap();
    appending.await.unwrap().unwrap();
    assert_exactly(&log, 0..300).await;
    assert_eq!(log.append(&facts(0, 1)).await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(log.backend().name(), "redis");
}
