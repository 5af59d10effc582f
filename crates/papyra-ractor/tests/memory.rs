//! Actors that are gone leave no memory behind. A program of its own: what other tests hold would count, too.
#![cfg(target_os = "linux")]

use std::time::Duration;

use papyra::{Appended, Backend, Fact, Log, Position, Recorder, Result};
use papyra_ractor::{
    Observer, SpawnObserved,
    ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort},
};

enum Tell {
    Fail,
    Answer(RpcReplyPort<()>),
}

struct Mortal;

#[cfg_attr(feature = "async-trait", papyra_ractor::ractor::async_trait)]
impl Actor for Mortal {
    type Msg = Tell;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Tell>, (): ()) -> std::result::Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(&self, _: ActorRef<Tell>, told: Tell, (): &mut ()) -> std::result::Result<(), ActorProcessingErr> {
        match told {
            Tell::Fail => Err("the end".into()),
            Tell::Answer(reply) => Ok(reply.send(())?),
        }
    }
}

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
            let mut joins = Vec::new();
            for n in 0..AT_ONCE {
                let name = [Some(format!("once-{rounds}-{round}-{n}")), Some(format!("again-{n}")), None];
                let name = name[n as usize % 3].clone();
                let (actor, join) = Mortal::spawn_observed(&observer, name, Mortal, ()).await.unwrap();
                actor.call(Tell::Answer, None).await.unwrap().unwrap();
                actor.cast(Tell::Fail).unwrap();
                joins.push(join);
            }
            for join in joins {
                join.await.unwrap();
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
    recorder.shutdown(Duration::from_secs(60)).await;
}
