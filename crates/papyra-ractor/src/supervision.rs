//! Children of a supervisor that restarts them, as `ractor-supervisor` does.

use std::{
    collections::HashSet,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use papyra::{
    Payload,
    observe::{Decision, Restart},
};
use ractor::{Actor, ActorCell, ActorId, SpawnErr};
use serde::Serialize;
use tokio::time::Instant;

use crate::{Observer, link::Link, roster::Known, sight::Sight, spawn::spawn};

/// How the error begins with which a supervisor of `ractor-supervisor` ends when it has restarted too often.
const GIVEN_UP: &str = "Meltdown";

type Spawned = Pin<Box<dyn Future<Output = Result<ActorCell, SpawnErr>> + Send>>;

/// The children of one restarting supervisor, observed: [`child`](Supervision::child) makes the spawn function of a child
/// specification. Cheap to clone; all clones are the same supervision.
///
/// The supervisor itself is watched, too: its end with too many restarts is recorded as the decision to give up, or to
/// leave it to its own supervisor.
#[derive(Clone)]
pub struct Supervision {
    link: Link,
    plan: Arc<Plan>,
}

/// What a supervisor allows, and what was seen of it.
pub(crate) struct Plan {
    limit: u64,
    window: Duration,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    supervisor: Option<ActorId>,
    children: HashSet<String>,
    restarts: Vec<Instant>,
}

impl Observer {
    /// The children of one supervisor that ends when it has restarted more than `limit` times within `window`.
    pub fn supervision(&self, limit: usize, window: Duration) -> Supervision {
        let plan = Plan { limit: limit as u64, window, seen: Mutex::default() };
        Supervision { link: self.link(), plan: Arc::new(plan) }
    }
}

impl Supervision {
    /// A spawn function that starts an observed child under the name that the supervisor gives it:
    /// `SpawnFn::new(supervision.child(|| (Orders, arguments)))`. It is called for each start, so it makes a new actor and
    /// new arguments each time.
    ///
    /// It does not keep the observer alive; without one, children start all the same.
    pub fn child<A, F>(&self, make: F) -> impl Fn(ActorCell, String) -> Spawned + Send + Sync + 'static
    where
        A: Actor,
        F: Fn() -> (A, A::Arguments) + Send + Sync + 'static,
    {
        let Supervision { link, plan } = self.clone();
        move |supervisor, name| {
            let (actor, args) = make();
            let restart = plan.spawning(&supervisor, &name);
            link.supervises(&supervisor, &plan);
            let link = link.clone();
            Box::pin(async move {
                let (child, _) = spawn(link, Some(name), actor, args, Some(supervisor), restart).await?;
                Ok(child.get_cell())
            })
        }
    }
}

impl Plan {
    /// Counts as the supervisor does: every start of a child but its first.
    fn spawning(&self, supervisor: &ActorCell, child: &str) -> Restart {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.supervisor != Some(supervisor.get_id()) {
            // The supervisor itself was restarted: it counts from zero again.
            *seen = Seen { supervisor: Some(supervisor.get_id()), ..Seen::default() };
        }
        if !seen.children.insert(child.to_owned()) {
            let now = Instant::now();
            seen.restarts.push(now);
            seen.restarts.retain(|&restart| now.duration_since(restart) < self.window);
        }
        Restart::counted(seen.restarts.len() as u64, self.limit)
    }
}

impl Link {
    fn supervises(&self, supervisor: &ActorCell, plan: &Arc<Plan>) {
        self.watch(supervisor);
        if let Some(sight) = self.sight.upgrade()
            && let Some(known) = sight.roster().get_mut(supervisor.get_id())
        {
            known.plan = Some(plan.clone());
        }
    }
}

impl Sight {
    /// Records what a supervisor that crashed has thereby decided, if it has.
    pub(crate) fn decided(&self, supervisor: &Known, error: &str, escalated: Option<Payload>) {
        #[derive(Serialize)]
        struct GivenUp<'a> {
            error: &'a str,
            limit: u64,
            window_seconds: f64,
        }
        let has_parent = supervisor.life.parent().is_some();
        let (decision, context) = match (&supervisor.plan, escalated) {
            (Some(plan), _) if error.starts_with(GIVEN_UP) => {
                let decision = if has_parent { Decision::Escalate } else { Decision::GiveUp };
                let window_seconds = plan.window.as_secs_f64();
                (decision, Payload::of(&GivenUp { error, limit: plan.limit, window_seconds }))
            }
            (_, Some(context)) if has_parent => (Decision::Escalate, context),
            (_, Some(context)) => (Decision::GiveUp, context),
            _ => return,
        };
        self.observation.decided(supervisor.life.address(), decision, &context);
    }
}

impl std::fmt::Debug for Supervision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Plan { limit, window, .. } = &*self.plan;
        f.debug_struct("Supervision").field("limit", limit).field("window", window).finish()
    }
}
