//! A spool that was copied or set back goes on under a new name.

use std::{collections::HashMap, sync::Arc};

use super::{MAX_BYTES, MAX_LINES, Shipper, trim::Trimming};
use crate::{
    Backend, Fact, Payload, ReadOptions, Result,
    backend::{
        file::{opened::own_event, outgoing::Line},
        spooled::shared::Phase,
    },
    codec::{self, Form},
    shipping::Mark,
};

/// What the remote log holds in our name that is not ours.
#[derive(Debug)]
pub(super) struct Theirs {
    mark: Option<Mark>,
    /// Up to here it was acknowledged to us.
    shipped: u64,
    /// The checksums of what stands there behind that, by number.
    sums: HashMap<u64, u32>,
}

/// Behind which number a spool goes on in another name, and in which.
struct Departure {
    behind: u64,
    writer: String,
}

impl Shipper<'_> {
    /// Somebody else ships under our name, or we forgot what we shipped. From now on we have a name of our own. Whatever of
    /// ours the remote log does not hold goes into the new edition, and nothing that it holds. Nothing here waits for the
    /// network.
    pub(super) async fn fork(&mut self, theirs: Theirs) -> Result<()> {
        let shared = Arc::clone(self.shared);
        let _gate = shared.gate.write().await;
        self.begin_anew(theirs).await
    }

    /// The cursor is ahead of the file: the file was set back, or lost its end, and the cursor did not. What is appended now
    /// must not get numbers that were shipped. Nobody appends yet.
    pub(super) async fn fork_if_set_back(&mut self) -> Result<()> {
        let (cursor, last) = {
            let state = self.shared.state();
            (state.cursor.clone(), state.synced)
        };
        if cursor.seq <= last {
            return Ok(());
        }
        self.begin_anew(Theirs { mark: cursor.mark(), shipped: cursor.seq, sums: HashMap::new() }).await
    }

    /// Begins the next edition with what the remote log does not hold, while nobody appends.
    async fn begin_anew(&mut self, theirs: Theirs) -> Result<()> {
        let Theirs { mark, shipped, sums } = theirs;
        let shared = Arc::clone(self.shared);
        self.edition.log.append(&[]).await?;
        let last = self.outgoing.last()?;
        let is_there = |line: &Line| sums.get(&line.seq).is_some_and(|sum| self.sum(&line.bytes) == Some(*sum));
        let Departure { behind, writer } = self.departure(shipped, last, is_there)?;
        let draft = self.edition.succeed(&shared.config, behind, writer)?;
        let from = self.edition.writer.clone();
        let mut lines = self.edition.outgoing(shipped);
        loop {
            let batch = lines.take(u64::MAX, MAX_LINES, MAX_BYTES)?;
            if batch.is_empty() {
                break;
            }
            let ours = batch.iter().filter(|line| !is_there(line));
            draft.add(&ours.filter_map(fact).collect::<Vec<_>>()).await?;
        }
        let payload =
            serde_json::json!({ "from": from, "to": draft.writer(), "mark": mark.map(|mark| mark.seq), "last": last });
        draft.add(&[own_event("SpoolForked", Payload::of(&payload))]).await?;
        let path = shared.config.path.display();
        let to = draft.writer().to_owned();
        tracing::warn!(target: "papyra", %path, %from, %to, "another spool ships under this one's name, as after a copy: going on under a new name");
        let mut cursor = shared.state().cursor.clone();
        let (edition, synced) = draft.publish(&shared.config, &mut cursor).await.inspect_err(|error| {
            if self.edition.is_succeeded() {
                // What were appended to this edition from here on would be lost with it.
                shared.phase.send_replace(Phase::Closed(Some(error.clone())));
            }
        })?;
        let before = std::mem::replace(&mut self.edition, Arc::new(edition));
        {
            let mut state = shared.state();
            (state.synced, state.cursor, state.offset) = (synced, cursor, 0);
        }
        self.outgoing = self.edition.outgoing(0);
        self.batch.clear();
        (self.met, self.trimming) = (None, Trimming::default());
        shared.phase.send_replace(Phase::Open(Arc::clone(&self.edition)));
        // The new edition counts: what is left of the one before is rubbish.
        let _ = before.log.close().await;
        if let Err(error) = self.edition.remove_others() {
            let path = shared.config.path.display();
            tracing::warn!(target: "papyra", %path, %error, cure = error.cure(), "cannot remove the edition before; the next start tries again");
        }
        Ok(())
    }

    /// Where the spool departs from what the remote log holds in its name. Of several copies that depart with the same line each
    /// comes to the same name, with the same numbers: so they meet again as copies do, and what they share is shipped once.
    fn departure(&self, shipped: u64, last: u64, is_there: impl Fn(&Line) -> bool) -> Result<Departure> {
        let mut lines = self.edition.outgoing(shipped);
        let (mut first, mut next, mut is_whole) = (None, last + 1, true);
        loop {
            let batch = lines.take(u64::MAX, MAX_LINES, MAX_BYTES)?;
            if batch.is_empty() {
                break;
            }
            for line in batch {
                if is_there(&line) {
                    is_whole &= first.is_none();
                    continue;
                }
                is_whole &= first.is_none() || line.seq == next;
                next = line.seq + 1;
                first.get_or_insert(line);
            }
        }
        let whole = first.filter(|_| is_whole && next == last + 1);
        let derived = whole.and_then(|line| Some((line.seq - 1, derived(&line.bytes, &self.edition.writer)?)));
        // Nothing of it can be in another spool, or its numbers have holes: then new numbers, and a name that nobody has.
        let (behind, writer) = derived.unwrap_or_else(|| (last.max(shipped), uuid::Uuid::now_v7().to_string()));
        Ok(Departure { behind, writer })
    }

    /// What the remote log holds in our name, behind what it acknowledged to us.
    pub(super) async fn theirs(&self, mark: Option<Mark>) -> Result<Theirs> {
        let (shipped, last) = {
            let state = self.shared.state();
            (state.cursor.seq, state.synced)
        };
        let through = mark.map_or(0, |mark| mark.seq).min(last);
        let mut theirs = Theirs { mark, shipped, sums: HashMap::new() };
        let Ok(own) = uuid::Uuid::parse_str(&self.edition.writer) else { return Ok(theirs) };
        if through <= shipped {
            return Ok(theirs);
        }
        let mut entries = self.shared.remote.read(ReadOptions::newest_first());
        while let Some(entry) = entries.next().await {
            let entry = entry?;
            let Some(origin) = entry.origin.filter(|origin| origin.writer == own.as_u128()) else { continue };
            if origin.seq <= shipped {
                break;
            }
            if origin.seq <= through {
                let mut line = Vec::new();
                codec::encode_body(&entry.fact, &mut line);
                codec::sign(&mut line, &self.edition.writer, origin.seq);
                theirs.sums.extend(codec::claimed(&line).map(|sum| (origin.seq, sum)));
            }
        }
        Ok(theirs)
    }
}

/// The name of whoever departs from a writer with this line.
fn derived(line: &[u8], writer: &str) -> Option<String> {
    let hash = blake3::hash(&codec::signed_copy(line, writer)?);
    let (bytes, _) = hash.as_bytes().split_first_chunk::<16>()?;
    Some(uuid::Builder::from_custom_bytes(*bytes).into_uuid().to_string())
}

fn fact(line: &Line) -> Option<Fact> {
    codec::decode(std::str::from_utf8(&line.bytes).ok()?, Form::Lenient).ok()
}
