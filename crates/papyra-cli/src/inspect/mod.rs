//! `papyra inspect`: read what the log holds.

mod args;
pub(crate) mod document;
mod filter;
mod follow;
mod form;
mod listing;
mod summary;
mod table;
mod text;

pub(crate) use args::{InspectArgs, Span};
pub(crate) use form::Form;
pub(crate) use listing::tell_skipped;
pub(crate) use text::name;

use crate::{exit::ExitCode, failure::Failure, session::Session};

/// Runs the command.
pub(crate) async fn run(args: InspectArgs, session: &mut Session) -> Result<ExitCode, Failure> {
    match args.what {
        args::What::Summary(args) => summary::run(args, session).await,
        what => listing::run(what, session).await,
    }
}
