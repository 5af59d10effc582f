//! What consumer groups still need: nothing of it is dropped unless that is asked for.

use super::{id::Id, keys::Stream, reply, server::Server};
use crate::{Error, ErrorKind, Result};

/// The lowest id of a stream that a consumer group has not done with: not delivered yet, or delivered and not acknowledged.
/// `None` if no group needs anything.
pub(super) async fn floor(server: &Server, stream: Stream) -> Result<Option<Id>> {
    let key = server.keys().stream(stream);
    let not_understood =
        || Error::new(ErrorKind::Internal, format!("what the server says of the groups of `{key}` is not understood"));
    let mut command = redis::cmd("XINFO");
    command.arg("GROUPS").arg(key);
    let groups = server.call("look at", &command).await?;
    let mut floor: Option<Id> = None;
    for group in reply::parts(&groups).ok_or_else(not_understood)? {
        let text = |name: &str| reply::named(group, name).and_then(reply::text);
        let delivered = text("last-delivered-id").and_then(Id::parse).ok_or_else(not_understood)?;
        let mut needs = delivered.next();
        if reply::named(group, "pending").and_then(reply::number).is_none_or(|pending| pending > 0) {
            let mut command = redis::cmd("XPENDING");
            command.arg(key).arg(text("name").ok_or_else(not_understood)?);
            let pending = server.call("look at", &command).await?;
            let lowest = reply::parts(&pending).and_then(|parts| reply::text(parts.get(1)?)).and_then(Id::parse);
            needs = lowest.map_or(needs, |lowest| lowest.min(needs));
        }
        floor = Some(floor.map_or(needs, |floor| floor.min(needs)));
    }
    Ok(floor)
}
