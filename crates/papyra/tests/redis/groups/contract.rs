//! What the side trait promises.

use std::time::Duration;

use papyra::{ErrorKind, Group, GroupStart, IfPending, Kind, Log, PendingOptions, Position, SetAside};

use super::{EVENTS, add, dead, fact, log, numbers, positions, state, workers};
use crate::lab::Server;

const NOW: Duration = Duration::ZERO;

#[tokio::test]
async fn each_entry_goes_to_one_consumer_and_is_pending_until_it_is_acknowledged() {
    let server = Server::start();
    let log = log(&server);
    let (groups, group) = (log.consumer_groups().unwrap(), workers());
    add(&mut server.client(), 0..10);
    assert!(groups.create(&group, GroupStart::Beginning).await.unwrap());
    assert!(!groups.create(&group, GroupStart::End).await.unwrap());
    let first = groups.read(&group, "a", 6, NOW).await.unwrap();
    let second = groups.read(&group, "b", 100, NOW).await.unwrap();
    assert_eq!((numbers(&first), numbers(&second)), ((0..6).collect(), (6..10).collect()));
    assert!(first.deliveries.iter().all(|delivery| delivery.deliveries == 1));
    assert_eq!(groups.read(&group, "a", 6, NOW).await.unwrap(), papyra::Delivered::default());
    assert_eq!(groups.ack(&group, &positions(&first)).await.unwrap(), 6);
    assert_eq!(groups.ack(&group, &positions(&first)).await.unwrap(), 0);
    let state = state(&log).await;
    assert_eq!((state.pending, state.lag, state.oldest_pending), (4, Some(0), positions(&second).first().copied()));
    assert!(state.acknowledged_through().unwrap() < positions(&second)[0]);
    let shares: Vec<_> = state.consumers.iter().map(|consumer| (consumer.name.as_str(), consumer.pending)).collect();
    assert_eq!(shares, [("a", 0), ("b", 4)]);
}

#[tokio::test]
async fn a_group_begins_where_it_is_told() {
    let server = Server::start();
    let log = log(&server);
    let groups = log.consumer_groups().unwrap();
    let mut client = server.client();
    // The stream need not be there.
    let early = Group::new(Kind::Event, "early");
    assert!(groups.create(&early, GroupStart::End).await.unwrap());
    add(&mut client, 0..3);
    let all = groups.read(&early, "a", 10, NOW).await.unwrap();
    assert_eq!(numbers(&all), [0, 1, 2]);
    let late = Group::new(Kind::Event, "late");
    groups.create(&late, GroupStart::End).await.unwrap();
    let behind = Group::new(Kind::Event, "behind");
    groups.create(&behind, GroupStart::After(positions(&all)[1])).await.unwrap();
    add(&mut client, 3..4);
    assert_eq!(numbers(&groups.read(&late, "a", 10, NOW).await.unwrap()), [3]);
    assert_eq!(numbers(&groups.read(&behind, "a", 10, NOW).await.unwrap()), [2, 3]);
    let names: Vec<String> =
        groups.list(Kind::Event).await.unwrap().iter().map(|state| state.group.name().to_owned()).collect();
    assert_eq!(names, ["behind", "early", "late"]);
    assert_eq!(groups.list(Kind::Audit).await.unwrap(), []);
}

#[tokio::test]
async fn a_read_that_waits_keeps_nobody_else_waiting_and_gets_what_comes() {
    let server = Server::start();
    let log = log(&server);
    log.consumer_groups().unwrap().create(&workers(), GroupStart::Beginning).await.unwrap();
    let waiting = {
        let log = log.clone();
        tokio::spawn(async move {
            let block = Duration::from_secs(60);
            let groups = log.consumer_groups().unwrap();
            // Longer than the limit is as long as the limit.
            loop {
                let delivered = groups.read(&workers(), "a", 10, block).await.unwrap();
                if !delivered.deliveries.is_empty() {
                    return delivered;
                }
            }
        })
    };
    // Until it waits, and then some calls beside it.
    let mut client = server.client();
    while !client.call(["CLIENT", "LIST"]).text().contains("cmd=xreadgroup") {
        tokio::task::yield_now().await;
    }
    for _ in 0..10 {
        assert_eq!(state(&log).await.pending, 0);
    }
    assert!(!waiting.is_finished());
    add(&mut client, [7]);
    assert_eq!(numbers(&waiting.await.unwrap()), [7]);
}

