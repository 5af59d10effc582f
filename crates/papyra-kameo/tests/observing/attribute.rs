//! The attribute writes the hooks that an actor lacks, and leaves alone those that it has.

use std::ops::ControlFlow;

use papyra_kameo::{
    SpawnObserved, hook,
    kameo::{
        Actor,
        actor::{ActorRef, WeakActorRef},
        error::{ActorStopReason, Infallible, PanicError},
        mailbox::{MailboxReceiver, Signal},
        message::{BoxMessage, Context, Message},
    },
    observed,
};

use crate::scene::{Hold, Scene, ended};

/// Says what is to be done, and as what type it shall be known.
struct Do<const TYPE: u8>;

macro_rules! actor {
    ($actor:ident, $(#[$attribute:meta])* { $($hooks:tt)* }) => {
        struct $actor;

        $(#[$attribute])*
        impl Actor for $actor {
            type Args = ();
            type Error = Infallible;

            async fn on_start((): (), _: ActorRef<Self>) -> Result<Self, Infallible> {
                fn next() {} // a function within a function is none of the actor's hooks
                next();
                Ok($actor)
            }

            $($hooks)*
        }

        impl Message<Hold> for $actor {
            type Reply = ();
            async fn handle(&mut self, hold: Hold, _: &mut Context<Self, ()>) {
                hold.begun.notify_one();
                hold.go_on.notified().await;
                panic!("boom")
            }
        }

        impl<const TYPE: u8> Message<Do<TYPE>> for $actor {
            type Reply = ();
            async fn handle(&mut self, _: Do<TYPE>, _: &mut Context<Self, ()>) {}
        }
    };
}

actor!(
    Bare,
    #[observed]
    {}
);
actor!(
    Listing,
    #[doc = "Another attribute before it."]
    #[observed(Do<1>, Do<2>,)]
    {}
);
actor!(
    Own,
    #[observed]
    {
        async fn next(
            &mut self,
            actor: WeakActorRef<Self>,
            mailbox: &mut MailboxReceiver<Self>,
        ) -> Result<Option<Signal<Self>>, Infallible> {
            hook::done(&actor);
            let signal = mailbox.recv().await;
            hook::next(&actor, signal.as_ref());
            Ok(signal)
        }

        async fn on_panic(
            &mut self,
            actor: WeakActorRef<Self>,
            error: PanicError,
        ) -> Result<ControlFlow<ActorStopReason>, Infallible> {
            hook::panicked(&actor, &error);
            Ok(ControlFlow::Break(ActorStopReason::Panicked(error)))
        }

        async fn on_undelivered(&mut self, _: ActorStopReason, left: Vec<BoxMessage<Self>>) -> Result<(), Infallible> {
            hook::left_in_mailbox::<Self>("whatever", left.len() as u64);
            Ok(())
        }
    }
);

/// What is told of an actor that crashes with messages in its mailbox: those of its crash and behind.
async fn told<A>() -> Vec<String>
where
    A: Actor<Args = ()> + Message<Hold> + Message<Do<1>> + Message<Do<2>> + Message<Do<3>>,
{
    let scene = Scene::with(|observation| observation.processing_every(crate::scene::LONG)).await;
    let actor = A::spawn_observed(&scene.observer, Some("actor"), ());
    let held = Hold::new();
    actor.wait_for_startup().await;
    actor.tell(held.clone()).await.unwrap();
    held.begun.notified().await;
    actor.tell(Do::<1>).await.unwrap();
    actor.tell(Do::<2>).await.unwrap();
    actor.tell(Do::<3>).await.unwrap();
    held.go_on.notify_one();
    ended(&actor).await;
    let told = scene.told().await;
    told.into_iter().filter(|told| !told.contains("ActorStarted") && !told.contains("MessageProcessed")).collect()
}

const CRASH: &str = r#"orders://actor ActorCrashed {"generation":1,"error":"boom","how":"panic","location":null,"message_type":"observing::scene::Hold"}"#;

#[tokio::test]
async fn it_writes_all_hooks_of_an_actor_that_has_none() {
    assert_eq!(told::<Bare>().await, ["orders://actor dead letter unknown, left_in_mailbox, 3", CRASH]);
}

#[tokio::test]
async fn it_tells_the_listed_types_of_messages_apart() {
    let letter = |message_type: &str| format!("orders://actor dead letter {message_type}, left_in_mailbox, 1");
    let [first, second] = ["1", "2"].map(|n| letter(&format!("observing::attribute::Do<{n}>")));
    assert_eq!(told::<Listing>().await, [first, second, letter("unknown"), CRASH.to_owned()]);
}

#[tokio::test]
async fn it_writes_no_hook_that_the_actor_has() {
    assert_eq!(told::<Own>().await, ["orders://actor dead letter whatever, left_in_mailbox, 3", CRASH]);
}
