//! Real ractor actors, and the facts that their observer must and must not record.

mod attacks;
mod audits;
mod dead_letters;
mod factories;
mod independence;
mod life;
mod mailboxes;
mod processing;
mod scene;
mod sending;
mod supervision;
mod watching;
