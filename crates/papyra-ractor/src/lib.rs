//! Observe [ractor] actors with [Papyra](papyra), the flight recorder for actor systems.
//!
//! An [`Observer`] records what actors live through: starts, failed starts, stops, crashes, restarts, messages to
//! actors that are gone, and an audit of the whole system now and then. It only observes: it links to no actor,
//! supervises none, keeps none alive and makes none wait. Dropping it leaves all actors running.
//!
//! ```
//! use std::time::Duration;
//! use papyra::{Log, Recorder};
//! use papyra_ractor::{Observer, SpawnObserved};
//! use papyra_ractor::ractor::{self, Actor, ActorProcessingErr, ActorRef};
//!
//! struct Orders;
//!
//! #[cfg_attr(feature = "async-trait", ractor::async_trait)]
//! impl Actor for Orders {
//!     type Msg = String;
//!     type State = ();
//!     type Arguments = ();
//!     async fn pre_start(&self, _: ActorRef<String>, _: ()) -> Result<(), ActorProcessingErr> {
//!         Ok(())
//!     }
//! }
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let log = Log::memory();
//! let recorder = Recorder::start(log.clone())?;
//! let observer = Observer::start(&recorder).system("orders").audit_every(Duration::from_secs(15)).await?;
//!
//! let (orders, join) = Orders::spawn_observed(&observer, Some("orders".into()), Orders, ()).await?;
//! orders.stop(Some("the shop is closed".into())); // a ractor `ActorRef` by deref
//! join.await?;
//! assert!(orders.cast("one more".into()).is_err()); // ractor's own error, and a dead letter on record
//!
//! observer.stop().await;
//! assert_eq!(recorder.shutdown(Duration::from_secs(5)).await.dropped, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`SpawnObserved`]: ractor's functions to spawn. The wrapper around the actor changes none of its types.
//! - [`ObservedRef`]: ractor's functions to send. It records as dead letters what was not taken or not answered in time, and
//!   counts what is accepted, so that the observer can tell what was left in the mailbox at the end.
//! - [`Observer::watch`]: for actors that somebody else spawned.
//! - [`Observer::supervision`]: for children of a supervisor that restarts them, as `ractor-supervisor` does.
//! - [`Observer::discards`], [`Observer::completions`] and [`Observer::wrap`]: for factories, their jobs and their workers.
//! - [`Observer::observation`]: for whatever else has a life in the same system, such as plain tasks.
//!
//! What is recorded, and with which payload, is told by [`papyra::observe`]; which of these facts are exact and which "at
//! least", with the reasons in ractor's sources, by `docs/observing.md`. In short: lives are exact. Dead letters are those
//! of observed references; what was left in a mailbox is "at least" so many, because ractor drops mailboxes without a word
//! and messages of plain references are counted out but never in.
//!
//! An actor's address is `SYSTEM://NAME`, or `SYSTEM://ID` if it has no name. Its generation counts how often an actor
//! of this name was started under this observer, from 1.
//!
//! A program that builds ractor with its feature `async-trait` turns on the feature of this name here, too.

mod calls;
mod completions;
mod discards;
mod observed;
mod observed_ref;
mod observer;
mod roster;
mod sight;
mod spawn;
mod supervision;
mod trail;
mod watcher;

pub use completions::Completions;
pub use discards::Discards;
pub use observed::Observed;
pub use observed_ref::ObservedRef;
pub use observer::{Observer, ObserverBuilder};
pub use ractor;
pub use spawn::SpawnObserved;
pub use supervision::Supervision;
