//! Observe [kameo] actors with [Papyra](papyra), the flight recorder for actor systems.
//!
//! An [`Observer`] records what actors live through: starts, failed starts, stops, crashes, restarts, what supervisors give
//! up, messages that nobody took or answered, and an audit of the whole system now and then. It only observes: it links to
//! no actor, supervises none, keeps none alive and makes none wait. Dropping it leaves all actors running.
//!
//! ```
//! use std::time::Duration;
//! use papyra::{Log, Recorder};
//! use papyra_kameo::{Observer, SpawnObserved};
//! use papyra_kameo::kameo::{Actor, actor::ActorRef, error::Infallible, message::{Context, Message}};
//!
//! struct Orders;
//! struct Place;
//!
//! impl Actor for Orders {
//!     type Args = ();
//!     type Error = Infallible;
//!     async fn on_start(_: (), _: ActorRef<Self>) -> Result<Self, Infallible> {
//!         Ok(Orders)
//!     }
//! }
//!
//! impl Message<Place> for Orders {
//!     type Reply = ();
//!     async fn handle(&mut self, _: Place, _: &mut Context<Self, ()>) {}
//! }
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let log = Log::memory();
//! let recorder = Recorder::start(log.clone())?;
//! let observer = Observer::start(&recorder).system("orders").audit_every(Duration::from_secs(15)).await?;
//!
//! let orders = Orders::spawn_observed(&observer, Some("orders"), ());
//! orders.stop_gracefully().await?; // a kameo `ActorRef` by deref
//! orders.wait_for_shutdown_with_result(|_| ()).await; // behind this, its end is told
//! assert!(orders.tell(Place).await.is_err()); // kameo's own error, and a dead letter on record
//!
//! observer.stop().await;
//! assert_eq!(recorder.shutdown(Duration::from_secs(5)).await.dropped, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`papyra::observe`] lists the facts with their payloads. An actor's address is `SYSTEM://NAME`, or `SYSTEM://NUMBER`
//! (kameo's sequence id) if it has no name.
//!
//! # What of a restarted actor is seen
//!
//! An actor runs as it is, without any change. But kameo tells how an incarnation started and ended only to those who hold
//! a reference to that very incarnation, and whoever spawns a supervised actor gets the first. So there are three ways:
//!
//! | | nothing | the layer (feature `tracing`) | [`observed`] on the actor |
//! |---|---|---|---|
//! | an actor that nobody restarts | everything | everything | everything |
//! | that a supervisor restarted it, how often within its window | yes | yes | yes |
//! | when a later incarnation took its first message | no | no | yes |
//! | how a later incarnation ended | no | text of a crash, reason of a stop | text, panic or error |
//! | why a later incarnation failed to start | no | as a crash | with [`hook::begins`] in `on_start` |
//! | that its supervisor gave it up | after its first end | yes | yes |
//! | messages left in its mailbox | no | no | yes |
//! | the type of the message that it crashed on | no | no | if processing is measured |
//!
//! The hooks are put into an actor by the attribute [`observed`], or by the macro [`hooks!`] inside of its `impl Actor`:
//!
//! ```
//! # use papyra_kameo::kameo::{Actor, actor::ActorRef, error::Infallible, message::{Context, Message}};
//! struct Orders;
//! struct Place;
//!
//! #[papyra_kameo::observed(Place)] // messages of this type are told apart if they are left in the mailbox
//! impl Actor for Orders {
//!     type Args = ();
//!     type Error = Infallible;
//!     async fn on_start(_: (), _: ActorRef<Self>) -> Result<Self, Infallible> {
//!         Ok(Orders)
//!     }
//! }
//! # impl Message<Place> for Orders {
//! #     type Reply = ();
//! #     async fn handle(&mut self, _: Place, _: &mut Context<Self, ()>) {}
//! # }
//! ```
//!
//! # Features
//!
//! - `registry` (on): audits look into kameo's registry of names. kameo has none with its own feature `remote`; programs
//!   that build kameo so turn default features off here, and those figures are null.
//! - `tracing`: `layer()`, which listens to them, and kameo's own `tracing` events and spans.

mod end;
mod entry;
mod follower;
pub mod hook;
#[cfg(feature = "tracing")]
mod layer;
#[cfg(feature = "registry")]
mod names;
mod observed_ref;
mod observer;
mod plan;
mod request;
mod roster;
mod spawn;
mod supervise;

pub use kameo;
#[cfg(feature = "tracing")]
pub use layer::{KameoLayer, layer};
pub use observed_ref::ObservedRef;
pub use observer::{Observer, ObserverBuilder};
pub use papyra_kameo_macros::observed;
pub use request::{Request, Sending};
pub use spawn::SpawnObserved;
pub use supervise::ObservedChild;
