//! The public conformance suite: one macro line proves a backend.
//!
//! Each MUST of the documentation of [`Backend`](crate::Backend) names its check in brackets, and here is a function of
//! that name. [`conformance!`](crate::conformance!) makes one `#[test]` of each, so that a failing test says which
//! sentence is broken. A backend's whole test file:
//!
//! ```
//! papyra::conformance!(|_dir| papyra::backend::memory::Memory::new());
//! ```
//!
//! The closure makes a new handle on the log in the given directory. Each test gives it an empty directory of its own,
//! removed at the end, whose name is used once in the world: a backend without files takes it as the name of a table or
//! as the prefix of its keys. A backend that is opened asynchronously takes the second form:
//!
//! ```
//! # use papyra::backend::memory::Memory as Shelf;
//! papyra::conformance!(async |dir| {
//!     let name = dir.display().to_string();
//! #   let connect = async |_: &str| Shelf::new();
//!     connect(&name).await
//! });
//! ```
//!
//! What a backend does not offer (it answers [`Unsupported`](crate::ErrorKind::Unsupported)) is passed over, and the test
//! says so on stderr. So `append` and `close` alone pass, but little is proven of what cannot be read.
//!
//! A log that is [made of parts](crate::Backend::parts) has an order and positions in each part, and none over all. Every check
//! runs on it all the same, and compares the entries of each part with what was appended to it.
//!
//! What the suite cannot prove from outside belongs into a backend's own tests: that the durability holds, and what
//! becomes of damage.

mod appending;
mod closing;
mod compacting;
mod harness;
mod reading;
mod recovering;
mod sample;
mod scanning;
mod subject;

pub use appending::{
    a_dropped_append_is_whole_or_absent, an_empty_batch_adds_nothing, append_after_close_fails,
    append_is_all_or_nothing, append_keeps_order, concurrent_batches_do_not_mix, facts_are_kept_whole, positions_rise,
    read_after_write,
};
pub use closing::{close_twice_is_fine, reading_survives_close};
pub use compacting::{
    compact_equals_read, compact_keeps_order_and_positions, compact_twice_changes_nothing,
    positions_rise_after_compaction,
};
pub use harness::{Harness, PassedOver, Verdict};
pub use reading::{
    an_empty_log_reads_as_nothing, read_after_a_position, read_in_both_orders, read_selects_actors, read_selects_kinds,
    since_is_exact,
};
pub use recovering::{recover_ignore_changes_nothing, recover_keeps_sound_facts, recover_twice_changes_nothing};
pub use scanning::{a_fresh_log_scans_clean, scan_does_not_write};

/// Makes one `#[test]` of each check, for the backend that the closure opens in the directory it is given. See the
/// [module](mod@crate::conformance).
#[macro_export]
macro_rules! conformance {
    (async $($open:tt)+) => {
        fn conformance_harness() -> $crate::conformance::Harness {
            $crate::conformance::Harness::new_async(async $($open)+)
        }
        $crate::__conformance_checks!($crate::__conformance_tests);
    };
    ($open:expr $(,)?) => {
        fn conformance_harness() -> $crate::conformance::Harness {
            $crate::conformance::Harness::new($open)
        }
        $crate::__conformance_checks!($crate::__conformance_tests);
    };
}

/// The one list of all checks, handed to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_checks {
    ($then:path) => {
        $then! {
            append_keeps_order,
            append_is_all_or_nothing,
            positions_rise,
            read_after_write,
            an_empty_batch_adds_nothing,
            facts_are_kept_whole,
            concurrent_batches_do_not_mix,
            append_after_close_fails,
            a_dropped_append_is_whole_or_absent,
            read_in_both_orders,
            read_after_a_position,
            since_is_exact,
            read_selects_kinds,
            read_selects_actors,
            an_empty_log_reads_as_nothing,
            scan_does_not_write,
            a_fresh_log_scans_clean,
            recover_keeps_sound_facts,
            recover_twice_changes_nothing,
            recover_ignore_changes_nothing,
            compact_equals_read,
            compact_keeps_order_and_positions,
            compact_twice_changes_nothing,
            positions_rise_after_compaction,
            close_twice_is_fine,
            reading_survives_close,
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    ($($check:ident,)*) => {
        $(
            #[test]
            fn $check() {
                conformance_harness().run(stringify!($check), $crate::conformance::$check);
            }
        )*
    };
}

macro_rules! names {
    ($($check:ident,)*) => {
        /// The names of all checks.
        pub const CHECKS: &[&str] = &[$(stringify!($check)),*];
    };
}

crate::__conformance_checks!(names);
