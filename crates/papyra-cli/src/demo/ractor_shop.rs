//! The actor system of the demo: an ordinary ractor program, but for the word `observed` where it spawns.

use papyra::Recorder;
use papyra_ractor::{
    ObservedRef, Observer, SpawnObserved,
    ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent},
};
use tokio::task::JoinHandle;

use super::{CLOSING, END_OF_SHIFT, Order, SHOP, SYSTEM, broken};

/// The whole shop, from outside.
pub(super) struct RactorShop {
    observer: Observer,
    shop: ObservedRef<Tell>,
    closed: JoinHandle<()>,
}

impl super::Shop for RactorShop {
    async fn open(recorder: &Recorder) -> papyra::Result<Self> {
        let observer = Observer::start(recorder).system(SYSTEM).await?;
        let shop = Shop { observer: observer.clone() };
        let spawned = Shop::spawn_observed(&observer, Some(SHOP.to_owned()), shop, ()).await;
        let (shop, closed) = spawned.map_err(broken)?;
        Ok(RactorShop { observer, shop, closed })
    }

    async fn place(&self, order: Order) -> papyra::Result<()> {
        self.shop.cast(Tell::Place(order)).map_err(broken)
    }

    async fn send_home(&self, worker: usize) -> papyra::Result<()> {
        self.shop.cast(Tell::SendHome { worker }).map_err(broken)
    }

    fn audit(&self) {
        self.observer.audit();
    }

    async fn close(self) -> papyra::Result<()> {
        self.shop.stop(Some(CLOSING.to_owned()));
        self.closed.await.map_err(broken)?;
        self.observer.stop().await;
        Ok(())
    }
}

/// What the shop is told.
enum Tell {
    Place(Order),
    SendHome { worker: usize },
}

/// The supervisor: it gives each order to the next worker, and starts a worker again that crashed.
struct Shop {
    observer: Observer,
}

impl Shop {
    async fn hire(&self, number: usize, shop: ActorCell) -> Result<ObservedRef<Order>, SpawnErr> {
        let name = Some(format!("worker-{number}"));
        let (worker, _) = Worker::spawn_linked_observed(&self.observer, name, Worker, (), shop).await?;
        Ok(worker)
    }
}

#[cfg_attr(feature = "async-trait", papyra_ractor::ractor::async_trait)]
impl Actor for Shop {
    type Msg = Tell;
    type State = Vec<ObservedRef<Order>>;
    type Arguments = ();

    async fn pre_start(&self, myself: ActorRef<Tell>, (): ()) -> Result<Self::State, ActorProcessingErr> {
        let mut workers = Vec::new();
        for number in 1..=3 {
            workers.push(self.hire(number, myself.get_cell()).await?);
        }
        Ok(workers)
    }

    async fn handle(&self, _: ActorRef<Tell>, told: Tell, workers: &mut Self::State) -> Result<(), ActorProcessingErr> {
        match told {
            Tell::Place(order) => {
                let next = order.number as usize % workers.len();
                // A worker that is gone does not take the order, and this shop does not care: the dead letter does.
                let _ = workers[next].cast(order);
            }
            Tell::SendHome { worker } => {
                if let Some(worker) = workers.get(worker - 1) {
                    worker.stop_and_wait(Some(END_OF_SHIFT.to_owned()), None).await?;
                }
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Tell>,
        heard: SupervisionEvent,
        workers: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(crashed, _) = heard
            && let Some(place) = workers.iter().position(|worker| worker.get_id() == crashed.get_id())
        {
            workers[place] = self.hire(place + 1, myself.get_cell()).await?;
        }
        Ok(())
    }

    async fn post_stop(&self, myself: ActorRef<Tell>, _: &mut Self::State) -> Result<(), ActorProcessingErr> {
        myself.stop_children_and_wait(Some(CLOSING.to_owned()), None).await;
        Ok(())
    }
}

struct Worker;

#[cfg_attr(feature = "async-trait", papyra_ractor::ractor::async_trait)]
impl Actor for Worker {
    type Msg = Order;
    type State = u32;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Order>, (): ()) -> Result<u32, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(&self, _: ActorRef<Order>, order: Order, takings: &mut u32) -> Result<(), ActorProcessingErr> {
        *takings += order.price();
        Ok(())
    }
}
