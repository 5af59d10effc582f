//! The lines of a spool arrive exactly once.

use papyra::{
    Backend, RedisConfig, RedisLog,
    shipping::{Shipment, Shipped, Shipping},
};

use crate::lab::Server;

const WRITER: &str = "0199f0c2-7a44-7e51-9d0b-3a4f6b1f2c77";

/// The facts of a file, sealed, as a spool has them.
fn lines() -> Vec<&'static [u8]> {
    include_str!("../vectors/format-1.ndjson").lines().skip(1).map(str::as_bytes).collect()
}

fn log(server: &Server) -> RedisLog {
    RedisLog::new(RedisConfig::new("127.0.0.1", server.port()))
}

fn length(server: &Server) -> i64 {
    let mut client = server.client();
    ["events", "audits", "dead_letters"]
        .map(|kind| client.call(["XLEN", &format!("papyra:local:{kind}")]).number())
        .iter()
        .sum()
}

#[tokio::test]
async fn a_shipment_that_is_sent_again_is_not_added_again() {
    let server = Server::start();
    let log = log(&server);
    let ship: &dyn Shipping = log.shipping().unwrap();
    let lines = lines();
    assert_eq!(ship.mark(WRITER).await.unwrap(), None);
    let first = Shipment { writer: WRITER, previous: 0, lines: &lines[..2] };
    assert_eq!(ship.ship(&first).await.unwrap(), Shipped::Done(vec![]));
    assert_eq!(ship.ship(&first).await.unwrap(), Shipped::Repeated);
    let rest = Shipment { writer: WRITER, previous: 2, lines: &lines[2..] };
    assert_eq!(ship.ship(&rest).await.unwrap(), Shipped::Done(vec![]));
    assert_eq!(ship.ship(&first).await.unwrap(), Shipped::Repeated);
    assert_eq!(length(&server), lines.len() as i64);
    assert_eq!(ship.mark(WRITER).await.unwrap().unwrap().seq, lines.len() as u64);
}

#[tokio::test]
async fn a_shipment_that_does_not_follow_is_refused_with_the_mark() {
    let server = Server::start();
    let log = log(&server);
    let ship = log.shipping().unwrap();
    let lines = lines();
    ship.ship(&Shipment { writer: WRITER, previous: 0, lines: &lines[..1] }).await.unwrap();
    let ahead = Shipment { writer: WRITER, previous: 2, lines: &lines[2..] };
    assert_eq!(ship.ship(&ahead).await.unwrap(), Shipped::Elsewhere(1));
    assert_eq!(length(&server), 1);
    server.client().call(["FLUSHALL"]);
    assert_eq!(ship.ship(&ahead).await.unwrap(), Shipped::Elsewhere(0));
    assert_eq!(length(&server), 0);
}

#[tokio::test]
async fn a_server_that_forgot_the_script_or_was_restarted_is_told_it_again() {
    let mut server = Server::synced();
    let log = log(&server);
    let ship = log.shipping().unwrap();
    let lines = lines();
    ship.ship(&Shipment { writer: WRITER, previous: 0, lines: &lines[..1] }).await.unwrap();
    server.client().call(["SCRIPT", "FLUSH"]);
    ship.ship(&Shipment { writer: WRITER, previous: 1, lines: &lines[1..2] }).await.unwrap();
    server.kill();
    let next = Shipment { writer: WRITER, previous: 2, lines: &lines[2..3] };
    assert_eq!(ship.ship(&next).await.unwrap_err().kind(), papyra::ErrorKind::Unavailable);
    server.revive();
    assert_eq!(ship.ship(&next).await.unwrap(), Shipped::Done(vec![]));
    assert_eq!(length(&server), 3);
}

#[tokio::test]
async fn a_line_that_is_not_sealed_is_not_shipped() {
    let server = Server::start();
    let log = log(&server);
    let ship = log.shipping().unwrap();
    let lines = lines();
    let bad = Shipment { writer: WRITER, previous: 0, lines: &[lines[0], b"{\"kind\":\"event\",\"timestamp\":1}"] };
    assert_eq!(ship.ship(&bad).await.unwrap_err().kind(), papyra::ErrorKind::Invalid);
    assert_eq!(length(&server), 0);
    assert_eq!(ship.mark("no uuid").await.unwrap_err().kind(), papyra::ErrorKind::Config);
}
