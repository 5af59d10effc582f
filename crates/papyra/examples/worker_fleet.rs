//! A fleet of workers that share one consumer group: each fact goes to one of them, and what a lost worker left goes to
//! another.
//!
//! ```text
//! cargo run --features redis --example worker_fleet -- 'redis://127.0.0.1:6379/0?prefix=papyra'
//! ```

use std::time::Duration;

use papyra::{Consumer, ConsumerSnapshot, Event, Group, Kind, Leave, Log, Result};

#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "redis://127.0.0.1:6379/0?prefix=papyra".to_owned());
    let workers = run(&papyra::open(&url).await?, 3, 300).await?;
    for (at, worker) in workers.iter().enumerate() {
        println!("worker-{at} handled {} facts", worker.acknowledged);
    }
    Ok(())
}

/// Appends so many facts, and lets so many workers handle them.
pub(crate) async fn run(log: &Log, workers: usize, facts: u64) -> Result<Vec<ConsumerSnapshot>> {
    let crashes: Vec<_> =
        (0..facts).map(|n| Event::new(format!("orders://worker/{n}"), "ActorCrashed").into()).collect();
    log.append(&crashes).await?;

    let mut running = Vec::new();
    let mut handles = Vec::new();
    for at in 0..workers {
        // A name that stays the same over a restart brings a worker back to what it left.
        let consumer = Consumer::builder(log, Group::new(Kind::Event, "mailers"), format!("worker-{at}"))
            .block(Duration::from_millis(500))
            .min_idle(Duration::from_secs(60))
            .open()?;
        handles.push(consumer.handle());
        running.push(tokio::spawn(work(consumer)));
    }

    // A service would wait for SIGTERM here.
    while handles.iter().map(|handle| handle.metrics().acknowledged).sum::<u64>() < facts {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    handles.iter().for_each(|handle| handle.stop(Leave::Finish));
    let mut counted = Vec::new();
    for worker in running {
        counted.push(worker.await.expect("no worker panics")?);
    }
    Ok(counted)
}

/// One worker's life.
async fn work(mut consumer: Consumer) -> Result<ConsumerSnapshot> {
    while let Some(delivery) = consumer.next().await {
        let delivery = delivery?;
        // Whatever is done here may be done twice for one fact: let the position tell.
        notify(&delivery.entry.fact.to_json());
        consumer.ack(&[delivery.entry.position]).await?;
    }
    let counted = consumer.metrics();
    consumer.close().await?;
    Ok(counted)
}

/// Stands for the mail to whoever is on call.
fn notify(_fact: &str) {}
