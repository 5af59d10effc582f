//! How often an actor of each name was started.

use std::collections::{BTreeMap, HashMap};

use super::poison::LastCrash;

/// How many names without a living actor are remembered; the name that ended longest ago is forgotten first. Without a
/// bound, a program whose actors' names never come again would grow for ever.
const MAX_ENDED: usize = 10_000;

/// The generation of each name.
#[derive(Default)]
pub(super) struct Generations {
    names: HashMap<String, Name>,
    /// The names without a living actor, by when they ended.
    ended: BTreeMap<u64, String>,
    ends: u64,
}

#[derive(Default)]
struct Name {
    generation: u64,
    /// More than one for a moment: a name is free again while its old actor still cleans up.
    living: usize,
    ended_at: u64,
    last_crash: Option<LastCrash>,
}

impl Generations {
    /// Counts a start; the first is generation 1.
    pub(super) fn begin(&mut self, name: &str) -> u64 {
        let known = self.names.entry(name.to_owned()).or_default();
        known.generation += 1;
        known.living += 1;
        self.ended.remove(&known.ended_at);
        known.generation
    }

    /// Notes on which type of message this generation crashed: gives how many generations in a row now did so.
    pub(super) fn crash(&mut self, name: &str, generation: u64, message_type: &str) -> u64 {
        let Some(known) = self.names.get_mut(name) else { return 1 };
        let crash = LastCrash::after(known.last_crash.as_ref(), generation, message_type);
        known.last_crash.insert(crash).generations()
    }

    /// Notes that an actor of this name ended.
    pub(super) fn end(&mut self, name: String) {
        let Some(known) = self.names.get_mut(&name) else { return };
        known.living = known.living.saturating_sub(1);
        if known.living > 0 {
            return;
        }
        self.ends += 1;
        known.ended_at = self.ends;
        self.ended.insert(self.ends, name);
        if self.ended.len() > MAX_ENDED
            && let Some((_, oldest)) = self.ended.pop_first()
        {
            self.names.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_rises_with_every_start_of_a_name() {
        let mut generations = Generations::default();
        assert_eq!(generations.begin("a"), 1);
        assert_eq!(generations.begin("a"), 2);
        generations.end("a".into());
        generations.end("a".into());
        assert_eq!(generations.begin("a"), 3);
        assert_eq!(generations.begin("b"), 1);
    }

    #[test]
    fn names_that_never_come_again_do_not_pile_up() {
        let mut generations = Generations::default();
        generations.begin("living");
        for n in 0..3 * MAX_ENDED {
            let name = format!("once-{n}");
            generations.begin(&name);
            generations.end(name);
        }
        assert_eq!(generations.names.len(), MAX_ENDED + 1);
        assert_eq!(generations.ended.len(), MAX_ENDED);
        assert_eq!(generations.begin("living"), 2);
    }
}
