//! Observe [kameo] actors with [Papyra](papyra), the flight recorder for actor systems.

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
pub use request::Request;
pub use spawn::SpawnObserved;
pub use supervise::ObservedChild;
