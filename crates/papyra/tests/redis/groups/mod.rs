//! Consumer groups on a real server.

mod consuming;
mod contract;
mod examples;
mod outages;
mod python;

use papyra::{Delivered, Fact, Group, GroupState, Kind, Log, Position, RedisConfig, RedisLog};

use crate::lab::{Client, Reply, Server};

/// The stream of the events.
const EVENTS: &str = "papyra:local:events";

fn log(server: &Server) -> Log {
    Log::new(RedisLog::new(RedisConfig::new("127.0.0.1", server.port())))
}

fn workers() -> Group {
    Group::new(Kind::Event, "workers")
}

/// The text of the fact with this number.
fn fact(n: usize) -> String {
    format!(r#"{{"kind":"event","event_type":"E{n}","actor_address":"local://{n}","timestamp":{}}}"#, 1_700_000_000 + n)
}

/// Adds facts with these numbers to the stream of the events, as other programs do.
fn add(client: &mut Client, numbers: impl IntoIterator<Item = usize>) {
    for n in numbers {
        client.call(["XADD", EVENTS, "*", "data", &fact(n)]);
    }
}

/// The number of a fact.
#[track_caller]
fn number(fact: &Fact) -> usize {
    kind_of(fact).strip_prefix('E').unwrap().parse().unwrap()
}

/// The type of an event.
#[track_caller]
fn kind_of(fact: &Fact) -> &str {
    let Fact::Event(event) = fact else { panic!("not an event: {fact:?}") };
    &event.event_type
}

fn numbers(delivered: &Delivered) -> Vec<usize> {
    delivered.deliveries.iter().map(|delivery| number(&delivery.entry.fact)).collect()
}

fn positions(delivered: &Delivered) -> Vec<Position> {
    delivered.deliveries.iter().map(|delivery| delivery.entry.position).collect()
}

async fn state(log: &Log) -> GroupState {
    let states = log.consumer_groups().unwrap().list(Kind::Event).await.unwrap();
    states.into_iter().find(|state| state.group == workers()).expect("the group is there")
}

/// How many entries the dead entries of the events hold, by the reason that stands with them.
fn dead(client: &mut Client) -> usize {
    match client.call(["XLEN", "papyra:local:dead:events"]) {
        Reply::Number(n) => n as usize,
        other => panic!("{other:?}"),
    }
}
