//! Finds whatever happens often in a short time, over any number of subjects in bounded memory.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher as _, Hash, RandomState},
    mem,
};

use super::storm::{Storm, StormKind};

/// How many happenings are remembered at once, over all subjects of one kind of storm: 100,000 actors that crash within
/// one window are all followed. Each takes about 150 bytes, and its names if it is in a storm.
const MAX_HELD: usize = 100_000;
/// How many storms are told of; of more than that, the largest.
pub(super) const MAX_STORMS: usize = 1_000;
/// The longest name or reason that is shown, in bytes. Longer ones are still told apart by all of their text.
const MAX_TEXT: usize = 256;

/// Whom and what something happens to. Equal subjects are counted together.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Subject<'a> {
    pub(super) actor: Option<&'a str>,
    pub(super) message_type: Option<&'a str>,
    pub(super) reason: Option<&'a str>,
}

/// One kind of storm. What happens to a subject within a window that slides is remembered; if that is enough, it is a
/// storm, which lasts until nothing has happened to the subject for the length of the window.
///
/// Nothing is remembered of a subject to which nothing happened for so long, so memory is bounded by what happens within
/// one window, not by how many subjects a log has. Times may come in rising or in falling order, and about in order is enough.
pub(super) struct Bursts {
    kind: StormKind,
    threshold: u64,
    window: f64,
    subjects: HashMap<u128, Recent>,
    /// Two, so that two subjects are never taken for one, whoever chose their names.
    hashers: [RandomState; 2],
    /// Happenings that are remembered, and storms that are going on.
    held: usize,
    /// When subjects that can be forgotten were last looked for, and how many found no room since.
    searched: f64,
    refused: usize,
    found: Vec<Storm>,
    /// Storms that were found and are smaller than those that are told.
    smaller: u64,
    /// Happenings that nobody could follow, since too much happened at once.
    not_followed: u64,
}

#[derive(Default)]
struct Recent {
    happened: VecDeque<Happening>,
    /// The sum of their counts, each of which may be as large as a number can be.
    sum: u128,
    storm: Option<Box<Storm>>,
    /// The hash of the actor, while the storm is one of a single actor.
    only: Option<u64>,
    last: f64,
}

#[derive(Clone, Copy)]
struct Happening {
    at: f64,
    count: u64,
    actor: u64,
}

impl Bursts {
    pub(super) fn new(kind: StormKind, threshold: u64, window: f64) -> Self {
        Bursts {
            kind,
            threshold: threshold.max(1),
            window,
            subjects: HashMap::new(),
            hashers: [RandomState::new(), RandomState::new()],
            held: 0,
            searched: f64::NEG_INFINITY,
            refused: 0,
            found: Vec::new(),
            smaller: 0,
            not_followed: 0,
        }
    }

    /// Something happened to this subject, so often. `actor` is whom it happened to; of a subject that is no actor it may be
    /// another one each time.
    pub(super) fn take(&mut self, subject: Subject<'_>, actor: Option<&str>, at: f64, count: u64) {
        if count == 0 {
            return;
        }
        let key = self.key(&subject);
        if self.held >= MAX_HELD && !self.subjects.contains_key(&key) && !self.make_room(at) {
            self.not_followed = self.not_followed.saturating_add(count);
            return;
        }
        let happening = Happening { at, count, actor: self.hashers[0].hash_one(actor) };
        let window = self.window;
        let recent = self.subjects.entry(key).or_default();
        let is_calm = (at - recent.last).abs() > window;
        recent.last = at;
        if let Some(storm) = recent.storm.take_if(|_| is_calm) {
            self.held -= 1;
            keep(&mut self.found, &mut self.smaller, *storm);
        }
        if let Some(storm) = &mut recent.storm {
            add(storm, &mut recent.only, &happening);
            return;
        }
        while let Some(first) = recent.happened.front()
            && (at - first.at).abs() > window
        {
            recent.sum -= u128::from(first.count);
            recent.happened.pop_front();
            self.held -= 1;
        }
        recent.sum += u128::from(count);
        match recent.happened.back_mut() {
            // No room: it counts with the one before, and is forgotten with it.
            Some(last) if self.held >= MAX_HELD => last.absorb(&happening),
            _ => {
                recent.happened.push_back(happening);
                self.held += 1;
            }
        }
        if recent.sum < u128::from(self.threshold) {
            return;
        }
        let mut storm = Box::new(Storm {
            kind: self.kind,
            actor: subject.actor.or(actor).map(shortened),
            message_type: subject.message_type.map(shortened),
            reason: subject.reason.map(shortened),
            count: 0,
            since: at,
            until: at,
        });
        recent.only = Some(happening.actor);
        let happened = mem::take(&mut recent.happened);
        for happening in &happened {
            add(&mut storm, &mut recent.only, happening);
        }
        storm.until = storm.until.max(at);
        self.held = self.held - happened.len() + 1;
        recent.sum = 0;
        recent.storm = Some(storm);
    }

