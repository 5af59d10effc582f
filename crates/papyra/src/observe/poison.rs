//! Messages that crash one generation of an actor after the other.

/// The last crash of an actor's name that is known to have come with a message.
#[derive(Debug)]
pub(super) struct LastCrash {
    generation: u64,
    message_type: Box<str>,
    /// How many generations in a row it has crashed, this one included.
    generations: u64,
}

impl LastCrash {
    /// The crash of this generation, which is the next in a row if the generation right before it crashed on the same
    /// type of message.
    pub(super) fn after(last: Option<&LastCrash>, generation: u64, message_type: &str) -> Self {
        let in_a_row = last.filter(|last| last.generation + 1 == generation && *last.message_type == *message_type);
        let generations = 1 + in_a_row.map_or(0, |last| last.generations);
        LastCrash { generation, message_type: message_type.into(), generations }
    }

    pub(super) fn generations(&self) -> u64 {
        self.generations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_type_in_consecutive_generations_adds_up() {
        let mut last = None;
        let crashes = [(1, "A"), (2, "A"), (3, "A"), (4, "B"), (5, "A"), (7, "A"), (8, "A")];
        let in_a_row = crashes.map(|(generation, message_type)| {
            last.insert(LastCrash::after(last.as_ref(), generation, message_type)).generations()
        });
        assert_eq!(in_a_row, [1, 2, 3, 1, 1, 1, 2]);
    }
}
