//! A spool that was copied or set back goes on under a new name.

use std::{collections::HashMap, sync::Arc};

use super::{MAX_BYTES, MAX_LINES, Shipper};
use crate::{
    Backend, Fact, Payload, ReadOptions, Result,
    backend::{
        file::{opened::own_event, outgoing::Line},
        spooled::shared::Phase,
    },
    codec::{self, Form},
    shipping::Mark,
};

impl Shipper<'_> {
    /// Somebody else ships under our name, or we forgot what we shipped. From now on we have a name of our own. Whatever of
    /// ours the remote log does not hold goes into the new edition, and nothing that it holds.
    pub(super) async fn fork(&mut self, mark: Option<Mark>) -> Result<()> {
        let (shipped, last) = {
            let state = self.shared.state();
            (state.cursor.seq, state.synced)
        };
        // Asked before anybody has to wait: the network may take its time.
        let theirs = self.theirs(shipped, mark.map_or(0, |mark| mark.seq).min(last)).await?;
        let shared = Arc::clone(self.shared);
        let _gate = shared.gate.write().await;
        self.edition.log.append(&[]).await?;
        let draft = self.edition.succeed(&shared.config, self.outgoing.last()?)?;
        let from = self.edition.writer.clone();
        let payload =
            serde_json::json!({ "from": from, "to": draft.writer(), "mark": mark.map(|mark| mark.seq), "last": last });
        draft.add(&[own_event("SpoolForked", Payload::of(&payload))]).await?;
        let mut lines = self.edition.outgoing(shipped);
        loop {
            let batch = lines.take(u64::MAX, MAX_LINES, MAX_BYTES)?;
            if batch.is_empty() {
                break;
            }
            let is_there = |line: &Line| theirs.get(&line.seq).is_some_and(|sum| self.sum(&line.bytes) == Some(*sum));
            let ours = batch.iter().filter(|line| !is_there(line));
            draft.add(&ours.filter_map(fact).collect::<Vec<_>>()).await?;
        }
        let path = shared.config.path.display();
        let to = draft.writer().to_owned();
        tracing::warn!(target: "papyra", %path, %from, %to, "another spool ships under this one's name, as after a copy: going on under a new name");
        let mut cursor = shared.state().cursor.clone();
        let (edition, synced) = draft.publish(&shared.config, &mut cursor).await?;
        let before = std::mem::replace(&mut self.edition, Arc::new(edition));
        {
            let mut state = shared.state();
            (state.synced, state.cursor, state.offset) = (synced, cursor, 0);
        }
        self.outgoing = self.edition.outgoing(0);
        self.batch.clear();
        self.met = false;
        shared.phase.send_replace(Phase::Open(Arc::clone(&self.edition)));
        // The new edition counts: what is left of the one before is rubbish.
        let _ = before.log.close().await;
        self.edition.remove_others()
    }

    /// The checksums of what the remote log holds under our name, behind one number and up to another.
    async fn theirs(&self, behind: u64, through: u64) -> Result<HashMap<u64, u32>> {
        let mut sums = HashMap::new();
        let Ok(own) = uuid::Uuid::parse_str(&self.edition.writer) else { return Ok(sums) };
        if through <= behind {
            return Ok(sums);
        }
        let mut entries = self.shared.remote.read(ReadOptions::newest_first());
        while let Some(entry) = entries.next().await {
            let entry = entry?;
            let Some(origin) = entry.origin.filter(|origin| origin.writer == own.as_u128()) else { continue };
            if origin.seq <= behind {
                break;
            }
            if origin.seq <= through {
                let mut line = Vec::new();
                codec::encode_body(&entry.fact, &mut line);
                codec::sign(&mut line, &self.edition.writer, origin.seq);
                sums.extend(codec::claimed(&line).map(|sum| (origin.seq, sum)));
            }
        }
        Ok(sums)
    }
}

fn fact(line: &Line) -> Option<Fact> {
    codec::decode(std::str::from_utf8(&line.bytes).ok()?, Form::Lenient).ok()
}
