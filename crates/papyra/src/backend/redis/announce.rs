//! Ids are announced before they are given, so that what a server tore can be buried
//! ([decision 36](../../../../../docs/decisions/0036-ids-are-announced-before-they-are-given.md)).

use redis::Cmd;
use tokio::time::{Duration, Instant};

use super::{
    batch::TOGETHER,
    keys::{Keys, Lane},
};
use crate::{Error, ErrorKind};

const TEXT: &str = concat!(include_str!("ids.lua"), include_str!("announce.lua"));

/// How old an announcement may be. An id tells when its entry was added, to this.
const LASTS: Duration = Duration::from_millis(100);

/// What was announced on a connection.
#[derive(Debug, Default)]
pub(super) struct Announced(Option<Newest>);

#[derive(Clone, Copy, Debug)]
struct Newest {
    at: Instant,
    room: usize,
}

impl Announced {
    /// What has to be sent before a batch of so many lines, if anything has.
    pub(super) fn before(&mut self, lines: usize, keys: &Keys, lane: Lane) -> Option<Cmd> {
        let known = self.0.filter(|newest| newest.room >= lines);
        if lines == 0 || known.is_some_and(|newest| newest.at.elapsed() < LASTS) {
            return None;
        }
        let room = lines.max(TOGETHER).max(self.0.map_or(0, |newest| newest.room));
        let is_new = self.0.replace(Newest { at: Instant::now(), room }).is_none();
        // With its text: a server that forgot it would have to be asked once more, and it is not sent often.
        let mut command = redis::cmd("EVAL");
        command.arg(TEXT).arg(1 + lane.streams().len()).arg(keys.state(lane));
        for stream in lane.streams() {
            command.arg(keys.stream(*stream));
        }
        command.arg(room).arg(u8::from(is_new));
        Some(command)
    }

    /// Another connection, or a server that does not know of it.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }
}

/// A batch that is to be sent again, with an announcement of its own.
pub(super) fn forgotten(log: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("`{log}` has forgotten which ids were announced"))
        .with_cure("try again in a moment")
}
