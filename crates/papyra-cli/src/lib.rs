//! The command line of Papyra as a library, so that a program with its own backend has all of it.
//!
//! The program `papyra` is nothing but [`main_with`] and Papyra's own schemes; a program that keeps logs elsewhere
//! registers its scheme and has every command for it:
//!
//! ```no_run
//! # use papyra::{Dsn, Result, Schemes, backend::memory::Memory};
//! # async fn open_pg(_: Dsn) -> Result<Memory> { Ok(Memory::new()) }
//! fn main() -> std::process::ExitCode {
//!     papyra_cli::main_with(Schemes::new().with("pg", open_pg))
//! }
//! ```
//!
//! | module | is about |
//! |---|---|
//! | `args` | the command line as a type; each command's own part stands with the command |
//! | `session` | what a command works with: which log, where to write |
//! | `append`, `inspect`, `timeline`, `doctor`, `persistence`, `backup`, `metrics`, `groups`, `serve`, `config`, `manual`, [`demo`] | the commands |
//! | `startup`, `findings`, `report` | what several commands share: the startup check, findings in words, reports as data |
//! | `safe` of [`papyra::document`] | no text from a log reaches a terminal raw |
//! | [`exit`] | the published exit codes |

mod append;
mod args;
mod backup;
mod bar;
mod config;
mod console;
pub mod demo;
mod doctor;
pub mod exit;
mod failure;
mod findings;
mod groups;
mod help;
mod inspect;
mod manual;
mod metrics;
mod parts;
mod persistence;
mod reader;
mod recovery;
mod report;
mod run;
mod serve;
mod session;
mod showcase;
mod signals;
mod startup;
mod timeline;
mod token;

/// No text from a log reaches a terminal raw: see there.
use papyra::document::safe;

pub use console::Console;
pub use exit::ExitCode;
pub use run::{main_with, run_with};
