//! `inspect events|audits|dead-letters`: which entries are read, in which order, up to where.

use papyra::{Entry, EntryStream, ErrorKind, Log, Order, Position, ReadOptions, document::Filter};

use super::{args::What, follow, form::Form};
use crate::{args::Output, exit::ExitCode, failure::Failure, session::Session};

/// How many bytes of entries are held at once, as they stand in the log; in memory they take a few times as much.
const MOST_HELD: u64 = 2 << 20;

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
    // Positions are those of the place in which the kind lives.
    let log = session.open().await?.for_kind(kind).clone();
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
            tell_gaps(session, &entries);
        }
        (Some(limit), false) => print_newest(&log, &wanted, limit, None, &mut form, session).await?,
        (None, false) => {
            let mut entries = read(&log, &wanted, Order::OldestFirst);
            while let Some(entry) = entries.next().await {
                let entry = entry?;
                if wanted.filter.accepts(&entry.fact) {
                    form.print(&entry, &mut session.out)?;
                }
            }
            tell_gaps(session, &entries);
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

/// Prints the newest entries up to a position, the oldest of them first. Few are held until the oldest is found; if they
/// are many, they are read again from there on.
pub(super) async fn print_newest(
    log: &Log,
    wanted: &Wanted,
    limit: usize,
    up_to: Option<Position>,
    form: &mut Form,
    session: &mut Session,
) -> Result<(), Failure> {
    let accept = |entry: &Entry| up_to.is_none_or(|here| entry.position <= here) && wanted.filter.accepts(&entry.fact);
    let (mut held, mut bytes) = (Vec::new(), 0);
    let (mut count, mut before) = (0, None);
    let mut entries = read(log, wanted, Order::NewestFirst);
    while let Some(entry) = entries.next().await {
        let entry = entry?;
        if count == limit {
            before = Some(entry.position);
            break;
        }
        if accept(&entry) {
            count += 1;
            bytes += entry.bytes;
            if bytes <= MOST_HELD {
                held.push(entry);
            }
        }
    }
    if bytes > MOST_HELD {
        held.clear();
        let mut again = wanted.options.clone();
        again.after = before.or(again.after);
        entries = log.read(again);
        while count > 0
            && let Some(entry) = entries.next().await
        {
            let entry = entry?;
            if accept(&entry) {
                form.print(&entry, &mut session.out)?;
                count -= 1;
            }
        }
    }
    for entry in held.iter().rev() {
        form.print(entry, &mut session.out)?;
    }
    tell_gaps(session, &entries);
    Ok(())
}

/// What a read did not give it passed over, but not in silence.
pub(crate) fn tell_gaps(session: &Session, entries: &EntryStream) {
    tell_skipped(session, entries.skipped());
    if entries.is_overtaken() {
        session.notes.warning("note: the log was compacted while it was read; facts that were dropped meanwhile may be missing in between");
    }
}

/// Damage that a read met.
pub(crate) fn tell_skipped(session: &Session, skipped: u64) {
    if skipped > 0 {
        session.notes.warning(&format!("skipped {skipped} damaged lines, run papyra persistence scan"));
    }
}

/// Whether there is no log yet, so that somebody who follows has to wait for it.
pub(super) fn is_missing(failure: &Failure) -> bool {
    matches!(failure, Failure::Log(error) if error.kind() == ErrorKind::NotFound)
}
