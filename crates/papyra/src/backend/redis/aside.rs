//! Entries that have to go: taken out of their stream, and kept in quarantine first if that is wanted.

use redis::Pipeline;

use super::{connection::Answers, findings::Bad, keys::Stream, server::Server, state::State, trouble::Trouble};
use crate::{Clock, Result, SystemClock, Timestamp};

/// Entries that go together.
const TOGETHER: usize = 64;

/// The way out of the log.
#[derive(Debug)]
pub(super) struct Aside<'a> {
    server: &'a Server,
    /// Entries are kept in a stream of their own.
    quarantine: bool,
    /// Entries are taken out; otherwise they are only counted.
    changes: bool,
    waiting: Vec<Bad>,
    /// Streams that lost something.
    pub(super) touched: [bool; 3],
    /// Facts that are lost with what was taken out.
    pub(super) lost: u64,
}

impl<'a> Aside<'a> {
    pub(super) fn new(server: &'a Server, quarantine: bool, changes: bool) -> Self {
        Aside { server, quarantine, changes, waiting: Vec::new(), touched: [false; 3], lost: 0 }
    }

    pub(super) async fn take(&mut self, bad: Bad) -> Result<()> {
        self.lost += u64::from(bad.loses);
        if !self.changes {
            return Ok(());
        }
        self.touched[bad.stream.index()] = true;
        self.waiting.push(bad);
        if self.waiting.len() >= TOGETHER { self.flush().await } else { Ok(()) }
    }

    /// Sets aside and takes out what waits: both or neither, so that a second try finds it in one of the two places.
    pub(super) async fn flush(&mut self) -> Result<()> {
        let keys = self.server.keys();
        let now = Timestamp::from(SystemClock.now()).seconds().to_string();
        for stream in Stream::ALL {
            let key = keys.stream(stream);
            let mut pipeline = Pipeline::new();
            pipeline.atomic();
            let bad: Vec<&Bad> = self.waiting.iter().filter(|bad| bad.stream == stream).collect();
            if bad.is_empty() {
                continue;
            }
            for bad in &bad {
                if self.quarantine {
                    pipeline.cmd("XADD").arg(keys.quarantine(stream)).arg("*");
                    pipeline.arg("source").arg(key).arg("id").arg(bad.raw.id.to_string());
                    pipeline.arg("reason").arg(&bad.why).arg("timestamp").arg(&now);
                    for (name, value) in &bad.raw.fields {
                        pipeline.arg(&name[..]).arg(&value[..]);
                    }
                    pipeline.ignore();
                }
            }
            State::cares(&mut pipeline, self.server, stream);
            pipeline.cmd("XDEL").arg(key);
            for bad in &bad {
                pipeline.arg(bad.raw.id.to_string());
            }
            let told = |trouble: Trouble| trouble.into_error();
            let mut connection = self.server.dedicated(Answers::Soon).await.map_err(told)?;
            let sent = connection.send_all(&pipeline).await;
            sent.map_err(|error| told(Trouble::of(&error, "recover", self.server.address())))?;
        }
        self.waiting.clear();
        Ok(())
    }
}
