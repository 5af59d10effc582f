//! What kameo's registry of names tells an audit. It is one for the whole process.

use kameo::{
    Actor,
    registry::{ACTOR_REGISTRY, ActorRegistry},
};
use papyra::observe::Registry;

/// Asks for the actor under a name whether it is alive. Only who knows its type can: all others get no answer.
pub(crate) type Probe = fn(&mut ActorRegistry, &str) -> Option<bool>;

pub(crate) fn probe<A: Actor>(registry: &mut ActorRegistry, name: &str) -> Option<bool> {
    registry.get::<A, str>(name).ok().flatten().map(|actor| actor.is_alive())
}

/// A snapshot of the registry. It is locked for one name at a time, because actors that register wait for it.
pub(crate) fn snapshot(probes: &[Probe]) -> Registry {
    let mut registry = Registry::default();
    let names: Vec<_> = match ACTOR_REGISTRY.lock() {
        Ok(names) => names.names().cloned().collect(),
        Err(_) => return registry,
    };
    let (mut dead, mut strangers) = (Vec::new(), false);
    for name in &names {
        let Ok(mut names) = ACTOR_REGISTRY.lock() else { return registry };
        match probes.iter().find_map(|probe| probe(&mut names, name)) {
            Some(true) => {}
            Some(false) => dead.push(name.clone().into_owned()),
            // An actor of a type that nobody observes; or it has left meanwhile.
            None => strangers |= names.contains_name(name.as_ref()),
        }
    }
    registry.size = Some(names.len() as u64);
    // The registry holds the actors themselves: a name that leads nowhere cannot be.
    registry.orphans = Some(Vec::new());
    registry.dead = (!strangers || !dead.is_empty()).then_some(dead);
    registry
}
