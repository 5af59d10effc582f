//! Real Redis servers as child processes, each in a directory of its own, gone with the test that started them.
//!
//! Other crates' tests include this directory by its path. Not every test program needs all of it.
#![allow(dead_code, unused_imports)]

mod cluster;
mod process;
mod proxy;
mod resp;
mod sentinel;
mod server;

pub(crate) use cluster::Cluster;
pub(crate) use process::{free_port, is_installed};
pub(crate) use proxy::{Fault, Proxy};
pub(crate) use resp::{Client, Reply};
pub(crate) use sentinel::Pair;
pub(crate) use server::Server;
