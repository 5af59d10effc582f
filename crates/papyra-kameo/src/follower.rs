//! Follows an actor from its start to its end, through all its incarnations, and records what it sees.

use std::{
    future::pending,
    mem::replace,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use kameo::{Actor, actor::WeakActorRef, mailbox::WeakMailboxSender};
use papyra::observe::{Life, Restart, WeakObservation};
use tokio::{select, sync::watch, time::sleep};

use crate::{
    end::End,
    entry::{Detail, Entry},
    plan::Plan,
    roster::Roster,
};

/// How often a follower looks whether an actor is still there of whose present incarnation it has no reference.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long an incarnation is waited for that still cleans up when the next one has begun already.
const CLEANS_UP: Duration = Duration::from_secs(1);
/// Stands for a reason that kameo told nobody.
const UNSEEN: &str = "unknown: nobody saw how this incarnation ended";

/// Tells that observation is over: by its value, or because its sender is gone.
pub(crate) type Over = watch::Receiver<bool>;

/// A task of the observer's. It holds the actor weakly, and ends with it, or with the observation.
pub(crate) struct Follower {
    pub(crate) number: u64,
    pub(crate) entry: Arc<Entry>,
    pub(crate) roster: Arc<Roster>,
    pub(crate) observation: WeakObservation,
    pub(crate) over: Over,
}

/// What one incarnation came to.
enum Seen {
    End(End),
    /// The next one has begun, and this one still cleans up.
    Late,
    /// It is over, and how is not known.
    Gone,
    ObservationEnded,
}

/// One incarnation, as far as it is known.
struct Incarnation<A: Actor> {
    /// Counted from 1, for an actor that a supervisor restarts.
    number: u64,
    life: Life,
    actor: Option<WeakActorRef<A>>,
    started: bool,
}

impl Follower {
    /// Follows an actor that nobody restarts.
    pub(crate) async fn follow<A: Actor>(mut self, actor: WeakActorRef<A>, life: Life, started: bool) {
        let mailbox = actor.mailbox_sender().clone();
        self.entry.begin(&life);
        let mut incarnation = Incarnation { number: 0, life, actor: Some(actor), started };
        if let Seen::End(end) = self.see(&mut incarnation, &mailbox, Some(Restart::default())).await {
            // First, so that no audit behind the end counts it.
            self.roster.leave(self.number);
            self.record(end, incarnation);
        }
    }

    /// Follows an actor that a supervisor restarts. Of the first incarnation there is a reference, of the others a hook may
    /// bring one.
    pub(crate) async fn follow_all<A: Actor>(mut self, first: WeakActorRef<A>, name: String, mut plan: Plan) {
        let mailbox = first.mailbox_sender().clone();
        let mut first = Some(first);
        for number in 1.. {
            let Some(observation) = self.observation.upgrade() else { return };
            let mut life = observation.begin(&name);
            drop(observation);
            life.set_parent(Some(plan.parent.clone()));
            self.entry.begin(&life);
            if number > 1 {
                life.restarted(plan.restart());
            }
            let mut incarnation = Incarnation { number, life, actor: first.take(), started: false };
            let mut decision = None;
            let seen = self.see(&mut incarnation, &mailbox, None).await;
            // First, so that an audit behind the end knows of it.
            self.entry.restarting.store(true, Ordering::Relaxed);
            match seen {
                Seen::End(end) => {
                    decision = plan.decision_not_to_restart(&end);
                    self.record(end, incarnation);
                }
                Seen::Late => drop(tokio::spawn(incarnation.clean_up(self.over.clone()))),
                Seen::Gone => incarnation.life.stopped(Some(UNSEEN)),
                Seen::ObservationEnded => return,
            }
            match (self.begins(number + 1, &mailbox).await, decision, self.observation.upgrade()) {
                (Some(true), ..) => {}
                (Some(false), Some((decision, context)), Some(observation)) => {
                    return observation.decided(&self.entry.address, decision, &context);
                }
                _ => return,
            }
        }
    }

    /// Follows one incarnation, as long as it can be seen.
    async fn see<A: Actor>(
        &mut self,
        incarnation: &mut Incarnation<A>,
        mailbox: &WeakMailboxSender<A>,
        restart: Option<Restart>,
    ) -> Seen {
        loop {
            // First this, then the reference: if the next one has begun, all that this one has to tell is there.
            let next_began = incarnation.number > 0 && self.entry.has_begun(incarnation.number + 1);
            let mut known = incarnation.actor.is_some();
            if !known && let Some(actor) = self.entry.take_here(incarnation.number) {
                incarnation.actor = actor.downcast().ok().map(|actor| *actor);
                known = true;
            }
            if !known {
                #[cfg(feature = "tracing")]
                if let Some(reason) = self.entry.take_end() {
                    return Seen::End(End::of_text(&reason));
                }
                if next_began && !self.entry.has_ends() {
                    return Seen::Gone;
                }
            }
            let started = incarnation.started;
            select! {
                biased;
                start = incarnation.start(), if !started => match start {
                    Ok(()) => incarnation.tell_start(restart),
                    Err(end) => return self.end(end),
                },
                end = incarnation.end() => {
                    incarnation.tell_start(restart);
                    return self.end(end);
                }
                () = self.entry.news() => {}
                // It still cleans up, or its event is late.
                () = passed(CLEANS_UP), if next_began => return if known { Seen::Late } else { Seen::Gone },
                () = passed(LOOK_EVERY), if !known => {
                    if mailbox.upgrade().is_none_or(|mailbox| mailbox.is_closed()) {
                        return Seen::Gone;
                    }
                }
                () = is_over(&mut self.over) => return Seen::ObservationEnded,
            }
        }
    }

    /// An end that kameo told in full. Its event came before, if there was any, and must not stand for the next one.
    fn end(&self, end: End) -> Seen {
        self.entry.take_end();
        Seen::End(end)
    }

    /// Whether this incarnation begins; `None` if observation ends before that is known.
    async fn begins<A: Actor>(&mut self, number: u64, mailbox: &WeakMailboxSender<A>) -> Option<bool> {
        // Between two incarnations there is no actor that a sender could keep alive.
        let mailbox = mailbox.upgrade();
        let closed = async {
            if let Some(mailbox) = &mailbox {
                mailbox.closed().await;
            }
        };
        tokio::pin!(closed);
        loop {
            if self.entry.has_begun(number) {
                return Some(true);
            }
            select! {
                biased;
                () = self.entry.news() => {}
                // It may have begun, ended and closed its mailbox since we looked.
                () = &mut closed => return Some(self.entry.has_begun(number)),
                () = is_over(&mut self.over) => return None,
            }
        }
    }

    fn record<A: Actor>(&self, end: End, incarnation: Incarnation<A>) {
        // A message whose handler stopped the actor was handled all the same.
        if end.is_normal() {
            self.entry.put_down();
        }
        end.record(incarnation.life, self.entry.take_detail(incarnation.number));
    }
}

impl<A: Actor> Incarnation<A> {
    fn tell_start(&mut self, restart: Option<Restart>) {
        // kameo tells no start if the mailbox was full at that moment, or if the actor was killed at once: the end tells it.
        if !replace(&mut self.started, true) {
            self.life.started();
            if let Some(restart) = restart.filter(|_| self.life.generation() > 1) {
                self.life.restarted(restart);
            }
        }
    }

    async fn start(&self) -> Result<(), End> {
        match &self.actor {
            Some(actor) => actor.wait_for_startup_with_result(|start| start.map_err(End::of_start::<A>)).await,
            None => pending().await,
        }
    }

    async fn end(&self) -> End {
        match &self.actor {
            Some(actor) => actor.wait_for_shutdown_with_result(End::of_shutdown::<A>).await,
            None => pending().await,
        }
    }

    async fn clean_up(self, mut over: Over) {
        select! {
            biased;
            end = self.end() => end.record(self.life, Detail::default()),
            () = is_over(&mut over) => {}
        }
    }
}

/// Asks for a timer only once it is waited for: where no actor is restarted, the runtime needs none.
async fn passed(time: Duration) {
    sleep(time).await;
}

async fn is_over(over: &mut Over) {
    // An error means that the sender is gone.
    let _ = over.wait_for(|over| *over).await;
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.roster.leave(self.number);
    }
}
