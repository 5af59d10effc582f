//! What a worker gets, keeps and leaves.

use std::{collections::BTreeMap, time::Duration};

use papyra::{Consumer, ConsumerBuilder, Delivery, ErrorKind, GroupStart, Leave, Log, PendingOptions};

use super::{EVENTS, add, dead, log, number, state, workers};
use crate::lab::Server;

fn worker(log: &Log, name: &str) -> ConsumerBuilder {
    Consumer::builder(log, workers(), name).block(Duration::from_millis(20))
}

#[track_caller]
fn numbers(deliveries: &[Delivery]) -> Vec<usize> {
    deliveries.iter().map(|delivery| number(&delivery.entry.fact)).collect()
}

/// The next so many facts.
async fn next(consumer: &mut Consumer, n: usize) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    while deliveries.len() < n {
        deliveries.push(consumer.next().await.expect("the consumer runs").unwrap());
    }
    deliveries
}

#[tokio::test]
async fn a_worker_gets_what_is_there_and_what_comes_and_nothing_is_left_pending() {
    let server = Server::start();
    let log = log(&server);
    let mut client = server.client();
    add(&mut client, 0..100);
    let mut consumer = worker(&log, "a").count(7).open().unwrap();
    for n in 0..200 {
        if n == 100 {
            add(&mut client, 100..200);
        }
        let delivery = consumer.next().await.unwrap().unwrap();
        assert_eq!((number(&delivery.entry.fact), delivery.deliveries), (n, 1));
        assert_eq!(consumer.ack(&[delivery.entry.position]).await.unwrap(), 1);
    }
    let counted = consumer.metrics();
    assert_eq!((counted.delivered, counted.acknowledged, counted.redelivered, counted.errors), (200, 200, 0, 0));
    assert_eq!(state(&log).await.pending, 0);
    assert!(!consumer.close().await.unwrap().has_pending);
    assert_eq!(state(&log).await.consumers, []);
}

