//! What waits in the spool, counted by whoever looks, whether or not this process ships it.

use std::sync::Arc;

use super::shared::Shared;
use crate::{Backlog, Result, backend::file::outgoing::Line, codec::Head};

/// How many lines of the spool are looked at at once, and how many bytes.
const MAX_LINES: usize = 4096;
const MAX_BYTES: usize = 4 << 20;

/// Counts it. How far the remote log is counts, if that can be asked; else what the spool knows of it.
pub(super) async fn count(shared: &Arc<Shared>, reachable: bool, mut each: impl FnMut(&Head)) -> Result<Backlog> {
    let Some((edition, cursor)) = shared.edition()? else { return Ok(Backlog::default()) };
    let mut behind = cursor.seq;
    let mut stalled = !reachable;
    if reachable && !edition.writer.is_empty() {
        match shared.shipping()?.mark(&edition.writer).await {
            Ok(mark) => behind = mark.map_or(0, |mark| mark.seq),
            Err(_) => stalled = true,
        }
    }
    let mut backlog = Backlog {
        shipped: cursor.shipped + behind.saturating_sub(cursor.seq),
        lost: cursor.lost,
        stalled,
        ..Backlog::default()
    };
    let mut lines = edition.outgoing(behind);
    let last = lines.last()?;
    loop {
        let some = lines.take(last, MAX_LINES, MAX_BYTES)?;
        if some.is_empty() {
            return Ok(backlog);
        }
        for Line { head, bytes, .. } in some {
            backlog.oldest.get_or_insert(head.timestamp);
            backlog.facts += 1;
            backlog.bytes += bytes.len() as u64 + 1;
            each(&head);
        }
    }
}

/// `3 facts in 482 bytes wait in the spool …`; `None` if nothing waits.
pub(super) fn in_words(shared: &Shared, backlog: &Backlog) -> Option<String> {
    let Backlog { facts, bytes, .. } = backlog;
    let since = backlog.oldest.and_then(|oldest| jiff::Timestamp::from_microsecond((oldest * 1e6) as i64).ok());
    let since = since.map_or(String::new(), |at| format!(", the oldest since {at:.0}"));
    (*facts > 0)
        .then(|| format!("{facts} facts in {bytes} bytes wait in the spool `{}`{since}", shared.config.path.display()))
}

pub(super) fn lost_in_words(backlog: &Backlog) -> String {
    format!("the remote log lost {} facts over time that the spool no longer held", backlog.lost)
}
