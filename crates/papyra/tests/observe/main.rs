//! What an observation records of actors that exist only in these tests, fact by fact.

mod letters;
mod life;
mod panics;
mod processing;
mod scene;
mod tasks;
