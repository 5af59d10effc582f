//! What an engineer looks for during an incident: which actors crash again and again, where messages get lost, how much of it
//! there was in the last hour.
//!
//! All of it is fed with facts, in any order of reading, and takes bounded memory however large the log is. What did not fit
//! is counted and told.
//!
//! ```
//! use papyra::{DeadLetter, Event, Log, Payload, ReadOptions, incident::{StormRules, Storms, Top, TopBy}};
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let log = Log::memory();
//! for n in 0..5 {
//!     let why = Payload::of(&std::collections::BTreeMap::from([("error", "no route to host")]));
//!     log.append(&[
//!         Event::new("orders://mailer", "ActorCrashed").with_payload(why).into(),
//!         DeadLetter::new("orders://mailer", "Send").with_count(40).into(),
//!     ]).await?;
//! }
//!
//! let (mut storms, mut top) = (Storms::new(StormRules::default()), Top::new(TopBy::Target));
//! let mut entries = log.read(ReadOptions::newest_first());
//! while let Some(entry) = entries.next().await {
//!     let fact = entry?.fact;
//!     storms.take(&fact);
//!     top.take(&fact);
//! }
//! let found = storms.finish().storms;
//! assert_eq!((found[0].actor.as_deref(), found[0].count), (Some("orders://mailer"), 5));
//! assert_eq!(found[0].reason.as_deref(), Some("no route to host"));
//! assert_eq!(top.finish(10).rows[0].count, 200);
//! # Ok::<(), papyra::Error>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bursts;
mod storm;
mod storms;
mod top;
mod trouble;

pub use storm::{Storm, StormKind};
pub use storms::{StormReport, StormRules, Storms};
pub use top::{Others, Top, TopBy, TopReport, TopRow};
pub use trouble::{Trouble, reason};
