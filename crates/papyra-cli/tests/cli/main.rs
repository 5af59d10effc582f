//! The program as its users see it: the built binary, its streams and its exit codes.

mod append;
mod backup;
mod check;
mod compact;
mod completions;
mod config;
mod doctor;
mod exit_codes;
mod groups;
mod help;
mod hostile;
mod hybrid;
mod inspect;
mod lab;
mod owners;
mod recover;
mod redis;
#[path = "../../../papyra/tests/redis/lab/mod.rs"]
mod redis_lab;
mod scan;
mod seam;
mod serve;
mod storms;
mod stubborn;
mod timeline;
mod walk;
