//! Dead letters by the thousand: the first few in full, the rest counted.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::{ActorAddress, DeadLetter, Timestamp, Why};

/// How many storms are remembered. One more ends those of any one target: their counts become facts, and each may begin
/// anew. One target at a time, because it is a sender who does it.
const MAX_STORMS: usize = 10_000;

/// What became of each sort of dead letter (target, message type and why) within its window of time. Every letter is
/// either recorded in full by the caller or counted here, and every count is handed out once: nothing is lost or doubled.
#[derive(Debug)]
pub(super) struct Storms {
    in_full: u64,
    window: Duration,
    targets: HashMap<ActorAddress, Vec<Storm>>,
    size: usize,
}

#[derive(Debug)]
struct Storm {
    message_type: Box<str>,
    why: Why,
    since: Instant,
    in_full: u64,
    counted: u64,
    /// When the last letter came that was counted.
    last: Timestamp,
}

impl Storms {
    pub(super) fn new(in_full: u64, window: Duration) -> Self {
        Storms { in_full, window, targets: HashMap::new(), size: 0 }
    }

    /// Whether this letter is to be recorded in full; otherwise it has been counted. Counts that are due by now are
    /// added to `due`, and belong before it.
    pub(super) fn letter(
        &mut self,
        target: &ActorAddress,
        message_type: &str,
        why: &Why,
        now: Instant,
        due: &mut Vec<DeadLetter>,
    ) -> bool {
        let is_this = |storm: &Storm| *storm.message_type == *message_type && storm.why == *why;
        let known = self.targets.get_mut(target).and_then(|storms| storms.iter_mut().find(|storm| is_this(storm)));
        if let Some(storm) = known {
            if now.saturating_duration_since(storm.since) >= self.window {
                due.extend(storm.count(target));
                (storm.since, storm.in_full) = (now, 0);
            }
            let in_full = storm.in_full < self.in_full;
            if in_full {
                storm.in_full += 1;
            } else {
                storm.counted += 1;
                storm.last = Timestamp::now();
            }
            return in_full;
        }
        if self.size == MAX_STORMS {
            self.end_one(due);
        }
        let in_full = self.in_full > 0;
        let storm = Storm {
            message_type: message_type.into(),
            why: why.clone(),
            since: now,
            in_full: u64::from(in_full),
            counted: u64::from(!in_full),
            last: Timestamp::now(),
        };
        self.targets.entry(target.clone()).or_default().push(storm);
        self.size += 1;
        in_full
    }

    /// Hands out all counts, and forgets the storms whose window is over.
    pub(super) fn flush(&mut self, now: Instant) -> Vec<DeadLetter> {
        let mut due = Vec::new();
        let window = self.window;
        self.targets.retain(|target, storms| {
            due.extend(storms.iter_mut().filter_map(|storm| storm.count(target)));
            storms.retain(|storm| now.saturating_duration_since(storm.since) < window);
            !storms.is_empty()
        });
        self.size = self.targets.values().map(Vec::len).sum();
        due
    }

    fn end_one(&mut self, due: &mut Vec<DeadLetter>) {
        let any = self.targets.keys().next().cloned();
        if let Some((target, mut storms)) = any.and_then(|target| self.targets.remove_entry(&target)) {
            self.size -= storms.len();
            due.extend(storms.iter_mut().filter_map(|storm| storm.count(&target)));
        }
    }
}

impl Storm {
    /// The fact for the letters counted since the last one.
    fn count(&mut self, target: &ActorAddress) -> Option<DeadLetter> {
        let count = std::mem::take(&mut self.counted);
        let letter = || DeadLetter::new(target.clone(), &*self.message_type).with_why(self.why.clone());
        match count {
            0 => None,
            1 => Some(letter().at(self.last.clone())),
            _ => Some(letter().with_count(count).at(self.last.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(10);

    /// Sends letters to one target; gives how many were recorded in full, and the counts that came due.
    fn send(storms: &mut Storms, n: u64, target: &str, now: Instant) -> (u64, Vec<u64>) {
        let (mut in_full, mut due) = (0, Vec::new());
        for _ in 0..n {
            in_full += u64::from(storms.letter(&target.into(), "M", &Why::Stopped, now, &mut due));
        }
        (in_full, counts(&due))
    }

    fn counts(letters: &[DeadLetter]) -> Vec<u64> {
        letters.iter().map(|letter| letter.count.unwrap_or(1)).collect()
    }

    #[test]
    fn a_window_has_its_first_letters_in_full_and_the_rest_counted() {
        let (mut storms, start) = (Storms::new(10, WINDOW), Instant::now());
        assert_eq!(send(&mut storms, 12, "a://1", start), (10, vec![]));
        assert_eq!(send(&mut storms, 5, "a://1", start + WINDOW / 2), (0, vec![]));
        assert_eq!(counts(&storms.flush(start + WINDOW / 2)), [7]);
        assert_eq!(send(&mut storms, 1, "a://1", start + WINDOW / 2), (0, vec![]));
        assert_eq!(send(&mut storms, 11, "a://1", start + WINDOW), (10, vec![1]));
        assert_eq!(counts(&storms.flush(start + WINDOW)), [1]);
        assert!(storms.flush(start + WINDOW).is_empty());
    }

    #[test]
    fn letters_of_another_target_type_or_reason_are_another_storm() {
        let (mut storms, now, mut due) = (Storms::new(1, WINDOW), Instant::now(), Vec::new());
        for (target, message_type, why) in
            [("a://1", "M", Why::Stopped), ("a://2", "M", Why::Stopped), ("a://1", "N", Why::Stopped)]
        {
            assert!(storms.letter(&target.into(), message_type, &why, now, &mut due));
            assert!(!storms.letter(&target.into(), message_type, &why, now, &mut due));
        }
        assert!(storms.letter(&"a://1".into(), "M", &Why::Timeout, now, &mut due));
        assert_eq!(counts(&storms.flush(now)), [1, 1, 1]);
    }

    #[test]
    fn none_in_full_is_all_counted() {
        let (mut storms, now) = (Storms::new(0, WINDOW), Instant::now());
        assert_eq!(send(&mut storms, 3, "a://1", now), (0, vec![]));
        assert_eq!(counts(&storms.flush(now)), [3]);
    }

    #[test]
    fn storms_do_not_pile_up_and_no_letter_is_lost() {
        let (mut storms, start) = (Storms::new(1, WINDOW), Instant::now());
        let (mut in_full, mut counted) = (0, 0);
        for target in 0..3 * MAX_STORMS {
            let (full, due) = send(&mut storms, 2, &format!("a://{target}"), start);
            assert!(due.len() <= 1, "a sender is not made to tell of all others");
            in_full += full;
            counted += due.iter().sum::<u64>();
            assert!(storms.size <= MAX_STORMS);
        }
        counted += counts(&storms.flush(start + WINDOW)).iter().sum::<u64>();
        assert_eq!(in_full + counted, 6 * MAX_STORMS as u64);
        assert!(storms.targets.is_empty() && storms.size == 0);
    }
}