#[tokio::test]
async fn what_is_idle_can_be_claimed_and_its_deliveries_are_counted() {
    let server = Server::start();
    let log = log(&server);
    let (groups, group) = (log.consumer_groups().unwrap(), workers());
    add(&mut server.client(), 0..5);
    groups.create(&group, GroupStart::Beginning).await.unwrap();
    let all = positions(&groups.read(&group, "a", 10, NOW).await.unwrap());
    let long = Duration::from_secs(3600);
    assert_eq!(groups.claim(&group, "b", long, &all).await.unwrap(), papyra::Delivered::default());
    assert_eq!(groups.autoclaim(&group, "b", long, None, 100).await.unwrap().positions, []);
    let claimed = groups.claim(&group, "b", NOW, &all[1..4]).await.unwrap();
    assert_eq!(numbers(&claimed), [1, 2, 3]);
    assert!(claimed.deliveries.iter().all(|delivery| delivery.deliveries == 2), "{claimed:?}");
    // To become the owner is no delivery; the cursor leads through all of them.
    let (mut owned, mut cursor) = (Vec::new(), None);
    loop {
        let claimed = groups.autoclaim(&group, "c", NOW, cursor, 2).await.unwrap();
        owned.extend(claimed.positions);
        cursor = claimed.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(owned, all);
    let pending = groups.pending(&group, &PendingOptions::of("c")).await.unwrap();
    assert_eq!(pending.iter().map(|entry| entry.deliveries).collect::<Vec<_>>(), [1, 2, 2, 2, 1]);
    assert_eq!(groups.pending(&group, &PendingOptions::of("a")).await.unwrap(), []);
    let rest = groups.pending(&group, &PendingOptions::default().after(Some(all[1])).count(2)).await.unwrap();
    assert_eq!(rest.iter().map(|entry| entry.position).collect::<Vec<_>>(), all[2..4]);
    rest.iter().for_each(|entry| assert_eq!(entry.consumer, "c"));
}

#[tokio::test]
async fn whoever_claims_at_the_same_time_gets_other_entries() {
    let server = Server::start();
    let log = log(&server);
    let (groups, group) = (log.consumer_groups().unwrap(), workers());
    add(&mut server.client(), 0..500);
    groups.create(&group, GroupStart::Beginning).await.unwrap();
    groups.read(&group, "dead", 1000, NOW).await.unwrap();
    // Once claimed, an entry is not idle: a second claim within the minimum does not get it. It is set back to long ago.
    let mut client = server.client();
    for entry in groups.pending(&group, &PendingOptions::default().count(1000)).await.unwrap() {
        let id = entry.position.to_string();
        client.call(["XCLAIM", EVENTS, "workers", "dead", "0", &id, "IDLE", "3600000", "JUSTID"]);
    }
    let claims = (0..8).map(|n| {
        let log = log.clone();
        tokio::spawn(async move {
            let (mut own, mut cursor) = (Vec::new(), None);
            loop {
                let groups = log.consumer_groups().unwrap();
                let idle = Duration::from_secs(600);
                let claimed = groups.autoclaim(&workers(), &format!("c{n}"), idle, cursor, 10).await.unwrap();
                own.extend(claimed.positions);
                cursor = claimed.cursor;
                if cursor.is_none() {
                    return own;
                }
            }
        })
    });
    let mut claimed = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        claimed.extend(claim.await.unwrap());
    }
    claimed.sort();
    let doubled = claimed.windows(2).filter(|two| two[0] == two[1]).count();
    assert_eq!((claimed.len(), doubled), (500, 0));
}

