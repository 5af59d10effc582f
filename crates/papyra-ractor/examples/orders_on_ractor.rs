//! A ractor program whose actors are observed: `cargo run -p papyra-ractor --example orders_on_ractor -- json:orders.ndjson`

use std::{env, error::Error, time::Duration};

use papyra::Recorder;
use papyra_ractor::{Observer, SpawnObserved};
use ractor::{Actor, ActorProcessingErr, ActorRef};

struct Orders;

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Orders {
    type Msg = String;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<String>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(&self, _: ActorRef<String>, order: String, (): &mut ()) -> Result<(), ActorProcessingErr> {
        if order.is_empty() { Err("an empty order".into()) } else { Ok(()) }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The log is checked before anything runs; a damaged one ends the program here.
    let recorder = Recorder::open(env::args().nth(1).as_deref().unwrap_or("memory:")).await?;
    let observer = Observer::start(&recorder).system("shop").audit_every(Duration::from_secs(15)).await?;
    let (orders, join) = Orders::spawn_observed(&observer, Some("orders".into()), Orders, ()).await?;
    orders.cast("three apples".into())?;
    orders.cast(String::new())?; // a crash
    join.await?;
    assert!(orders.cast("two pears".into()).is_err()); // ractor's own error, and a dead letter on record
    observer.stop().await;
    println!("{:?}", recorder.shutdown(Duration::from_secs(5)).await); // start, crash, dead letter
    Ok(())
}
