//! Follows an actor from its start to its end, through all its incarnations, and records what it sees.

use std::{
    future::pending,
    mem::take,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use kameo::{Actor, actor::WeakActorRef, mailbox::WeakMailboxSender};
use papyra::observe::{Life, Restart, WeakObservation};
use tokio::{select, sync::watch, time::sleep};

use crate::{
    end::End,
    entry::{Detail, Entry, News, lock},
    plan::Plan,
    roster::Roster,
};

/// How often a follower looks whether an actor is still there of whose present incarnation it has no reference.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long an incarnation is waited for that still cleans up when the next one has begun already.
const CLEANS_UP: Duration = Duration::from_secs(1);
/// Stands for a reason that kameo told nobody.
const UNSEEN: &str = "unknown: nobody saw how this incarnation ended";

/// A task of the observer's. It holds the actor weakly, and ends with it, or with the observation.
pub(crate) struct Follower {
    pub(crate) id: u64,
    pub(crate) entry: Arc<Entry>,
    pub(crate) roster: Arc<Roster>,
    pub(crate) observation: WeakObservation,
    /// Changes when observation ends.
    pub(crate) over: watch::Receiver<()>,
}

/// What one incarnation came to.
enum Seen {
    End(End),
    /// The next one has begun, and this one still cleans up.
    Late,
    /// It is over, and how is not known.
    Gone {
        next_began: bool,
    },
    ObservationEnded,
}

/// One incarnation, as far as it is known.
struct Incarnation<A: Actor> {
    life: Life,
    actor: Option<WeakActorRef<A>>,
    started: bool,
}

impl Follower {
    /// Follows an actor that nobody restarts.
    pub(crate) async fn follow<A: Actor>(mut self, actor: WeakActorRef<A>, life: Life, started: bool) {
        let mailbox = actor.mailbox_sender().clone();
        let mut incarnation = Incarnation { life, actor: Some(actor), started };
        if let Seen::End(end) = self.see(&mut incarnation, &mailbox, Some(Restart::default())).await {
            self.record(end, incarnation.life);
        }
    }

    /// Follows an actor that a supervisor restarts. Each incarnation begins with [`News::Begins`]; of the first one there is
    /// a reference, of the others a hook may bring one.
    pub(crate) async fn follow_all<A: Actor>(mut self, first: WeakActorRef<A>, name: String, mut plan: Plan) {
        let mailbox = first.mailbox_sender().clone();
        let mut first = Some(first);
        let mut begun = self.begins_again(&mailbox).await;
        while begun {
            let Some(observation) = self.observation.upgrade() else { return };
            let mut life = observation.begin(&name);
            drop(observation);
            life.set_parent(Some(plan.parent.clone()));
            drop(take(&mut *lock(&self.entry.detail)));
            self.entry.restarting.store(false, Ordering::Relaxed);
            if first.is_none() {
                life.restarted(plan.restart());
            }
            let mut incarnation = Incarnation { life, actor: first.take(), started: false };
            match self.see(&mut incarnation, &mailbox, None).await {
                Seen::End(end) => {
                    self.entry.restarting.store(true, Ordering::Relaxed);
                    let decision = plan.decision_not_to_restart(&end);
                    self.record(end, incarnation.life);
                    begun = self.begins_again(&mailbox).await;
                    if let (false, Some((decision, context)), Some(observation)) =
                        (begun, decision, self.observation.upgrade())
                    {
                        observation.decided(&self.entry.address, decision, &context);
                    }
                }
                Seen::Late => drop(tokio::spawn(incarnation.clean_up(self.over.clone()))),
                Seen::Gone { next_began } => {
                    incarnation.life.stopped(Some(UNSEEN));
                    begun = next_began;
                }
                Seen::ObservationEnded => return,
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
        let mut next_began = false;
        loop {
            let (known, started) = (incarnation.actor.is_some(), incarnation.started);
            select! {
                biased;
                start = incarnation.start(), if !started => match start {
                    Ok(()) => incarnation.tell_start(restart),
                    Err(end) => return Seen::End(end),
                },
                end = incarnation.end() => {
                    incarnation.tell_start(restart);
                    return Seen::End(end);
                }
                news = self.entry.hear() => match news {
                    News::Here(actor) if !known => incarnation.actor = actor.downcast().ok().map(|actor| *actor),
                    #[cfg(feature = "tracing")]
                    News::Ended(reason) if !known => return Seen::End(End::of_text(&reason)),
                    News::Begins if !known => return Seen::Gone { next_began: true },
                    News::Abandoned if !known => return Seen::Gone { next_began: false },
                    News::Begins => next_began = true,
                    _ => {}
                },
                () = sleep(CLEANS_UP), if next_began => return Seen::Late,
                () = sleep(LOOK_EVERY), if !known => {
                    if mailbox.upgrade().is_none_or(|mailbox| mailbox.is_closed()) {
                        return Seen::Gone { next_began: false };
                    }
                }
                _ = self.over.changed() => return Seen::ObservationEnded,
            }
        }
    }

    /// Whether the supervisor begins another incarnation.
    async fn begins_again<A: Actor>(&mut self, mailbox: &WeakMailboxSender<A>) -> bool {
        // Between two incarnations there is no actor that a sender could keep alive.
        let mailbox = mailbox.upgrade();
        let closed = async {
            if let Some(mailbox) = &mailbox {
                mailbox.closed().await;
            }
        };
        tokio::pin!(closed);
        loop {
            select! {
                biased;
                news = self.entry.hear() => match news {
                    News::Begins => return true,
                    News::Abandoned => return false,
                    _ => {}
                },
                () = &mut closed => return false,
                _ = self.over.changed() => return false,
            }
        }
    }

    fn record(&self, end: End, life: Life) {
        end.record(life, take(&mut *lock(&self.entry.detail)));
    }
}

impl<A: Actor> Incarnation<A> {
    fn tell_start(&mut self, restart: Option<Restart>) {
        // kameo tells no start if the mailbox was full at that moment, or if the actor was killed at once: the end tells it.
        if !std::mem::replace(&mut self.started, true) {
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

    async fn clean_up(self, mut over: watch::Receiver<()>) {
        select! {
            biased;
            end = self.end() => end.record(self.life, Detail::default()),
            _ = over.changed() => {}
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.roster.leave(self.id);
    }
}
