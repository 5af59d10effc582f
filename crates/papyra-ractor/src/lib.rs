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
//! What is recorded, and with which payload, is told by [`papyra::observe`]. Here a killed actor has the reason `killed`,
//! and of an actor that is merely watched nobody can say whether it crashed by a panic or an error.
//!
//! An actor's address is `SYSTEM://NAME`, or `SYSTEM://ID` if it has no name. Its generation counts how often an actor
//! of this name was started under this observer, from 1.

mod audit;
mod observed;
mod observed_ref;
mod observer;
mod roster;
mod spawn;
mod watcher;

pub use observed::Observed;
pub use observed_ref::ObservedRef;
pub use observer::{Observer, ObserverBuilder};
pub use ractor;
pub use spawn::SpawnObserved;
