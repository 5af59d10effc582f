//! A kameo actor that counts.

use std::time::Duration;

use papyra_kameo::{
    Observer, SpawnObserved as _,
    kameo::{
        Actor,
        actor::{ActorRef, Spawn as _},
        error::Infallible,
        mailbox,
        message::{Context, Message},
    },
};

use super::{BATCH, MESSAGES, REQUESTS, Round, Way, runtime, thread_time};

struct Add(u64);
struct Tell;

/// An actor that counts, with or without Papyra's hooks: only with them kameo tells what an actor handles.
macro_rules! counter {
    ($counter:ident, $($hooks:tt)*) => {
        struct $counter(u64);

        impl Actor for $counter {
            type Args = ();
            type Error = Infallible;

            async fn on_start((): (), _: ActorRef<Self>) -> Result<Self, Infallible> {
                Ok($counter(0))
            }

            $($hooks)*
        }

        impl Message<Add> for $counter {
            type Reply = ();

            async fn handle(&mut self, Add(n): Add, _: &mut Context<Self, ()>) {
                self.0 += n;
            }
        }

        impl Message<Tell> for $counter {
            type Reply = u64;

            async fn handle(&mut self, _: Tell, _: &mut Context<Self, u64>) -> u64 {
                self.0
            }
        }
    };
}

counter!(Counter,);
counter!(Hooked, papyra_kameo::hooks!(););

/// Sends batches and waits for each to be handled; then requests, one after the other.
macro_rules! send_all {
    ($actor:expr) => {{
        let began = thread_time()?;
        for _ in 0..MESSAGES / BATCH {
            for n in 0..BATCH {
                $actor.tell(Add(n)).try_send().map_err(|error| error.to_string())?;
            }
            $actor.ask(Tell).send().await.map_err(|error| error.to_string())?;
        }
        let sent = thread_time()?;
        for _ in 0..REQUESTS {
            $actor.ask(Tell).send().await.map_err(|error| error.to_string())?;
        }
        [sent - began, thread_time()? - sent]
    }};
}

macro_rules! observed {
    ($counter:ident, $observer:expr) => {{
        let actor = $counter::spawn_observed_with_mailbox($observer, Some("counter"), (), mailbox::unbounded());
        actor.wait_for_startup().await;
        let taken = send_all!(actor);
        actor.stop_gracefully().await.map_err(|error| error.to_string())?;
        actor.wait_for_shutdown().await;
        taken
    }};
}

pub(super) fn round(way: Way) -> Round {
    runtime()?.block_on(async {
        if way == Way::Bare {
            let actor = Counter::spawn_with_mailbox((), mailbox::unbounded());
            actor.wait_for_startup().await;
            let taken = send_all!(actor);
            actor.stop_gracefully().await.map_err(|error| error.to_string())?;
            actor.wait_for_shutdown().await;
            return Ok(taken);
        }
        let recorder = way.recorder()?;
        let observer = Observer::start(&recorder)
            .with(|observation| way.set(observation))
            .await
            .map_err(|error| error.to_string())?;
        let taken = match way {
            Way::Processing => observed!(Hooked, &observer),
            _ => observed!(Counter, &observer),
        };
        observer.stop().await;
        recorder.shutdown(Duration::ZERO).await;
        Ok(taken)
    })
}
