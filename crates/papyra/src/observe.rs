//! Observe actors of any framework, and plain tasks: everything about observing that no framework dictates.
//!
//! An [`Observation`] knows how often each actor was started, how many messages were lost, and where facts go. The
//! adapters for frameworks (`papyra-ractor`, `papyra-kameo`) are built on it; what they do anyone can do by hand.
//!
//! An actor's address is `SYSTEM://NAME`, or `SYSTEM://ID` if it has no name. Its generation counts how often an actor of
//! this name began to start under this observation, from 1.
//!
//! | event | payload | when |
//! |---|---|---|
//! | `ActorStarted` | `generation`, `parent` | the actor takes its first message from now on; `parent` is its supervisor's address |
//! | `ActorRestarted` | `generation`, `in_window`, `limit` | right behind `ActorStarted`, if it is not the first of its name: the so many-th restart of so many that the supervisor allows |
//! | `ActorStartFailed` | `generation`, `error` | it did not come as far as taking messages; no generation if it was refused the name of a living actor |
//! | `ActorStopped` | `generation`, `reason` | it ended without an error; a killed actor has the reason `killed` |
//! | `ActorCrashed` | `generation`, `error`, `how`, `location`, `message_type` | it ended with an error: `how` is `panic` or `error` (returned), `location` is `FILE:LINE` of a panic, `message_type` what it was handling |
//! | `SupervisionDecision` | `decision`, `context` | its supervisor decided to `restart` it, to `give_up`, to `escalate`, or to leave it stopped (`stop`); `context` is what the supervisor knew |
//! | `PoisonMessage` | `message_type`, `generations`, `error` | right behind `ActorCrashed`, if so many generations in a row, this one included, crashed on a message of the same type |
//! | `MessageProcessed` | `message_type`, `count`, `total_seconds`, `max_seconds`, `since` | so many messages of a type were handled since that time (seconds since 1970); off unless asked for |
//! | `ProcessPanicked` | `message`, `file`, `line`, `thread` | something panicked and no adapter caught it; of no actor; only with a [`PanicHook`] |
//!
//! What is not known is `null`. Texts are cut off behind 8 KiB.

mod builder;
mod caught;
mod crash;
mod expected;
mod facts;
mod generations;
mod headcount;
mod life;
mod mailbox;
mod observation;
mod observing;
mod panic_hook;
mod poison;
mod processing;
mod redaction;
mod restart_count;
mod sender;
mod storms;
mod supervision;
mod task;
mod ticker;

pub use builder::ObservationBuilder;
pub use caught::{Caught, catch, caught, take_panic_location};
pub use crash::{Crash, panic_text};
pub use expected::ExpectedPanic;
pub use headcount::{Headcount, Registry};
pub use life::Life;
pub use mailbox::Mailbox;
pub use observation::{Observation, WeakObservation};
pub use panic_hook::PanicHook;
pub use processing::Processing;
pub use restart_count::RestartCount;
pub use sender::{ObservedSender, ObservedUnboundedSender};
pub use supervision::{Decision, Restart};
pub use task::{ObservedTask, Task, TaskGuard};
