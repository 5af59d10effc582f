//! `papyra inspect`: read what the log holds.

mod args;
mod follow;
mod form;
mod listing;
mod storms;
mod summary;
mod table;
mod text;
mod top;

pub(crate) use args::{InspectArgs, Span, window};
pub(crate) use form::Form;
pub(crate) use listing::{tell_gaps, tell_skipped};
pub(crate) use text::name;

use self::args::What;
use crate::{exit::ExitCode, failure::Failure, session::Session};

/// Runs the command.
pub(crate) async fn run(args: InspectArgs, session: &mut Session) -> Result<ExitCode, Failure> {
    match args.what {
        What::Summary(args) => summary::run(args, session).await,
        What::Storms(args) => storms::run(args, session).await,
        what => match what.top() {
            Some(by) => top::run(by, what, session).await,
            None => listing::run(what, session).await,
        },
    }
}
