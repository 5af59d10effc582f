//! Real ractor actors, and the facts that their observer must and must not record.

mod audits;
mod dead_letters;
mod independence;
mod life;
mod scene;
