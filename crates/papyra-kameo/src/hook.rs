//! What an actor's own hooks tell beyond what kameo tells everybody. [`hooks!`](crate::hooks) calls these functions; an
//! actor that has such a hook of its own calls them there. For an actor that nobody observes they do nothing.

use std::any::TypeId;

use kameo::{
    Actor,
    actor::{ActorRef, WeakActorRef},
    error::PanicError,
    mailbox::Signal,
    message::BoxMessage,
};
use papyra::{Why, observe::take_panic_location};

use crate::{
    entry::{self, number},
    roster,
};

/// In `on_start`: an incarnation of this actor begins. With [`hooks!`](crate::hooks) it is needed only to learn why a
/// restarted actor failed to start.
pub fn begins<A: Actor>(actor: &ActorRef<A>) {
    present(&actor.downgrade());
}

/// In `next`, behind kameo's `recv`: this is the actor's next signal.
pub fn next<A: Actor>(actor: &WeakActorRef<A>, signal: Option<&Signal<A>>) {
    if let Some(Signal::StartupFinished) = signal {
        present(actor);
    }
    if entry::is_measured() {
        let name = if let Some(Signal::Message { message_name, .. }) = signal { Some(*message_name) } else { None };
        roster::known(number(actor.id()), |entry| entry.take_up(name));
    }
}

/// In `next`, at its head: whatever the actor did has been done.
pub fn done<A: Actor>(actor: &WeakActorRef<A>) {
    if entry::is_measured() {
        roster::known(number(actor.id()), |entry| {
            entry.put_down();
        });
    }
}

/// In `on_panic`: one of the actor's functions panicked or returned an error.
pub fn panicked<A: Actor>(actor: &WeakActorRef<A>, error: &PanicError) {
    present(actor);
    let location = error.is_panic().then(take_panic_location).flatten();
    roster::known(number(actor.id()), |entry| {
        let message_type = entry.put_down();
        entry.tell_detail(location.clone(), message_type);
    });
}

/// In `on_undelivered`: so many messages of this type were left in the mailbox of the actor that calls this.
pub fn left_in_mailbox<A: Actor>(message_type: &str, count: u64) {
    roster::current::<A>(|entry| {
        if let Some(observation) = entry.observation.upgrade() {
            observation.dead_letters(&entry.address, message_type, Why::LeftInMailbox, count);
        }
    });
}

/// In `on_undelivered`: these messages were left in the mailbox of the actor that calls this. Of the types listed it is
/// told how many there were of each; all others are of type `unknown`, because kameo does not tell.
pub fn undelivered<A: Actor>(messages: Vec<BoxMessage<A>>, types: &[(TypeId, &'static str)]) {
    let mut counts = vec![0_u64; types.len() + 1];
    for message in messages {
        let message = message.as_any();
        let known = types.iter().position(|(of, _)| *of == (*message).type_id());
        counts[known.unwrap_or(types.len())] += 1;
    }
    let names = types.iter().map(|(_, name)| *name).chain(["unknown"]);
    for (name, count) in names.zip(counts).filter(|(_, count)| *count > 0) {
        left_in_mailbox::<A>(name, count);
    }
}

/// Hands the actor's follower a reference to the present incarnation.
fn present<A: Actor>(actor: &WeakActorRef<A>) {
    roster::known(number(actor.id()), |entry| entry.tell_here(Box::new(actor.clone())));
}

/// Writes hooks into an `impl Actor` that do what kameo's default does and tell the observer of it:
///
/// - `next`: each incarnation of a restarted actor, hence how it starts and ends; and what the actor handles, if the
///   observer [measures that](papyra::observe::ObservationBuilder::processing_every).
/// - `on_panic`: where it panicked, with Papyra's [panic hook](papyra::observe::PanicHook), and what it was handling.
/// - `on_undelivered`: what was left in the mailbox. The types of messages that are listed there are told apart.
///
/// `hooks!()` writes all three, `hooks!(next, on_panic)` those that are listed. The attribute [`observed`](crate::observed)
/// writes this line for you, with the hooks that the actor does not have already; it needs this crate under its own name.
///
/// ```
/// use papyra_kameo::kameo::{Actor, actor::ActorRef, error::Infallible, message::{Context, Message}};
/// struct Orders;
/// struct Place;
///
/// impl Actor for Orders {
///     type Args = ();
///     type Error = Infallible;
///     async fn on_start(_: (), _: ActorRef<Self>) -> Result<Self, Infallible> {
///         Ok(Orders)
///     }
///     papyra_kameo::hooks!(next, on_panic, on_undelivered(Place));
/// }
///
/// impl Message<Place> for Orders {
///     type Reply = ();
///     async fn handle(&mut self, _: Place, _: &mut Context<Self, ()>) {}
/// }
/// ```
#[macro_export]
macro_rules! hooks {
    () => {
        $crate::hooks!(next, on_panic, on_undelivered);
    };
    ($hook:ident $(($($message:ty),* $(,)?))? $(, $($more:tt)+)?) => {
        $crate::__hook!($hook $(($($message),*))?);
        $($crate::hooks!($($more)+);)?
    };
}

/// One of the [`hooks!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __hook {
    (next) => {
        fn next(
            &mut self,
            actor: $crate::kameo::actor::WeakActorRef<Self>,
            mailbox: &mut $crate::kameo::mailbox::MailboxReceiver<Self>,
        ) -> impl ::core::future::Future<
            Output = ::core::result::Result<
                ::core::option::Option<$crate::kameo::mailbox::Signal<Self>>,
                Self::Error,
            >,
        > + ::core::marker::Send {
            $crate::hook::done(&actor);
            // This is what kameo does for each message, so it is written to cost no more than that.
            ::core::future::poll_fn(move |context| {
                let signal = ::core::task::ready!(mailbox.poll_recv(context));
                $crate::hook::next(&actor, signal.as_ref());
                ::core::task::Poll::Ready(::core::result::Result::Ok(signal))
            })
        }
    };
    (on_panic) => {
        async fn on_panic(
            &mut self,
            actor: $crate::kameo::actor::WeakActorRef<Self>,
            error: $crate::kameo::error::PanicError,
        ) -> ::core::result::Result<
            ::core::ops::ControlFlow<$crate::kameo::error::ActorStopReason>,
            Self::Error,
        > {
            $crate::hook::panicked(&actor, &error);
            let reason = $crate::kameo::error::ActorStopReason::Panicked(error);
            ::core::result::Result::Ok(::core::ops::ControlFlow::Break(reason))
        }
    };
    (on_undelivered $(($($message:ty),*))?) => {
        async fn on_undelivered(
            &mut self,
            _: $crate::kameo::error::ActorStopReason,
            undelivered: ::std::vec::Vec<$crate::kameo::message::BoxMessage<Self>>,
        ) -> ::core::result::Result<(), Self::Error> {
            $crate::hook::undelivered::<Self>(undelivered, &[$($((
                ::core::any::TypeId::of::<$message>(),
                <Self as $crate::kameo::message::Message<$message>>::name(),
            )),*)?]);
            ::core::result::Result::Ok(())
        }
    };
}
