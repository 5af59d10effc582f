//! A kameo program whose actors are observed: `cargo run -p papyra-kameo --example orders_on_kameo -- json:orders.ndjson`

use std::{env, error::Error, time::Duration};

use kameo::prelude::{Actor, Context, Message};
use papyra::Recorder;
use papyra_kameo::{Observer, SpawnObserved};

#[derive(Actor)]
struct Orders;

impl Message<String> for Orders {
    type Reply = usize;

    async fn handle(&mut self, order: String, _: &mut Context<Self, usize>) -> usize {
        assert!(!order.is_empty(), "an empty order");
        order.len()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The log is checked before anything runs; a damaged one ends the program here.
    let recorder = Recorder::open(env::args().nth(1).as_deref().unwrap_or("memory:")).await?;
    let observer = Observer::start(&recorder).system("shop").audit_every(Duration::from_secs(15)).await?;
    let orders = Orders::spawn_observed(&observer, Some("orders"), Orders);
    orders.ask("three apples".to_owned()).await?;
    orders.tell(String::new()).await?; // a crash
    orders.wait_for_shutdown_with_result(|_| ()).await;
    assert!(orders.tell("two pears".to_owned()).await.is_err()); // kameo's own error, and a dead letter on record
    observer.stop().await;
    println!("{:?}", recorder.shutdown(Duration::from_secs(5)).await); // start, crash, dead letter
    Ok(())
}
