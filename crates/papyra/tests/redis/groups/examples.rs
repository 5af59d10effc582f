//! The examples do what they say.

use papyra::{FileConfig, FileLog, Log, ReadOptions};

use super::{add, log};
use crate::lab::Server;

#[allow(dead_code, reason = "its `main` is for users")]
#[path = "../../../examples/ship_to_file.rs"]
mod ship_to_file;
#[allow(dead_code, reason = "its `main` is for users")]
#[path = "../../../examples/worker_fleet.rs"]
mod worker_fleet;

#[tokio::test]
async fn a_fleet_handles_everything_together() {
    let server = Server::start();
    let counted = worker_fleet::run(&log(&server), 3, 300).await.unwrap();
    assert_eq!(counted.iter().map(|worker| worker.acknowledged).sum::<u64>(), 300);
}

#[tokio::test]
async fn what_is_shipped_stands_in_the_file_and_is_not_shipped_again() {
    let server = Server::start();
    let log = log(&server);
    add(&mut server.client(), 0..600);
    let directory = tempfile::tempdir().unwrap();
    let file = Log::new(FileLog::new(FileConfig::new(directory.path().join("archive.ndjson"))));
    assert_eq!(ship_to_file::run(&log, &file).await.unwrap(), 600);
    let archived = file.read(ReadOptions::oldest_first()).collect().await.unwrap();
    let numbers: Vec<usize> = archived.iter().map(|entry| super::number(&entry.fact)).collect();
    assert_eq!(numbers, (0..600).collect::<Vec<_>>());
}