    fn key(&self, subject: &Subject<'_>) -> u128 {
        let [high, low] = [&self.hashers[0], &self.hashers[1]].map(|hasher| u128::from(hasher.hash_one(subject)));
        high << 64 | low
    }

    /// Forgets the subjects that are calm by now; whether that made room. If everything is busy, it is not tried again for
    /// each happening that finds no room.
    fn make_room(&mut self, now: f64) -> bool {
        self.refused += 1;
        if (now - self.searched).abs() < self.window / 4.0 && self.refused < MAX_HELD {
            return false;
        }
        (self.searched, self.refused) = (now, 0);
        let Bursts { window, held, found, smaller, .. } = self;
        self.subjects.retain(|_, recent| {
            if (now - recent.last).abs() <= *window {
                return true;
            }
            *held -= recent.happened.len();
            if let Some(storm) = recent.storm.take() {
                *held -= 1;
                keep(found, smaller, *storm);
            }
            false
        });
        self.held < MAX_HELD
    }

    /// The storms, the number of smaller ones, and of what could not be followed.
    pub(super) fn finish(mut self) -> (Vec<Storm>, u64, u64) {
        for storm in self.subjects.into_values().filter_map(|recent| recent.storm) {
            keep(&mut self.found, &mut self.smaller, *storm);
        }
        (self.found, self.smaller, self.not_followed)
    }
}

impl Happening {
    /// Counts another one with this.
    fn absorb(&mut self, other: &Happening) {
        self.count = self.count.saturating_add(other.count);
        if self.actor != other.actor {
            // Neither of them, so that the two are not taken for one actor.
            self.actor = self.actor.rotate_left(1) ^ other.actor;
        }
    }
}

fn add(storm: &mut Storm, only: &mut Option<u64>, happening: &Happening) {
    storm.count = storm.count.saturating_add(happening.count);
    storm.since = storm.since.min(happening.at);
    storm.until = storm.until.max(happening.at);
    if only.is_some_and(|actor| actor != happening.actor) {
        (*only, storm.actor) = (None, None);
    }
}

/// Keeps a storm that is over. From time to time only the largest stay.
fn keep(found: &mut Vec<Storm>, smaller: &mut u64, storm: Storm) {
    // What several actors do together is the storm; of one alone it is told already.
    if storm.kind == StormKind::CrashStorm && storm.actor.is_some() {
        return;
    }
    found.push(storm);
    if found.len() >= 2 * MAX_STORMS {
        *smaller += largest(found);
    }
}

/// Leaves only the largest storms; gives how many went.
pub(super) fn largest(storms: &mut Vec<Storm>) -> u64 {
    storms.sort_by(|a, b| b.count.cmp(&a.count).then(b.until.total_cmp(&a.until)));
    let gone = storms.len().saturating_sub(MAX_STORMS);
    storms.truncate(MAX_STORMS);
    gone as u64
}

