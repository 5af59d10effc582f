//! A recorder in front of a server: actors never wait for it.

use std::time::Duration;

use papyra::Recorder;

use crate::{
    facts::{assert_exactly, fact, log},
    lab::Server,
};

#[tokio::test]
async fn a_server_that_stands_still_keeps_no_actor_waiting_and_gets_everything_afterwards() {
    let server = Server::start();
    let recorder = Recorder::start(log(&server)).unwrap();
    recorder.record(fact(0));
    recorder.flush().await.unwrap();
    server.pause();
    // None of these returns before the server answers, if one of them waits for it.
    (1..3000).for_each(|n| recorder.record(fact(n)));
    assert_eq!(recorder.state().dropped, 0);
    server.resume();
    let report = recorder.shutdown(Duration::from_secs(60)).await;
    assert_eq!((report.written, report.dropped), (3000, 0), "{report:?}");
    assert_exactly(&log(&server), 0..3000).await;
}

#[tokio::test]
async fn a_server_that_never_comes_back_keeps_no_program_from_ending() {
    let mut server = Server::start();
    let recorder = Recorder::start(log(&server)).unwrap();
    recorder.record(fact(0));
    recorder.flush().await.unwrap();
    server.kill();
    (1..100).for_each(|n| recorder.record(fact(n)));
    let report = recorder.shutdown(Duration::from_millis(300)).await;
    assert_eq!((report.written, report.dropped, report.synced), (1, 99, false), "{report:?}");
}
