//! The actor system of the demo as an ordinary kameo program, but for the word `observed` where it spawns, and two hooks in
//! the worker: with them, all that its incarnations live through is seen.

use papyra::Recorder;
use papyra_kameo::{
    ObservedRef, Observer, SpawnObserved,
    kameo::{
        Actor,
        actor::ActorRef,
        error::Infallible,
        message::{Context, Message},
        supervision::RestartPolicy,
    },
};

use super::{Order, SHOP, SYSTEM, broken};

/// The whole shop, from outside.
pub(super) struct KameoShop {
    observer: Observer,
    shop: ObservedRef<Shop>,
}

impl super::Shop for KameoShop {
    async fn open(recorder: &Recorder) -> papyra::Result<Self> {
        let observer = Observer::start(recorder).system(SYSTEM).await?;
        let shop = Shop::spawn_observed(&observer, Some(SHOP), observer.clone());
        shop.ask(Hire).await.map_err(broken)?;
        Ok(KameoShop { observer, shop })
    }

    async fn place(&self, order: Order) -> papyra::Result<()> {
        self.shop.tell(Place(order)).await.map_err(broken)
    }

    async fn send_home(&self, worker: usize) -> papyra::Result<()> {
        // It ends when its supervisor has heard of it, so whoever waits for that must not be the supervisor.
        if let Some(worker) = self.shop.ask(SendHome { worker }).await.map_err(broken)? {
            ended(&worker).await;
        }
        Ok(())
    }

    fn audit(&self) {
        self.observer.audit();
    }

    async fn close(self) -> papyra::Result<()> {
        let workers = self.shop.ask(Close).await.map_err(broken)?;
        self.shop.stop_gracefully().await.map_err(broken)?;
        ended(&self.shop).await;
        for worker in workers {
            ended(&worker).await;
        }
        self.observer.stop().await;
        Ok(())
    }
}

/// Waits until an actor takes no messages any more, and until its observer is told of its end, which is later.
async fn ended<A: Actor>(actor: &ObservedRef<A>) {
    actor.wait_for_shutdown_with_result(|_| ()).await;
}

struct Shop {
    observer: Observer,
    workers: Vec<ObservedRef<Worker>>,
}

struct Hire;
struct Place(Order);
struct SendHome {
    worker: usize,
}
struct Close;

impl Actor for Shop {
    type Args = Observer;
    type Error = Infallible;

    async fn on_start(observer: Observer, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Shop { observer, workers: Vec::new() })
    }
}

impl Message<Hire> for Shop {
    type Reply = ();

    async fn handle(&mut self, _: Hire, context: &mut Context<Self, ()>) {
        for number in 1..=3 {
            let (name, shop) = (format!("worker-{number}"), context.actor_ref());
            let worker = Worker::supervise_observed(&self.observer, &name, shop, || ());
            // Who goes home is not called back.
            self.workers.push(worker.restart_policy(RestartPolicy::Transient).spawn().await);
        }
    }
}

impl Message<Place> for Shop {
    type Reply = ();

    async fn handle(&mut self, Place(order): Place, _: &mut Context<Self, ()>) {
        let next = order.number as usize % self.workers.len();
        // A worker that is gone does not take the order, and this shop does not care: the dead letter does.
        let _ = self.workers[next].tell(order).await;
    }
}

impl Message<SendHome> for Shop {
    type Reply = Option<ObservedRef<Worker>>;

    async fn handle(&mut self, SendHome { worker }: SendHome, _: &mut Context<Self, Self::Reply>) -> Self::Reply {
        let worker = self.workers.get(worker - 1)?;
        let _ = worker.stop_gracefully().await;
        Some(worker.clone())
    }
}

impl Message<Close> for Shop {
    type Reply = Vec<ObservedRef<Worker>>;

    async fn handle(&mut self, _: Close, _: &mut Context<Self, Self::Reply>) -> Self::Reply {
        std::mem::take(&mut self.workers)
    }
}

struct Worker {
    takings: u32,
}

impl Actor for Worker {
    type Args = ();
    type Error = Infallible;

    async fn on_start((): (), _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Worker { takings: 0 })
    }

    papyra_kameo::hooks!();
}

impl Message<Order> for Worker {
    type Reply = ();

    async fn handle(&mut self, order: Order, _: &mut Context<Self, ()>) {
        self.takings += order.price();
    }
}
