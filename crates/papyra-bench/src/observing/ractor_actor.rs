//! A ractor actor that counts.

use std::time::Duration;

use papyra_ractor::{
    Observer, SpawnObserved as _,
    ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort},
};
use tokio::sync::oneshot;

use super::{BATCH, MESSAGES, REQUESTS, Round, Way, runtime, thread_time};

struct Counter;

enum Message {
    Add(u64),
    Tell(oneshot::Sender<u64>),
    Ask(RpcReplyPort<u64>),
}

#[cfg_attr(feature = "async-trait", papyra_ractor::ractor::async_trait)]
impl Actor for Counter {
    type Msg = Message;
    type State = u64;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Message>, (): ()) -> Result<u64, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(&self, _: ActorRef<Message>, message: Message, sum: &mut u64) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Add(n) => *sum += n,
            Message::Tell(to) => drop(to.send(*sum)),
            Message::Ask(to) => drop(to.send(*sum)),
        }
        Ok(())
    }
}

/// Sends batches and waits for each to be handled; then requests, one after the other.
macro_rules! send_all {
    ($actor:expr) => {{
        let began = thread_time()?;
        for _ in 0..MESSAGES / BATCH {
            for n in 0..BATCH {
                $actor.cast(Message::Add(n)).map_err(|error| error.to_string())?;
            }
            let (to, sum) = oneshot::channel();
            $actor.cast(Message::Tell(to)).map_err(|error| error.to_string())?;
            sum.await.map_err(|error| error.to_string())?;
        }
        let sent = thread_time()?;
        for _ in 0..REQUESTS {
            let answer = $actor.call(Message::Ask, None).await.map_err(|error| error.to_string())?;
            answer.success_or("no answer")?;
        }
        [sent - began, thread_time()? - sent]
    }};
}

pub(super) fn round(way: Way) -> Round {
    runtime()?.block_on(async {
        if way == Way::Bare {
            let (actor, join) = Actor::spawn(None, Counter, ()).await.map_err(|error| error.to_string())?;
            let taken = send_all!(actor);
            actor.stop(None);
            join.await.map_err(|error| error.to_string())?;
            return Ok(taken);
        }
        let recorder = way.recorder()?;
        let observer = Observer::start(&recorder)
            .with(|observation| way.set(observation))
            .await
            .map_err(|error| error.to_string())?;
        let spawned = Counter::spawn_observed(&observer, Some("counter".into()), Counter, ()).await;
        let (actor, join) = spawned.map_err(|error| error.to_string())?;
        let taken = send_all!(actor);
        actor.stop(None);
        join.await.map_err(|error| error.to_string())?;
        observer.stop().await;
        recorder.shutdown(Duration::ZERO).await;
        Ok(taken)
    })
}
