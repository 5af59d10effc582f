//! The command line of Papyra as a library, so that a program with its own backend has all of it.

pub mod demo;
