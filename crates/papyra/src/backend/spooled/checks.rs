//! What a log with a spool rests on: the remote log's settings, and a spool that somebody ships and that has room.

use std::sync::Arc;

use super::{shared::Shared, waiting};
use crate::{Backlog, ErrorKind, Result, backend::file::lock, checkup::Check};

/// A spool is nearly full that has used more than so many quarters of its room.
const QUARTERS: u64 = 3;

/// Looks at both. A remote log that is away is a check without an answer: that is what the spool is for.
pub(super) async fn all(shared: &Arc<Shared>) -> Result<Vec<Check>> {
    let mut remote = Vec::new();
    let mut trouble = None;
    if let Some(checkup) = shared.remote.checkup() {
        match checkup.checks().await {
            Ok(checks) => remote = checks,
            Err(error) => trouble = Some(error),
        }
    }
    let backlog = waiting::count(shared, trouble.is_none(), |_| {}).await?;
    let mut checks = vec![depth(shared, &backlog)?];
    if backlog.lost > 0 {
        checks.push(Check::warning(
            "spool_lost",
            waiting::lost_in_words(&backlog),
            "look at the server's persistence; the events ServerSetBack in the log name what was lost",
        ));
    }
    checks.extend(trouble.map(|error| match error.kind() {
        ErrorKind::Unavailable => Check::unknown("server", error.to_string()),
        _ => Check::warning(
            "server",
            error.to_string(),
            error.cure().unwrap_or("facts wait in the spool until this is mended"),
        ),
    }));
    checks.extend(remote);
    Ok(checks)
}

/// How much waits, and whether anybody does something about it.
fn depth(shared: &Shared, backlog: &Backlog) -> Result<Check> {
    let path = shared.config.path.display();
    let Some(waits) = waiting::in_words(shared, backlog) else {
        return Ok(Check::ok("spool", format!("nothing waits in the spool `{path}`")));
    };
    let held = shared.edition()?.map_or(0, |(edition, _)| edition.bytes());
    let most = shared.config.max_bytes;
    if held > most / 4 * QUARTERS {
        let detail = format!("{waits}, which takes {} % of its room", held.saturating_mul(100) / most.max(1));
        return Ok(Check::warning(
            "spool",
            detail,
            "look why they are not shipped, or raise the spool's `max_bytes`: a full spool takes no facts",
        ));
    }
    if !lock::is_held(&shared.config.lock()) {
        return Ok(Check::warning(
            "spool",
            format!("{waits}, and nobody ships them"),
            "start the service that owns the spool, or ship them by hand: `papyra append < /dev/null`",
        ));
    }
    Ok(Check::ok("spool", waits))
}
