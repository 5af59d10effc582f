//! `inspect events|audits|dead-letters`: which entries are read, in which order, up to where.

use papyra::{Entry, EntryStream, ErrorKind, Log, Order, ReadOptions};

use super::{args::What, filter::Filter, follow, form::Form};
use crate::{args::Output, exit::ExitCode, failure::Failure, session::Session};

/// What to list.
pub(crate) struct Wanted {
    pub(crate) options: ReadOptions,
    pub(crate) filter: Filter,
    pub(crate) limit: Option<usize>,
}

pub(crate) async fn run(what: What, session: &mut Session) -> Result<ExitCode, Failure> {
    let Some((kind, range, filter)) = what.understand() else { return Ok(ExitCode::Done) };
    let (when, since, rest) = range.span.understand()?;
    if range.follow && session.output() == Some(Output::Json) {
        return Err(Failure::Usage {
            message: "a JSON document that is followed never ends".to_owned(),
            cure: Some("give `-o ndjson` together with --follow".to_owned()),
        });
    }
    let mut options = ReadOptions::oldest_first().kind(kind);
    options.since = since;
    options.after = range.position()?;
    let wanted = Wanted { options, filter: filter.and(rest), limit: range.limit };
    let mut form = Form::new(kind, when, session.output(), &session.out);
    let log = session.open().await?;
    if range.follow {
        return follow::run(&log, wanted, form, session).await;
    }
    match (wanted.limit, range.reverse) {
        (limit, true) => {
            let mut left = limit.unwrap_or(usize::MAX);
            let mut entries = read(&log, &wanted, Order::NewestFirst);
            while left > 0
                && let Some(entry) = entries.next().await
            {
                let entry = entry?;
                if wanted.filter.accepts(&entry.fact) {
                    form.print(&entry, &mut session.out)?;
                    left -= 1;
                }
            }
            tell_skipped(session, entries.skipped());
        }
        (Some(limit), false) => {
            let mut entries = read(&log, &wanted, Order::NewestFirst);
            for entry in newest(&mut entries, limit, |entry| wanted.filter.accepts(&entry.fact)).await?.iter().rev() {
                form.print(entry, &mut session.out)?;
            }
            tell_skipped(session, entries.skipped());
        }
        (None, false) => {
            let mut entries = read(&log, &wanted, Order::OldestFirst);
            while let Some(entry) = entries.next().await {
                let entry = entry?;
                if wanted.filter.accepts(&entry.fact) {
                    form.print(&entry, &mut session.out)?;
                }
            }
            tell_skipped(session, entries.skipped());
        }
    }
    // Who asked for nothing is not told that there is nothing.
    if wanted.limit != Some(0) || session.output() == Some(Output::Json) {
        form.end(&mut session.out)?;
    }
    session.out.flush()?;
    Ok(ExitCode::Done)
}

pub(super) fn read(log: &Log, wanted: &Wanted, order: Order) -> EntryStream {
    let mut options = wanted.options.clone();
    options.order = order;
    log.read(options)
}

/// The newest entries that are accepted, newest first, of a stream that begins with the newest.
pub(super) async fn newest(
    entries: &mut EntryStream,
    limit: usize,
    accept: impl Fn(&Entry) -> bool,
) -> Result<Vec<Entry>, Failure> {
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(entry) = entries.next().await
    {
        let entry = entry?;
        if accept(&entry) {
            found.push(entry);
        }
    }
    Ok(found)
}

/// A read that met damage went on, but not in silence.
pub(crate) fn tell_skipped(session: &Session, skipped: u64) {
    if skipped > 0 {
        session.notes.warning(&format!("skipped {skipped} damaged lines, run papyra persistence scan"));
    }
}

/// Whether there is no log yet, so that somebody who follows has to wait for it.
pub(super) fn is_missing(failure: &Failure) -> bool {
    matches!(failure, Failure::Log(error) if error.kind() == ErrorKind::NotFound)
}
