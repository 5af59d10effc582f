//! The actor system of the demo: an ordinary ractor program, but for the word `observed` where it spawns.

use papyra_ractor::{
    ObservedRef, Observer, SpawnObserved,
    ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent},
};

/// Where the panics of the demo come from.
pub(super) const SOURCE: &str = file!();

/// What the shop is told.
pub(super) enum Tell {
    Place(Order),
    /// The worker's number counts from 1.
    SendHome {
        worker: usize,
    },
}

/// What a customer wants; somebody forgot the price now and then.
pub(super) struct Order {
    pub(super) number: u32,
    pub(super) price: Option<u32>,
}

/// The supervisor: it gives each order to the next worker, and starts a worker again that crashed.
pub(super) struct Shop {
    observer: Observer,
}

impl Shop {
    pub(super) fn new(observer: Observer) -> Self {
        Shop { observer }
    }

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
                    worker.stop_and_wait(Some("end of shift".to_owned()), None).await?;
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
        myself.stop_children_and_wait(Some("closing time".to_owned()), None).await;
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
        let Some(price) = order.price else { panic!("order {} has no price", order.number) };
        *takings += price;
        Ok(())
    }
}
