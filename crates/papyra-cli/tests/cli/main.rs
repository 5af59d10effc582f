//! The program as its users see it: the built binary, its streams and its exit codes.

mod append;
mod config;
mod exit_codes;
mod help;
mod hostile;
mod inspect;
mod lab;
mod scan;
