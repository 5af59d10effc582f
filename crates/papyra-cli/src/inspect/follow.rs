//! `--follow`: first what is there, then each entry as it is appended.

use papyra::{Log, Order, Position};

use super::{
    form::Form,
    listing::{Wanted, is_missing, print_newest, read, tell_gaps},
};
use crate::{exit::ExitCode, failure::Failure, session::Session};

/// Ends with a failure only, or when the process does.
pub(super) async fn run(log: &Log, wanted: Wanted, mut form: Form, session: &mut Session) -> Result<ExitCode, Failure> {
    // Everything up to here is read under the retention and the limit, everything behind it is followed: an entry that
    // comes in between is neither lost nor doubled.
    let here = log.last_position().await?;
    if let Some(here) = here {
        match present(log, &wanted, here, &mut form, session).await {
            // The log went away again: wait for the next one. But a position that does not exist never comes.
            Err(failure) if is_missing(&failure) && wanted.options.after.is_none() => {}
            other => other?,
        }
        session.out.flush()?;
    }
    let mut options = wanted.options.clone();
    options.after = here.max(options.after);
    let mut entries = log.follow(options);
    // `| head` goes while we wait, and the next entry may never come.
    let nobody_reads = session.out.nobody_reads();
    tokio::pin!(nobody_reads);
    loop {
        let entry = tokio::select! {
            biased;
            entry = entries.next() => entry,
            failure = &mut nobody_reads => return Err(failure),
        };
        let Some(entry) = entry.transpose()? else { return Ok(ExitCode::Done) };
        if wanted.filter.accepts(&entry.fact) {
            form.print(&entry, &mut session.out)?;
            session.out.flush()?;
        }
    }
}

/// Prints what is there, up to a position.
async fn present(
    log: &Log,
    wanted: &Wanted,
    here: Position,
    form: &mut Form,
    session: &mut Session,
) -> Result<(), Failure> {
    let Some(limit) = wanted.limit else {
        let mut entries = read(log, wanted, Order::OldestFirst);
        while let Some(entry) = entries.next().await {
            let entry = entry?;
            if entry.position > here {
                break;
            }
            if wanted.filter.accepts(&entry.fact) {
                form.print(&entry, &mut session.out)?;
            }
        }
        tell_gaps(session, &entries);
        return Ok(());
    };
    print_newest(log, wanted, limit, Some(here), form, session).await
}
