//! Ships facts from Redis to a file log: read, append, and acknowledge only then.
//!
//! ```text
//! cargo run --features redis --example ship_to_file -- 'redis://127.0.0.1:6379/0?prefix=papyra' archive.ndjson
//! ```

use std::time::Duration;

use papyra::{Consumer, Group, Kind, Leave, Log, Result};

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let from = arguments.next().unwrap_or_else(|| "redis://127.0.0.1:6379/0?prefix=papyra".to_owned());
    let to = arguments.next().unwrap_or_else(|| "archive.ndjson".to_owned());
    let shipped = run(&papyra::open(&from).await?, &papyra::open(&to).await?).await?;
    println!("shipped {shipped} events");
    Ok(())
}

/// Ships the events that are there, and gives how many there were.
pub(crate) async fn run(from: &Log, to: &Log) -> Result<usize> {
    let mut consumer = Consumer::builder(from, Group::new(Kind::Event, "archive"), "archiver")
        .block(Duration::from_millis(100))
        .open()?;
    let mut shipped = 0;
    loop {
        let (mut facts, mut positions) = (Vec::new(), Vec::new());
        // What has come by now goes as one batch, which costs one sync. A service waits for ever instead.
        while facts.len() < 256 {
            let Ok(Some(delivery)) = tokio::time::timeout(Duration::from_millis(500), consumer.next()).await else {
                break;
            };
            let delivery = delivery?;
            positions.push(delivery.entry.position);
            facts.push(delivery.entry.fact);
        }
        if facts.is_empty() {
            break;
        }
        // A crash between these two lines ships the batch twice: never is it lost.
        to.append(&facts).await?;
        consumer.ack(&positions).await?;
        shipped += facts.len();
    }
    consumer.handle().stop(Leave::Finish);
    consumer.close().await?;
    to.close().await?;
    Ok(shipped)
}
