//! What a consumer did, counted.

use serde::Serialize;

use crate::metrics::Counter;

macro_rules! tally {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        #[derive(Debug, Default)]
        pub(super) struct Tally {
            $(pub(super) $name: Counter,)*
        }

        /// What a consumer did so far.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
        #[non_exhaustive]
        pub struct ConsumerSnapshot {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Tally {
            pub(super) fn snapshot(&self) -> ConsumerSnapshot {
                ConsumerSnapshot { $($name: self.$name.get(),)* }
            }
        }
    };
}

tally! {
    /// Facts that it handed out.
    delivered,
    /// Of them, those that had been delivered before, to it or to another.
    redelivered,
    /// Facts that it acknowledged.
    acknowledged,
    /// Entries that it took over because they had been idle for too long.
    claimed,
    /// Entries that it had fetched, and another claimed before they were handed out.
    lost_to_others,
    /// Entries that were set aside because they were delivered too often.
    set_aside,
    /// Entries that were set aside because they are no facts.
    damaged,
    /// Entries that were pending and are not in the log any more.
    trimmed,
    /// How often the group was gone and had to be created anew.
    groups_recreated,
    /// Consumers that were removed from the group: long silent, with nothing pending.
    consumers_removed,
    /// Calls that failed.
    errors,
}