fn shortened(text: &str) -> String {
    if text.len() <= MAX_TEXT {
        return text.to_owned();
    }
    let mut end = MAX_TEXT;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(actor: &str) -> Subject<'_> {
        Subject { actor: Some(actor), message_type: None, reason: None }
    }

    fn at_times(threshold: u64, times: &[f64]) -> Vec<(u64, f64, f64)> {
        let mut bursts = Bursts::new(StormKind::RestartStorm, threshold, 10.0);
        times.iter().for_each(|at| bursts.take(to("t://a"), Some("t://a"), *at, 1));
        assert!(bursts.held <= times.len());
        let (mut storms, _, _) = bursts.finish();
        storms.sort_by(|a, b| a.since.total_cmp(&b.since));
        storms.into_iter().map(|storm| (storm.count, storm.since, storm.until)).collect()
    }

    #[test]
    fn as_many_as_the_threshold_within_the_window_are_a_storm_and_fewer_are_none() {
        assert_eq!(at_times(3, &[0.0, 5.0, 10.0]), [(3, 0.0, 10.0)]);
        assert_eq!(at_times(3, &[0.0, 5.0, 10.1]), []);
        assert_eq!(at_times(3, &[0.0, 9.0, 18.0, 27.0, 36.0]), []);
        assert_eq!(at_times(1, &[4.0]), [(1, 4.0, 4.0)]);
    }

    #[test]
    fn a_storm_lasts_until_it_is_calm_for_the_length_of_the_window() {
        assert_eq!(at_times(3, &[0.0, 1.0, 2.0, 12.0, 22.0]), [(5, 0.0, 22.0)]);
        assert_eq!(at_times(3, &[0.0, 1.0, 2.0, 12.1, 13.0]), [(3, 0.0, 2.0)]);
        assert_eq!(at_times(3, &[0.0, 1.0, 2.0, 50.0, 51.0, 52.0]), [(3, 0.0, 2.0), (3, 50.0, 52.0)]);
    }

    #[test]
    fn newest_first_finds_the_same_storms() {
        // A generator of its own, so that every run looks at the same thousand cases.
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        for _ in 0..1_000 {
            let mut at = 0.0;
            let times: Vec<f64> = (0..30)
                .map(|_| {
                    at += (next() % 12) as f64;
                    at
                })
                .collect();
            let back: Vec<f64> = times.iter().rev().copied().collect();
            let (forth, back) = (at_times(3, &times), at_times(3, &back));
            // Where a storm begins or ends slowly the two ways may differ about its edge, never about its heart.
            assert_eq!(forth.len(), back.len(), "{times:?} {forth:?} {back:?}");
            for (one, other) in forth.iter().zip(&back) {
                assert!(one.1 <= other.2 && other.1 <= one.2, "{times:?} {forth:?} {back:?}");
            }
        }
    }

    #[test]
    fn a_fact_that_stands_for_many_counts_as_many() {
        let mut bursts = Bursts::new(StormKind::DeadLetterStorm, 100, 10.0);
        bursts.take(to("t://a"), Some("t://a"), 1.0, 1);
        bursts.take(to("t://a"), Some("t://a"), 2.0, 0);
        bursts.take(to("t://a"), Some("t://a"), 3.0, 99);
        bursts.take(to("t://a"), Some("t://a"), 4.0, u64::MAX);
        bursts.take(to("t://b"), Some("t://b"), 4.0, 99);
        let (storms, _, _) = bursts.finish();
        assert_eq!(storms.len(), 1);
        assert_eq!((storms[0].count, storms[0].since, storms[0].until), (u64::MAX, 1.0, 4.0));
    }

    #[test]
    fn a_million_subjects_take_bounded_memory_and_the_storm_among_them_is_found() {
        let mut bursts = Bursts::new(StormKind::RestartStorm, 5, 60.0);
        for n in 0..1_000_000u32 {
            let (at, name) = (f64::from(n) / 1_000.0, format!("t://{n}"));
            bursts.take(to(&name), Some(&name), at, 1);
            if n % 10_000 == 0 {
                bursts.take(to("t://sick"), Some("t://sick"), at, 1);
            }
            assert!(bursts.held <= MAX_HELD && bursts.subjects.len() <= MAX_HELD);
        }
        let (storms, smaller, not_followed) = bursts.finish();
        assert_eq!((storms.len(), smaller, not_followed), (1, 0, 0));
        assert_eq!((storms[0].actor.as_deref(), storms[0].count), (Some("t://sick"), 100));
    }

    #[test]
    fn what_cannot_be_followed_is_counted() {
        let mut bursts = Bursts::new(StormKind::RestartStorm, 2, 60.0);
        let beyond = 1_000;
        for n in 0..MAX_HELD + beyond {
            bursts.take(to(&n.to_string()), None, 1.0, 1);
        }
        assert_eq!((bursts.held, bursts.not_followed), (MAX_HELD, beyond as u64));
        // Who is followed goes on being followed.
        bursts.take(to("0"), None, 1.0, 1);
        let (storms, _, not_followed) = bursts.finish();
        assert_eq!((storms.len(), not_followed), (1, beyond as u64));
    }

    #[test]
    fn of_very_many_storms_the_largest_are_told_and_the_others_counted() {
        let mut bursts = Bursts::new(StormKind::RestartStorm, 1, 60.0);
        let many = 5 * MAX_STORMS;
        for n in 0..many {
            bursts.take(to(&n.to_string()), None, n as f64 / 1e6, 1 + n as u64);
        }
        let (mut storms, smaller, _) = bursts.finish();
        let gone = largest(&mut storms);
        assert_eq!((storms.len(), smaller + gone), (MAX_STORMS, (many - MAX_STORMS) as u64));
        assert!(storms.iter().all(|storm| storm.count > (many - MAX_STORMS) as u64));
    }

    #[test]
    fn several_actors_that_crash_for_one_reason_are_a_storm_of_nobody_in_particular() {
        let of = |actors: &[&str]| {
            let mut bursts = Bursts::new(StormKind::CrashStorm, 3, 60.0);
            let subject = Subject { actor: None, message_type: None, reason: Some("disk full") };
            actors.iter().for_each(|actor| bursts.take(subject, Some(actor), 1.0, 1));
            bursts.finish().0
        };
        assert!(of(&["t://a", "t://a", "t://a", "t://a"]).is_empty());
        for actors in [["t://a", "t://b", "t://a", "t://a"], ["t://a", "t://a", "t://a", "t://b"]] {
            let storms = of(&actors);
            assert_eq!((storms.len(), storms[0].count, storms[0].actor.as_deref()), (1, 4, None));
        }
    }

    #[test]
    fn long_texts_are_shown_cut_and_told_apart_whole() {
        let long = "ä".repeat(1_000);
        let (one, other) = (format!("{long}1"), format!("{long}2"));
        let mut bursts = Bursts::new(StormKind::RestartStorm, 2, 60.0);
        bursts.take(to(&one), None, 1.0, 1);
        bursts.take(to(&other), None, 1.0, 1);
        bursts.take(to(&one), None, 1.0, 1);
        let (storms, _, _) = bursts.finish();
        assert_eq!(storms.len(), 1);
        assert!(storms[0].actor.as_ref().unwrap().len() < MAX_TEXT + 4);
    }
}
