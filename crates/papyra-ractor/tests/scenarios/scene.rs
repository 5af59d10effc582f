//! The stage of every row, and how a fact is told.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use papyra::{Event, Fact, Log, ReadOptions, Recorder};
use papyra_ractor::{
    ObservedRef, Observer, SpawnObserved,
    ractor::{ActorCell, ActorRef, registry},
};
use ractor_supervisor::{
    ChildSpec, Restart, SpawnFn, Supervisor, SupervisorArguments, SupervisorOptions, SupervisorStrategy,
};

use crate::doer::{Do, Doer};

/// Far beyond what any step takes; a test that waits this long has failed.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// Plays a scene and compares all its facts: those of one actor in their order, the actors by name.
pub(crate) fn row(act: impl AsyncFnOnce(&Scene), expected: &[impl AsRef<str>]) {
    // ractor's registry is one for the whole process, and the rows use the same names.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let facts = runtime.block_on(async {
        let scene = Scene::new().await;
        act(&scene).await;
        scene.facts().await
    });
    let expected: Vec<_> = expected.iter().map(AsRef::as_ref).collect();
    assert_eq!(facts, expected, "\n{facts:#?}");
}

pub(crate) struct Scene {
    log: Log,
    recorder: Recorder,
    pub(crate) observer: Observer,
}

impl Scene {
    async fn new() -> Self {
        let log = Log::memory();
        let recorder = Recorder::start(log.clone()).unwrap();
        let observer = Observer::start(&recorder).system("shop").await.unwrap();
        Scene { log, recorder, observer }
    }

    /// An actor that has started.
    pub(crate) async fn worker(&self, name: &str) -> ObservedRef<Do> {
        let (worker, _) = Doer::spawn_observed(&self.observer, Some(name.into()), Doer, true).await.unwrap();
        worker.call(Do::Answer, None).await.unwrap();
        worker
    }

    pub(crate) async fn ends(&self, worker: &ObservedRef<Do>, how: Do) {
        worker.cast(how).unwrap();
        worker.wait(Some(LONG)).await.unwrap();
    }

    /// A supervisor of the actor `one`.
    pub(crate) async fn supervised(&self, max_restarts: usize) -> ActorCell {
        let supervision = self.observer.supervision(max_restarts, LONG);
        let child = ChildSpec {
            id: "one".to_owned(),
            restart: Restart::Permanent,
            spawn_fn: SpawnFn::new(supervision.child(|| (Doer, true))),
            backoff_fn: None,
            reset_after: None,
        };
        let strategy = SupervisorStrategy::OneForOne;
        let options = SupervisorOptions { strategy, max_restarts, max_window: LONG, reset_after: None };
        let arguments = SupervisorArguments { child_specs: vec![child], options };
        let (supervisor, _) = Supervisor::spawn("boss".to_owned(), arguments).await.unwrap();
        self.started("one", 1).await;
        supervisor.get_cell()
    }

    /// Has the child panic and waits for this generation of it.
    pub(crate) async fn child_panics(&self, next: u64) {
        let child: ActorRef<Do> = registry::where_is("one").unwrap().into();
        child.cast(Do::Panic).unwrap();
        self.started("one", next).await;
    }

    async fn started(&self, name: &str, generation: u64) {
        self.told(&format!(r#"shop://{name} ActorStarted {{"generation":{generation},"#)).await;
    }

    /// Waits for a fact.
    pub(crate) async fn told(&self, what: &str) {
        self.log.wait_for(LONG, |entry| told(&entry.fact).contains(what)).await.unwrap();
    }

    /// Stops observing and gives everything that was recorded.
    async fn facts(self) -> Vec<String> {
        self.observer.stop().await;
        assert_eq!(self.recorder.shutdown(LONG).await.dropped, 0);
        let entries = self.log.read(ReadOptions::oldest_first()).collect().await.unwrap();
        let mut facts: Vec<_> = entries.iter().map(|entry| told(&entry.fact)).collect();
        facts.sort_by(|a, b| a.split(' ').next().cmp(&b.split(' ').next()));
        facts
    }
}

fn told(fact: &Fact) -> String {
    match fact {
        Fact::Event(Event { actor_address, event_type, payload, .. }) => {
            format!("{actor_address} {event_type} {payload}")
        }
        Fact::DeadLetter(letter) => {
            let why = letter.why.as_ref().map_or("?", |why| why.as_str());
            let (target, of, payload) = (&letter.target, &letter.message_type, &letter.payload);
            format!("{target} dead letter: {why} {of} {payload} x{}", letter.count.unwrap_or(1))
        }
        Fact::Audit(audit) => {
            let count = |count: Option<u64>| count.map_or("?".to_owned(), |count| count.to_string());
            let [total, alive, stopping, restarting, names, lost] = [
                audit.total_actors,
                audit.alive_actors,
                audit.stopping_actors,
                audit.restarting_actors,
                audit.registry_size,
                audit.dead_letters_count,
            ]
            .map(count);
            let [orphans, dead] = [&audit.registry_orphans, &audit.registry_dead].map(|names| names.as_ref().unwrap());
            let health = audit.health.unwrap();
            format!(
                "{} audit: total {total} alive {alive} stopping {stopping} restarting {restarting}, \
                 names {names} orphans {orphans:?} dead {dead:?}, {lost} lost, {health:?}",
                audit.system_id
            )
        }
        other => format!("{other:?}"),
    }
}