#[tokio::test]
async fn a_worker_of_the_same_name_gets_first_what_it_left() {
    let server = Server::start();
    let log = log(&server);
    add(&mut server.client(), 0..10);
    let mut consumer = worker(&log, "a").count(6).open().unwrap();
    let got = next(&mut consumer, 4).await;
    consumer.ack(&[got[1].entry.position]).await.unwrap();
    // As if it had been killed: of the six that it fetched one is acknowledged.
    drop(consumer);
    let mut consumer = worker(&log, "a").open().unwrap();
    let again = next(&mut consumer, 9).await;
    assert_eq!(numbers(&again), [0, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(again.iter().map(|delivery| delivery.deliveries).collect::<Vec<_>>(), [2, 2, 2, 2, 2, 1, 1, 1, 1]);
    assert_eq!(consumer.metrics().redelivered, 5);
}

#[tokio::test]
async fn a_worker_claims_what_another_left_and_not_what_another_holds() {
    let server = Server::start();
    let log = log(&server);
    add(&mut server.client(), 0..4);
    let idle = Duration::from_millis(200);
    let mut killed = worker(&log, "killed").count(2).min_idle(idle).open().unwrap();
    next(&mut killed, 1).await;
    drop(killed);
    let mut slow = worker(&log, "slow").count(2).min_idle(idle).open().unwrap();
    let held = next(&mut slow, 2).await;
    let held: Vec<_> = held.iter().map(|delivery| delivery.entry.position).collect();
    let mut other = worker(&log, "other").min_idle(idle).open().unwrap();
    let mut got = Vec::new();
    while got.len() < 2 {
        // What is held again and again is not claimed, however long it takes.
        let claimed = tokio::time::timeout(idle / 10, other.next()).await;
        got.extend(claimed.ok().map(|delivery| delivery.unwrap().unwrap()));
        assert_eq!(slow.hold(&held).await.unwrap(), held);
    }
    assert_eq!(numbers(&got), [0, 1]);
    assert_eq!((other.metrics().claimed, other.metrics().redelivered), (2, 2));
    // The log has the sums, of those that are gone, too.
    let all = log.metrics().consumers.unwrap();
    assert_eq!((all.delivered, all.redelivered, all.claimed), (5, 2, 2));
    log.reset_metrics();
    assert_eq!((log.metrics().consumers.unwrap().delivered, other.metrics().delivered), (0, 2));
}

#[tokio::test]
async fn what_is_never_acknowledged_comes_again_and_is_set_aside_in_the_end() {
    let server = Server::start();
    let log = log(&server);
    let mut client = server.client();
    add(&mut client, 0..20);
    let builder = worker(&log, "a").min_idle(Duration::from_millis(50)).max_deliveries(3);
    let mut consumer = builder.open().unwrap();
    let mut tried = BTreeMap::<usize, u64>::new();
    // The server may have set aside what the consumer has not been told yet.
    while consumer.metrics().set_aside < 2 {
        let Ok(delivery) = tokio::time::timeout(Duration::from_millis(5), consumer.next()).await else { continue };
        let delivery = delivery.unwrap().unwrap();
        let n = number(&delivery.entry.fact);
        *tried.entry(n).or_default() += 1;
        if n != 3 && n != 11 {
            consumer.ack(&[delivery.entry.position]).await.unwrap();
        }
    }
    assert!(tried.iter().all(|(n, times)| *times == if [3, 11].contains(n) { 3 } else { 1 }), "{tried:?}");
    assert_eq!(tried.len(), 20);
    let aside = log.consumer_groups().unwrap().dead(papyra::Kind::Event, None, 10).await.unwrap();
    assert!(aside.iter().all(|entry| entry.deliveries == 3 && entry.why == "deliveries"), "{aside:?}");
    assert_eq!((state(&log).await.pending, dead(&mut client)), (0, 2));
}

#[tokio::test]
async fn an_entry_that_is_no_fact_does_not_stop_the_worker() {
    let server = Server::start();
    let log = log(&server);
    let mut client = server.client();
    client.call(["XADD", EVENTS, "*", "data", "{"]);
    client.call(["XADD", EVENTS, "*", "other", "field"]);
    add(&mut client, [1]);
    let mut consumer = worker(&log, "a").open().unwrap();
    let got = next(&mut consumer, 1).await;
    consumer.ack(&[got[0].entry.position]).await.unwrap();
    assert_eq!((dead(&mut client), consumer.metrics().damaged, state(&log).await.pending), (2, 2, 0));
}

#[tokio::test]
async fn what_was_trimmed_while_it_was_pending_is_passed_over() {
    let server = Server::start();
    let log = log(&server);
    let mut client = server.client();
    add(&mut client, 0..10);
    let mut consumer = worker(&log, "a").open().unwrap();
    next(&mut consumer, 10).await;
    drop(consumer);
    client.call(["XTRIM", EVENTS, "MAXLEN", "2"]);
    let mut consumer = worker(&log, "a").open().unwrap();
    let got = next(&mut consumer, 2).await;
    assert_eq!(numbers(&got), [8, 9]);
    consumer.ack(&got.iter().map(|delivery| delivery.entry.position).collect::<Vec<_>>()).await.unwrap();
    assert_eq!((consumer.metrics().trimmed, state(&log).await.pending), (8, 0));
}

#[tokio::test]
async fn a_worker_that_is_stopped_finishes_what_it_fetched_or_leaves_it_at_once() {
    let server = Server::start();
    let log = log(&server);
    add(&mut server.client(), 0..10);
    let mut consumer = worker(&log, "a").count(4).open().unwrap();
    let handle = consumer.handle();
    let first = next(&mut consumer, 1).await;
    handle.stop(Leave::Finish);
    let mut rest = Vec::new();
    while let Some(delivery) = consumer.next().await {
        rest.push(delivery.unwrap());
    }
    assert_eq!(numbers(&rest), [1, 2, 3]);
    let all: Vec<_> = first.iter().chain(&rest).map(|delivery| delivery.entry.position).collect();
    assert_eq!(handle.ack(&all).await.unwrap(), 4);
    assert!(!consumer.close().await.unwrap().has_pending);

    let mut consumer = worker(&log, "b").count(4).open().unwrap();
    next(&mut consumer, 1).await;
    consumer.handle().stop(Leave::Now);
    assert!(consumer.next().await.is_none());
    assert!(consumer.next().await.is_none());
    assert!(consumer.close().await.unwrap().has_pending);
    let left = log.consumer_groups().unwrap().pending(&workers(), &PendingOptions::of("b")).await.unwrap();
    assert_eq!(left.len(), 4);
}

#[tokio::test]
async fn a_worker_that_waits_for_facts_ends_when_it_is_told_from_elsewhere() {
    let server = Server::start();
    let log = log(&server);
    for leave in [Leave::Finish, Leave::Now] {
        let mut consumer = worker(&log, "a").open().unwrap();
        let handle = consumer.handle();
        let waiting = tokio::spawn(async move { consumer.next().await });
        let mut client = server.client();
        while !client.call(["CLIENT", "LIST"]).text().contains("cmd=xreadgroup") {
            tokio::task::yield_now().await;
        }
        handle.stop(leave);
        assert!(waiting.await.unwrap().is_none());
    }
}

#[tokio::test]
async fn no_fact_is_lost_when_somebody_stops_waiting_for_the_next() {
    let server = Server::start();
    let log = log(&server);
    let mut client = server.client();
    let mut consumer = worker(&log, "a").open().unwrap();
    let mut got = Vec::new();
    for n in 0..100 {
        add(&mut client, [n]);
        // Given up at any point of the search, before and after the server's answer.
        if let Ok(delivery) = tokio::time::timeout(Duration::from_micros(50 * n as u64), consumer.next()).await {
            got.push(delivery.unwrap().unwrap());
        }
    }
    let left = 100 - got.len();
    got.extend(next(&mut consumer, left).await);
    assert_eq!(numbers(&got), (0..100).collect::<Vec<_>>());
    assert_eq!(consumer.metrics().redelivered, 0);
}

#[tokio::test]
async fn a_worker_that_acknowledges_nothing_gets_no_more_than_it_may_have_in_hand() {
    let server = Server::start();
    let log = log(&server);
    add(&mut server.client(), 0..20);
    let mut consumer = worker(&log, "a").max_in_hand(5).open().unwrap();
    let got = next(&mut consumer, 5).await;
    assert!(tokio::time::timeout(Duration::from_millis(100), consumer.next()).await.is_err());
    assert_eq!(state(&log).await.pending, 5);
    consumer.ack(&[got[0].entry.position, got[1].entry.position]).await.unwrap();
    assert_eq!(numbers(&next(&mut consumer, 2).await), [5, 6]);
}

#[tokio::test]
async fn what_waited_here_for_too_long_and_was_claimed_meanwhile_is_not_handled_twice() {
    let server = Server::start();
    let log = log(&server);
    add(&mut server.client(), 0..3);
    let idle = Duration::from_millis(20);
    let mut slow = worker(&log, "slow").min_idle(idle).open().unwrap();
    next(&mut slow, 1).await;
    tokio::time::sleep(idle).await;
    // Another takes all three, two of which wait in the slow worker's hands.
    let groups = log.consumer_groups().unwrap();
    let claimed = groups.autoclaim(&workers(), "quick", Duration::ZERO, None, 10).await.unwrap();
    groups.ack(&workers(), &claimed.positions).await.unwrap();
    add(&mut server.client(), [3]);
    assert_eq!(numbers(&next(&mut slow, 1).await), [3]);
    assert_eq!(slow.metrics().lost_to_others, 2);
}

#[tokio::test]
async fn a_consumer_that_is_long_silent_is_removed_unless_something_is_pending_with_it() {
    let server = Server::start();
    let log = log(&server);
    add(&mut server.client(), 0..3);
    let groups = log.consumer_groups().unwrap();
    groups.create(&workers(), GroupStart::Beginning).await.unwrap();
    let one = groups.read(&workers(), "drained", 1, Duration::ZERO).await.unwrap();
    groups.ack(&workers(), &[one.deliveries[0].entry.position]).await.unwrap();
    groups.read(&workers(), "busy", 1, Duration::ZERO).await.unwrap();
    let mut consumer = worker(&log, "a").forget_after(Duration::ZERO).open().unwrap();
    next(&mut consumer, 1).await;
    let names: Vec<String> = state(&log).await.consumers.into_iter().map(|consumer| consumer.name).collect();
    assert_eq!(names, ["a", "busy"]);
    assert_eq!(consumer.metrics().forgotten, 1);
}

#[tokio::test]
async fn a_log_without_groups_and_names_that_are_empty_are_refused_at_once() {
    let refused = Consumer::builder(&Log::memory(), workers(), "a").open().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    let server = Server::start();
    assert_eq!(worker(&log(&server), "").open().unwrap_err().kind(), ErrorKind::Config);
}
