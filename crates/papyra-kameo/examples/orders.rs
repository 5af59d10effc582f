//! An actor that crashes, is restarted by its supervisor, and is sent to once too often: `cargo run -p papyra-kameo --example orders`.

use std::time::Duration;

use papyra::{Log, ReadOptions, Recorder};
use papyra_kameo::{
    Observer, SpawnObserved, hooks,
    kameo::{
        error::Infallible,
        prelude::{Actor, ActorRef, Context, Message},
    },
};

#[derive(Actor)]
struct Shop;

struct Orders;

impl Actor for Orders {
    type Args = ();
    type Error = Infallible;
    async fn on_start(_: (), _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Orders)
    }
    hooks!(); // optional: exact facts about restarted actors, and what is left in the mailbox
}

struct Place(Option<u32>);

impl Message<Place> for Orders {
    type Reply = u32;
    async fn handle(&mut self, Place(price): Place, _: &mut Context<Self, u32>) -> u32 {
        price.expect("an order has a price")
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let log = Log::memory();
    let recorder = Recorder::start(log.clone())?;
    let observer = Observer::start(&recorder).system("shop").audit_every(Duration::from_secs(15)).await?;

    let shop = Shop::spawn_observed(&observer, Some("counter"), Shop);
    let orders = Orders::supervise_observed(&observer, "orders", &shop, || ()).spawn().await;
    orders.tell(Place(None)).await?;
    orders.wait_for_startup().await;
    println!("the order costs {}", orders.ask(Place(Some(7))).await?);
    shop.stop_gracefully().await?;
    orders.wait_for_shutdown_with_result(|_| ()).await;
    shop.wait_for_shutdown_with_result(|_| ()).await;
    let _too_late = orders.tell(Place(Some(8))).await;

    observer.stop().await;
    recorder.shutdown(Duration::from_secs(5)).await;
    for entry in log.read(ReadOptions::oldest_first()).collect().await? {
        println!("{}", entry.fact.to_json());
    }
    Ok(())
}
