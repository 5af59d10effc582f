//! Logs on Redis, tried on real servers: child processes of the tests.

mod backups;
mod beside;
mod busy;
mod caring;
#[path = "../../../papyra-cli/tests/proof/chance.rs"]
mod chance;
mod checkups;
mod conforming;
mod encrypted;
mod facts;
mod groups;
mod lab;
mod large;
mod outages;
mod python;
mod recording;
mod refusals;
mod several;
mod shipping;
mod spool;
mod spool_troubles;
mod torn;
