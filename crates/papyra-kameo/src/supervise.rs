//! Actors that a supervisor restarts.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use kameo::{
    Actor,
    actor::{ActorRef, Spawn},
    supervision::{RestartPolicy, SupervisedActorBuilder, SupervisionStrategy},
};

use crate::{
    ObservedRef, Observer,
    entry::{Entry, number},
    plan::Plan,
};

/// A child that is about to be spawned under its supervisor, like kameo's own [`SupervisedActorBuilder`].
#[must_use = "spawn it"]
pub struct ObservedChild<'a, S: Actor, A: Actor> {
    observer: Observer,
    name: String,
    entry: Arc<Entry>,
    plan: Plan,
    child: SupervisedActorBuilder<'a, S, A>,
}

impl<'a, S: Actor, A: Actor> ObservedChild<'a, S, A> {
    pub(crate) fn new(
        observer: &Observer,
        name: &str,
        supervisor: &'a ActorRef<S>,
        args: impl Fn() -> A::Args + Send + Sync + 'static,
    ) -> Self {
        let observation = observer.observation();
        let entry = Arc::new(Entry::new(observation.address(name), observation.downgrade()));
        let told = Arc::clone(&entry);
        let child = A::supervise_with(supervisor, move || {
            let args = args();
            told.tell_begin();
            args
        });
        let plan = Plan {
            parent: observer.address_of(supervisor).to_string(),
            // What kameo takes if nobody says otherwise.
            policy: RestartPolicy::default(),
            limit: 5,
            window: Duration::from_secs(5),
            counts: S::supervision_strategy() == SupervisionStrategy::OneForOne,
            restarts: 0,
            last_restart: Instant::now(),
        };
        ObservedChild { observer: observer.clone(), name: name.to_owned(), entry, plan, child }
    }

    /// When the supervisor restarts it; always, unless said otherwise.
    pub fn restart_policy(mut self, policy: RestartPolicy) -> Self {
        self.plan.policy = policy;
        self.child = self.child.restart_policy(policy);
        self
    }

    /// How many restarts the supervisor allows within which time; 5 in 5 s, unless said otherwise.
    pub fn restart_limit(mut self, restarts: u32, within: Duration) -> Self {
        (self.plan.limit, self.plan.window) = (restarts, within);
        self.child = self.child.restart_limit(restarts, within);
        self
    }

    /// Spawns it with kameo's usual mailbox, for 64 messages.
    pub async fn spawn(self) -> ObservedRef<A> {
        self.spawn_by(SupervisedActorBuilder::spawn).await
    }

    /// Spawns it in another of kameo's ways: `spawn_by(|child| child.spawn_with_mailbox(mailbox::bounded(8)))`.
    pub async fn spawn_by<F>(self, spawn: impl FnOnce(SupervisedActorBuilder<'a, S, A>) -> F) -> ObservedRef<A>
    where
        F: Future<Output = ActorRef<A>>,
    {
        let ObservedChild { observer, name, entry, plan, child } = self;
        let actor = spawn(child).await;
        let weak = actor.downgrade();
        if observer.enter(&entry, &weak) {
            observer.spawn(observer.follower(&entry, number(actor.id())).follow_all(weak, name, plan));
        }
        observer.reference(actor, &entry)
    }
}

impl<S: Actor, A: Actor> std::fmt::Debug for ObservedChild<'_, S, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObservedChild").field("name", &self.name).finish_non_exhaustive()
    }
}
