//! A server that went backwards: what of ours it lost is sent again if it is still held, and named if it is not.

use tokio::time::Duration;

use super::{
    id::Id,
    keys::Stream,
    lane::Work,
    page,
    script::{MARK_LIVES, Reset, Seen},
    trouble::{After, Trouble},
};
use crate::{Error, ErrorKind, Event, Payload, codec};

/// Who speaks in the log besides actors.
const LOG: &str = "papyra://log";

/// A stream that was deleted or set back while the rest of the log was not.
pub(super) fn reset(stream: &Reset) -> Event {
    let payload = serde_json::json!({
        "stream": stream.key, "was": stream.before.to_string(), "is": stream.now.to_string(),
    });
    Event::new(LOG, "StreamReset").with_payload(Payload::of(&payload))
}

impl Work {
    /// The server has not got to where our oldest batch begins. Finds out why, and sets the numbers to where it is.
    pub(super) async fn set_back(&mut self, seen: &Seen) -> Result<(), Trouble> {
        let was = std::mem::replace(&mut self.known, seen.last);
        let (acked, mark) = (self.acked, seen.seq());
        if mark > acked {
            // A mark between two batches of ours, or ahead of us: somebody else counts under our name.
            let Some((_, last)) = self.queue.front().and_then(|batch| batch.numbers) else { return Ok(()) };
            let error = Error::new(
                ErrorKind::Internal,
                format!("`{}` has a mark of {mark} where {acked} or {last} was expected", self.server.address()),
            );
            self.queue.iter_mut().for_each(|batch| batch.unsure |= batch.numbers.is_some());
            return Err(Trouble::unsure(After::Nothing, error));
        }
        let mut again = Vec::new();
        let (mut first_lost, mut lost) = (0, 0);
        if mark < acked && !self.forgot_the_mark_alone(seen).await? {
            again = self.held.take_behind(mark);
            let held_from = again.first().and_then(|batch| batch.numbers).map_or(acked, |(previous, _)| previous);
            (first_lost, lost) = (mark + 1, held_from.saturating_sub(mark));
            self.lost += lost;
            (self.acked, self.place) = (mark, None);
        }
        let resent: usize = again.iter().map(|batch| batch.lines.len()).sum();
        for batch in again.into_iter().rev() {
            self.queue.push_front(batch);
        }
        // What comes first begins where the server is; an empty batch in front of it has no numbers, and only asks.
        for batch in &mut self.queue {
            batch.follows = Some(mark);
            if !batch.lines.is_empty() {
                break;
            }
        }
        if lost > 0 || resent > 0 || seen.last < was {
            let payload = serde_json::json!({
                "writer": self.name, "was": was.to_string(), "is": seen.last.to_string(),
                "resent": resent, "lost": lost,
                "first_lost": (lost > 0).then_some(first_lost),
                "last_lost": (lost > 0).then(|| first_lost + lost - 1),
            });
            self.say(Event::new(LOG, "ServerSetBack").with_payload(Payload::of(&payload)));
        }
        Ok(())
    }

    /// Whether only the mark is gone, evicted or too old, and our facts are there.
    async fn forgot_the_mark_alone(&mut self, seen: &Seen) -> Result<bool, Trouble> {
        let Some(place) = self.place else { return Ok(true) };
        let command = page::range(self.server.keys().stream(place.stream), place.id, place.id, 1);
        let value = self.ask(&command).await?;
        let there = page::entries(&value).is_some_and(|entries| {
            entries.iter().any(|entry| self.is_ours(entry.data()).is_some_and(|seq| seq == self.acked))
        });
        // Its life may be over while its line was trimmed: a mark that is merely young cannot be missing.
        let may_be_old = place.at.elapsed() > Duration::from_secs(MARK_LIVES / 2);
        Ok(there || may_be_old && seen.mark.is_none() && seen.last >= place.id)
    }

    /// Our number of a line, if it is ours.
    fn is_ours(&self, data: Option<&[u8]>) -> Option<u64> {
        let signature = codec::signature(data?)?;
        (signature.writer == self.name).then_some(signature.seq)
    }

    /// The ids of the oldest batch, which is there, before this id or at it.
    pub(super) async fn find_by_reading(&mut self, upto: Option<Id>) -> Result<Vec<Id>, Trouble> {
        const PAGE: usize = 500;
        let from = self.place.map_or(Id::default(), |place| place.id);
        let batch = &self.queue[0];
        let (previous, last) = batch.numbers.unwrap_or_default();
        let streams: Vec<Stream> =
            Stream::ALL.into_iter().filter(|stream| batch.lines.iter().any(|line| line.stream == *stream)).collect();
        let mut ids = vec![None; batch.lines.len()];
        for stream in streams {
            let mut start = from;
            loop {
                let upto = upto.unwrap_or(Id::MAX);
                let command = page::range(self.server.keys().stream(stream), start, upto, PAGE);
                let value = self.ask(&command).await?;
                let entries = page::entries(&value).unwrap_or_default();
                for entry in &entries {
                    if let Some(seq) = self.is_ours(entry.data()).filter(|seq| *seq > previous && *seq <= last) {
                        ids[(seq - previous - 1) as usize] = Some(entry.id);
                    }
                }
                match entries.last() {
                    Some(newest) if entries.len() == PAGE => start = newest.id.next(),
                    _ => break,
                }
            }
        }
        // Trimmed already, a line has no place any more; its neighbours tell where it was.
        let mut nearest = from;
        let place = |id: Option<Id>| {
            nearest = id.unwrap_or(nearest);
            nearest
        };
        Ok(ids.into_iter().map(place).collect())
    }
}
