//! What consumers of a log's groups did, of one consumer and of all of a log.

use serde::Serialize;

use super::{Counter, Instrument, Metric, Value};

macro_rules! consumed {
    ($($(#[doc = $doc:literal])+ $name:ident,)*) => {
        /// The counters, while they count.
        #[derive(Debug, Default)]
        pub(crate) struct Consumed {
            $(pub(crate) $name: Counter,)*
        }

        /// What a consumer did so far, or all consumers of a log together.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
        #[non_exhaustive]
        pub struct ConsumerSnapshot {
            $($(#[doc = $doc])+ pub $name: u64,)*
        }

        impl Consumed {
            pub(crate) fn snapshot(&self) -> ConsumerSnapshot {
                ConsumerSnapshot { $($name: self.$name.get(),)* }
            }

            pub(super) fn reset(&self) {
                $(self.$name.reset();)*
            }
        }

        pub(super) const CONSUMERS: &[Metric] = &[$(Metric {
            name: concat!("consumer_", stringify!($name)),
            instrument: Instrument::Counter,
            about: concat!($($doc),+),
            read: |snapshot| snapshot.consumers.map(|consumers| Value::Count(consumers.$name)),
        },)*];
    };
}

consumed! {
    /// Facts that were handed out to a worker.
    delivered,
    /// Of them, those that had been delivered before, to the same consumer or to another.
    redelivered,
    /// Facts that were acknowledged.
    acknowledged,
    /// Entries that were taken over because they had been idle for too long.
    claimed,
    /// Entries that were fetched, and that another consumer claimed before they were handed out.
    lost_to_others,
    /// Entries that were set aside because they were delivered too often.
    set_aside,
    /// Entries that were set aside because they are no facts.
    damaged,
    /// Entries that were pending and are not in the log any more.
    trimmed,
    /// How often a group was gone and had to be created anew.
    groups_recreated,
    /// Other consumers that were removed from their group: long silent, with nothing pending.
    forgotten,
    /// Calls that failed.
    errors,
}
