//! Real kameo actors, and the facts that their observer must and must not record.

mod attacks;
mod attribute;
mod audits;
mod corners;
mod details;
mod hookless;
mod independence;
mod masses;
#[path = "../scene/mod.rs"]
mod scene;
#[cfg(feature = "tracing")]
mod traced;
mod unruly;
mod watching;
