//! Actors that are gone leave no memory behind. A program of its own: what other tests hold would count, too.
#![cfg(target_os = "linux")]

mod scene;

use std::time::Duration;

use papyra::{Appended, Backend, Fact, Log, Position, Recorder, Result};
use papyra_kameo::{Observer, SpawnObserved};
use scene::{Count, Fail, LONG, Player, Start, ended};

/// Takes everything and keeps nothing.
#[derive(Debug)]
struct Forgetful;

#[async_trait::async_trait]
impl Backend for Forgetful {
    fn name(&self) -> &'static str {
        "forgetful"
    }

    async fn append(&self, facts: &[Fact]) -> Result<Appended> {
        Ok(Appended::new(vec![Position::from_seq(1); facts.len()], 0))
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

/// How much of this process is in memory, in bytes.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[tokio::test]
async fn actors_that_are_gone_leave_no_memory_behind() {
    const AT_ONCE: u64 = 500;
    let recorder = Recorder::builder(Log::new(Forgetful)).queue_bytes(64 << 10).start().unwrap();
    let observer = Observer::start(&recorder)
        .with(|observation| observation.processing_every(Duration::from_millis(10)))
        .await
        .unwrap();
    let live = async |rounds: u64| {
        for round in 0..rounds {
            let mut players = Vec::new();
            for n in 0..AT_ONCE {
                let name = [Some(format!("once-{rounds}-{round}-{n}")), Some(format!("again-{n}")), None];
                let player = Player::spawn_observed(&observer, name[n as usize % 3].as_deref(), Start::Well);
                player.ask(Count).await.unwrap();
                player.tell(Fail).await.unwrap();
                players.push(player);
            }
            for player in &players {
                ended(player).await;
            }
        }
    };
    // As many names as are remembered, and whatever else is kept for later.
    live(61).await;
    let before = resident();
    live(30).await;
    let grown = resident().saturating_sub(before);
    assert!(grown < 30 * AT_ONCE * 200, "{grown} bytes more for {} actors", 30 * AT_ONCE);
    observer.stop().await;
    recorder.shutdown(LONG).await;
}