#[tokio::test]
async fn whoever_holds_an_entry_keeps_it_and_learns_what_is_not_its_own_any_more() {
    let server = Server::start();
    let log = log(&server);
    let (groups, group) = (log.consumer_groups().unwrap(), workers());
    add(&mut server.client(), 0..4);
    groups.create(&group, GroupStart::Beginning).await.unwrap();
    let all = positions(&groups.read(&group, "a", 10, NOW).await.unwrap());
    let id = all[0].to_string();
    server.client().call(["XCLAIM", EVENTS, "workers", "a", "0", &id, "IDLE", "3600000", "JUSTID"]);
    groups.claim(&group, "b", NOW, &all[1..2]).await.unwrap();
    groups.ack(&group, &all[2..3]).await.unwrap();
    assert_eq!(groups.hold(&group, "a", &all).await.unwrap(), [all[0], all[3]]);
    let idle = Duration::from_secs(600);
    assert_eq!(groups.autoclaim(&group, "b", idle, None, 100).await.unwrap().positions, []);
    let pending = groups.pending(&group, &PendingOptions::of("a")).await.unwrap();
    assert!(pending.iter().all(|entry| entry.deliveries == 1), "{pending:?}");
}

#[tokio::test]
async fn what_is_set_aside_is_copied_once_with_everything_and_then_acknowledged() {
    let server = Server::start();
    let log = log(&server);
    let (groups, group) = (log.consumer_groups().unwrap(), workers());
    let mut client = server.client();
    add(&mut client, 0..3);
    client.call(["XADD", EVENTS, "*", "data", "no fact", "more", "than data"]);
    groups.create(&group, GroupStart::Beginning).await.unwrap();
    let delivered = groups.read(&group, "a", 10, NOW).await.unwrap();
    let all = positions(&delivered);
    assert_eq!((all.len(), delivered.damaged.len()), (3, 1));
    // Of two at the same time one copies; whoever does not own it copies nothing.
    assert_eq!(groups.set_aside(&group, "b", SetAside::Deliveries, &all).await.unwrap(), 0);
    let (one, other) = tokio::join!(
        groups.set_aside(&group, "a", SetAside::Deliveries, &all[..1]),
        groups.set_aside(&group, "a", SetAside::Deliveries, &all[..1])
    );
    assert_eq!(one.unwrap() + other.unwrap(), 1);
    assert_eq!(groups.set_aside(&group, "a", SetAside::Damaged, &delivered.damaged).await.unwrap(), 1);
    let aside = groups.dead(Kind::Event, None, 100).await.unwrap();
    let [poison, damaged] = aside.as_slice() else { panic!("{aside:?}") };
    assert_eq!((poison.original, poison.why.as_str(), poison.deliveries), (all[0], "deliveries", 1));
    assert_eq!((poison.group.as_str(), poison.consumer.as_str(), poison.data.as_str()), ("workers", "a", &*fact(0)));
    assert_eq!((damaged.why.as_str(), damaged.data.as_str()), ("damaged", "no fact"));
    assert_eq!(groups.dead(Kind::Event, Some(poison.position), 100).await.unwrap(), aside[1..]);
    assert!(client.call(["XRANGE", "papyra:local:dead:events", "-", "+"]).list().len() == 2);
    assert_eq!(state(&log).await.pending, 2);
    assert_eq!(client.call(["XLEN", EVENTS]).number(), 4);
}

#[tokio::test]
async fn what_was_trimmed_while_it_was_pending_is_told_and_pending_no_more() {
    let server = Server::start();
    let log = log(&server);
    let (groups, group) = (log.consumer_groups().unwrap(), workers());
    let mut client = server.client();
    add(&mut client, 0..10);
    groups.create(&group, GroupStart::Beginning).await.unwrap();
    let all = positions(&groups.read(&group, "a", 10, NOW).await.unwrap());
    client.call(["XTRIM", EVENTS, "MINID", &all[4].to_string()]);
    let claimed = groups.claim(&group, "a", NOW, &all[..6]).await.unwrap();
    assert_eq!((numbers(&claimed), claimed.trimmed), (vec![4, 5], all[..4].to_vec()));
    client.call(["XTRIM", EVENTS, "MINID", &all[7].to_string()]);
    let claimed = groups.autoclaim(&group, "b", NOW, None, 100).await.unwrap();
    assert_eq!((claimed.positions, claimed.trimmed), (all[7..].to_vec(), all[4..7].to_vec()));
    client.call(["DEL", EVENTS]);
    assert_eq!(groups.ack(&group, &all).await.unwrap(), 0);
    assert_eq!(dead(&mut client), 0);
}

