//! The numbers of all writers of a log: what is missing, what is doubled.

use std::collections::{BTreeMap, HashMap};

use super::{id::Id, keys::Stream};

/// How many writers are remembered: each process that ever wrote is one, and old ones write no more.
const MAX_WRITERS: usize = 10_000;
/// How many separate ranges of missing numbers are remembered.
const MAX_GAPS: usize = 100_000;

/// Numbers of a writer that did not come, and the entry that showed it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Gap {
    pub(super) writer: String,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) stream: Stream,
    /// The writer's entries on both sides of it: what is missing stood between them.
    pub(super) after: Id,
    pub(super) before: Id,
}

/// What a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    New,
    /// The writer's entry with this number was there before, or cannot be told from one that was.
    Doubled,
}

/// The stream that showed a gap, and the entries on both sides of it.
type Place = (Stream, Id, Id);

#[derive(Debug)]
struct Track {
    last: u64,
    last_id: Id,
    /// When it was last seen, in entries.
    seen: u64,
    /// Ranges that may still turn up: first number, last number, and between which entries they were missed. What stands before the first
    /// number that was seen was dropped, or stands in another stream: no gap.
    open: BTreeMap<u64, (u64, Option<Place>)>,
}

/// The numbers of all writers. Entries are given in the order of their ids.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    writers: HashMap<String, Track>,
    by_age: BTreeMap<u64, String>,
    entries: u64,
    gaps: usize,
    /// Writers that had to be forgotten: their gaps up to then were kept.
    pub(super) forgotten: u64,
    done: Vec<Gap>,
}

impl Sequence {
    /// Takes note of an entry.
    pub(super) fn see(&mut self, writer: &str, seq: u64, stream: Stream, id: Id) -> Number {
        self.entries += 1;
        let now = self.entries;
        if !self.writers.contains_key(writer) {
            self.make_room();
            let open = if seq > 1 { BTreeMap::from([(1, (seq - 1, None))]) } else { BTreeMap::new() };
            self.writers.insert(writer.to_owned(), Track { last: seq, last_id: id, seen: now, open });
            self.by_age.insert(now, writer.to_owned());
            return Number::New;
        }
        let Some(track) = self.writers.get_mut(writer) else { return Number::New };
        if let Some(name) = self.by_age.remove(&track.seen) {
            self.by_age.insert(now, name);
        }
        track.seen = now;
        if seq > track.last {
            if seq > track.last + 1 && self.gaps < MAX_GAPS {
                track.open.insert(track.last + 1, (seq - 1, Some((stream, track.last_id, id))));
                self.gaps += 1;
            }
            (track.last, track.last_id) = (seq, id);
            return Number::New;
        }
        // It comes late: is it one that was missed?
        let Some((&first, &(last, place))) = track.open.range(..=seq).next_back().filter(|(_, (last, _))| *last >= seq)
        else {
            return if self.gaps >= MAX_GAPS { Number::New } else { Number::Doubled };
        };
        track.open.remove(&first);
        if first < seq {
            track.open.insert(first, (seq - 1, place));
        }
        if seq < last {
            track.open.insert(seq + 1, (last, place));
        }
        Number::New
    }

    fn make_room(&mut self) {
        if self.writers.len() < MAX_WRITERS {
            return;
        }
        if let Some((_, writer)) = self.by_age.pop_first()
            && let Some(track) = self.writers.remove(&writer)
        {
            self.forgotten += 1;
            self.done.extend(gaps(writer, track));
        }
    }

    /// Every gap, in the order of the entries that showed them.
    pub(super) fn gaps(self) -> Vec<Gap> {
        let mut all = self.done;
        all.extend(self.writers.into_iter().flat_map(|(writer, track)| gaps(writer, track)));
        all.sort_by_key(|gap| (gap.before, gap.stream, gap.first));
        all
    }
}

fn gaps(writer: String, track: Track) -> impl Iterator<Item = Gap> {
    track.open.into_iter().filter_map(move |(first, (last, place))| {
        let (stream, after, before) = place?;
        Some(Gap { writer: writer.clone(), first, last, stream, after, before })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ms: u64) -> Id {
        Id { ms, n: 0 }
    }

    fn seen(numbers: &[u64]) -> (Vec<Number>, Vec<(u64, u64)>) {
        let mut sequence = Sequence::default();
        let what = numbers.iter().zip(1..).map(|(seq, ms)| sequence.see("w", *seq, Stream::Events, id(ms))).collect();
        (what, sequence.gaps().into_iter().map(|gap| (gap.first, gap.last)).collect())
    }

    #[test]
    fn what_is_missing_in_the_midst_is_a_gap_and_what_was_dropped_at_the_front_is_none() {
        assert_eq!(seen(&[1, 2, 3]).1, []);
        assert_eq!(seen(&[7, 8]).1, []);
        assert_eq!(seen(&[7, 10, 11, 13]).1, [(8, 9), (12, 12)]);
    }

    #[test]
    fn what_comes_late_closes_its_gap_and_what_comes_twice_is_doubled() {
        let (what, gaps) = seen(&[5, 9, 7, 7, 6, 9, 3]);
        assert_eq!(gaps, [(8, 8)]);
        let doubled: Vec<usize> = (0..7).filter(|at| what[*at] == Number::Doubled).collect();
        assert_eq!(doubled, [3, 5]);
    }

    #[test]
    fn writers_do_not_mix_and_the_oldest_are_forgotten_first() {
        let mut sequence = Sequence::default();
        for writer in 0..MAX_WRITERS as u64 + 5 {
            sequence.see(&writer.to_string(), 1, Stream::Events, id(writer));
            sequence.see(&writer.to_string(), 3, Stream::Events, id(writer));
        }
        assert_eq!(sequence.forgotten, 5);
        assert_eq!(sequence.see("0", 1, Stream::Events, id(1 << 40)), Number::New);
        assert_eq!(sequence.gaps().len(), MAX_WRITERS + 5);
    }
}