#[tokio::test]
async fn what_is_pending_is_not_lost_with_its_consumer_or_its_group() {
    let server = Server::start();
    let log = log(&server);
    let (groups, group) = (log.consumer_groups().unwrap(), workers());
    add(&mut server.client(), 0..2);
    groups.create(&group, GroupStart::Beginning).await.unwrap();
    let all = positions(&groups.read(&group, "a", 10, NOW).await.unwrap());
    for refused in [
        groups.remove_consumer(&group, "a").await.unwrap_err(),
        groups.delete(&group, IfPending::Refuse).await.unwrap_err(),
    ] {
        assert_eq!(refused.kind(), ErrorKind::Refused);
        assert!(refused.to_string().starts_with("2 entries are pending "), "{refused}");
    }
    assert_eq!(state(&log).await.pending, 2);
    groups.ack(&group, &all).await.unwrap();
    assert!(groups.remove_consumer(&group, "a").await.unwrap());
    assert!(!groups.remove_consumer(&group, "a").await.unwrap());
    groups.claim(&group, "b", NOW, &all).await.unwrap();
    assert!(groups.delete(&group, IfPending::Refuse).await.unwrap());
    assert!(!groups.delete(&group, IfPending::Refuse).await.unwrap());
    assert!(!groups.delete(&Group::new(Kind::Audit, "nobody"), IfPending::Forget).await.unwrap());
    groups.create(&group, GroupStart::Beginning).await.unwrap();
    groups.read(&group, "a", 10, NOW).await.unwrap();
    assert!(groups.delete(&group, IfPending::Forget).await.unwrap());
}

#[tokio::test]
async fn a_group_that_is_not_there_is_not_found_by_any_call() {
    let server = Server::start();
    let log = log(&server);
    let (groups, group) = (log.consumer_groups().unwrap(), workers());
    let some = [Position::from_pair(1, 0)];
    for stream_is_there in [false, true] {
        if stream_is_there {
            add(&mut server.client(), [1]);
        }
        let missing = [
            groups.read(&group, "a", 1, NOW).await.unwrap_err(),
            groups.claim(&group, "a", NOW, &some).await.unwrap_err(),
            groups.autoclaim(&group, "a", NOW, None, 1).await.unwrap_err(),
            groups.hold(&group, "a", &some).await.unwrap_err(),
            groups.pending(&group, &PendingOptions::default()).await.unwrap_err(),
            groups.set_aside(&group, "a", SetAside::Damaged, &some).await.unwrap_err(),
            groups.remove_consumer(&group, "a").await.unwrap_err(),
        ];
        for (at, error) in missing.iter().enumerate() {
            assert_eq!(error.kind(), ErrorKind::NotFound, "{at}: {error:?}");
            assert_eq!(error.to_string(), "there is no consumer group `workers` of kind event");
        }
        assert_eq!(groups.ack(&group, &some).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_key_of_another_type_and_a_position_of_another_log_are_refused_in_words() {
    let server = Server::start();
    let log = log(&server);
    let (groups, group) = (log.consumer_groups().unwrap(), workers());
    server.client().call(["SET", EVENTS, "mine"]);
    assert_eq!(groups.create(&group, GroupStart::End).await.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(groups.list(Kind::Event).await.unwrap_err().kind(), ErrorKind::Corrupt);
    let foreign = groups.ack(&group, &[Position::from_seq(7)]).await.unwrap_err();
    assert_eq!(foreign.kind(), ErrorKind::Invalid);
    assert_eq!(Log::memory().consumer_groups().unwrap_err().kind(), ErrorKind::Unsupported);
}
