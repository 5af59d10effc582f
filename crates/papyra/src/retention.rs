//! Retention: which facts stay visible. One pure rule for reading, compaction and recovery.

use std::time::{Duration, SystemTime};

use crate::{Entry, Kind, Position, Timestamp};

/// What stays of a log, or of one kind in it. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// Keep at most so many facts, the newest.
    pub max_records: Option<u64>,
    /// Keep facts that are at most so old. A fact from the future has age 0.
    pub max_age: Option<Duration>,
    /// Keep at most so many stored bytes, the newest.
    pub max_bytes: Option<u64>,
}

impl Rule {
    /// No limit at all.
    pub const UNLIMITED: Rule = Rule { max_records: None, max_age: None, max_bytes: None };

    /// Keep at most so many facts, the newest.
    #[must_use]
    pub fn with_max_records(mut self, records: u64) -> Self {
        self.max_records = Some(records);
        self
    }

    /// Keep facts that are at most so old.
    #[must_use]
    pub fn with_max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Keep at most so many stored bytes, the newest.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// Whether nothing is limited.
    pub fn is_unlimited(&self) -> bool {
        *self == Rule::UNLIMITED
    }
}

/// The retention of a log: a rule for the whole and a rule for each kind. A fact stays if both keep it.
///
/// ```
/// use papyra::{Kind, Retention, Rule};
/// let retention = Retention::all(Rule::default().with_max_records(1_000_000))
///     .with_kind(Kind::DeadLetter, Rule::default().with_max_records(1_000));
/// assert!(!retention.is_unlimited());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retention {
    /// The rule for the whole log.
    pub all: Rule,
    /// The rule for events.
    pub event: Rule,
    /// The rule for audits.
    pub audit: Rule,
    /// The rule for dead letters.
    pub dead_letter: Rule,
}

impl Retention {
    /// One rule for the whole log.
    pub fn all(rule: Rule) -> Self {
        Retention { all: rule, ..Retention::default() }
    }

    /// Adds a rule for one kind. Facts of unknown kinds have no rule: they are always kept.
    #[must_use]
    pub fn with_kind(mut self, kind: Kind, rule: Rule) -> Self {
        if let Some(slot) = self.kind_mut(kind) {
            *slot = rule;
        }
        self
    }

    /// The rule of one kind, to change it.
    pub fn kind_mut(&mut self, kind: Kind) -> Option<&mut Rule> {
        match kind {
            Kind::Event => Some(&mut self.event),
            Kind::Audit => Some(&mut self.audit),
            Kind::DeadLetter => Some(&mut self.dead_letter),
            Kind::Unknown => None,
        }
    }

    /// Whether everything stays.
    pub fn is_unlimited(&self) -> bool {
        *self == Retention::default()
    }

    /// Begins to decide, at the time `now`: feed the entries newest first.
    pub fn cut(&self, now: SystemTime) -> Cut {
        let tally = |rule: Rule| Tally { rule, records: 0, bytes: 0, closed: false, closed_at: None };
        Cut {
            now: Timestamp::from(now).seconds(),
            all: tally(self.all),
            kinds: [tally(self.event), tally(self.audit), tally(self.dead_letter)],
            through: None,
        }
    }
}

/// A retention at work: it is fed entries newest first and says of each whether it stays.
///
/// Only what stays counts towards records and bytes. The first fact that no longer fits closes its rule: whatever is
/// older goes too, so that what remains has no holes that size or count tore.
#[derive(Clone, Debug)]
pub struct Cut {
    now: f64,
    all: Tally,
    kinds: [Tally; 3],
    /// Everything up to here goes, of whatever kind and age.
    through: Option<Position>,
}

#[derive(Clone, Debug)]
struct Tally {
    rule: Rule,
    records: u64,
    bytes: u64,
    closed: bool,
    /// The entry that found no room.
    closed_at: Option<Position>,
}

impl Tally {
    fn has_room(&mut self, bytes: u64) -> bool {
        let full = self.rule.max_records.is_some_and(|max| self.records >= max)
            || self.rule.max_bytes.is_some_and(|max| self.bytes.saturating_add(bytes) > max);
        self.closed |= full;
        !self.closed
    }

    fn is_young(&self, age: f64) -> bool {
        self.rule.max_age.is_none_or(|max| age <= max.as_secs_f64())
    }

    /// Whether none of so many would find the rule full.
    fn has_room_for(&self, records: u64, bytes: u64) -> bool {
        !self.closed
            && self.rule.max_records.is_none_or(|max| self.records.saturating_add(records) <= max)
            && self.rule.max_bytes.is_none_or(|max| self.bytes.saturating_add(bytes) <= max)
    }

    fn take(&mut self, records: u64, bytes: u64) {
        self.records += records;
        self.bytes += bytes;
    }
}

impl Cut {
    /// The same cut, which lets go of everything up to this position as well.
    pub(crate) fn dropping_through(self, through: Option<Position>) -> Self {
        Cut { through, ..self }
    }

    fn is_dropped(&self, position: Position) -> bool {
        self.through.is_some_and(|through| position <= through)
    }

    /// Whether this entry stays. Call it once per entry, newest first.
    pub fn keeps(&mut self, entry: &Entry) -> bool {
        self.keeps_at(entry.position, entry.fact.kind(), entry.fact.timestamp().seconds(), entry.bytes)
    }

    /// The same for a fact of which only the head is known.
    pub fn keeps_at(&mut self, position: Position, kind: Kind, timestamp: f64, bytes: u64) -> bool {
        if self.is_dropped(position) {
            return false;
        }
        let keeps = self.decide(kind, timestamp, bytes);
        for tally in self.kinds.iter_mut().chain([&mut self.all]).filter(|tally| tally.closed) {
            tally.closed_at.get_or_insert(position);
        }
        keeps
    }

    /// The same for neighbours of which only sums are known: for each kind how many and how many bytes, and the lowest and
    /// the highest timestamp of all. `None`, and nothing happens, if they must be decided on one by one.
    pub(crate) fn keeps_several(&mut self, kinds: &[(Kind, u64, u64)], (oldest, newest): (f64, f64)) -> Option<bool> {
        if self.through.is_some() {
            return None;
        }
        let age = |timestamp: f64| (self.now - timestamp).max(0.0);
        let (least, most) = (age(newest), age(oldest));
        let (mut stay, mut go) = (true, true);
        let mut total = (0_u64, 0_u64);
        for &(kind, records, bytes) in kinds.iter().filter(|(_, records, _)| *records > 0) {
            let Some(own) = self.kind(kind) else {
                go = false;
                continue;
            };
            let own = &self.kinds[own];
            total = (total.0 + records, total.1.saturating_add(bytes));
            stay &= own.is_young(most) && own.has_room_for(records, bytes);
            // Closed for its own kind or for all, it changes nothing that an older one could notice.
            go &= own.closed || !own.is_young(least) || self.all.closed || !self.all.is_young(least);
        }
        if go {
            return Some(false);
        }
        if !stay || total.0 > 0 && !(self.all.is_young(most) && self.all.has_room_for(total.0, total.1)) {
            return None;
        }
        for &(kind, records, bytes) in kinds {
            if let Some(own) = self.kind(kind) {
                self.kinds[own].take(records, bytes);
                self.all.take(records, bytes);
            }
        }
        Some(true)
    }

    /// Whether nothing of a known kind can stay that is older than all entries so far and has no later timestamp than this.
    pub(crate) fn drops_all_until(&self, newest: f64) -> bool {
        let age = (self.now - newest).max(0.0);
        let drops = |tally: &Tally| tally.closed || !tally.is_young(age);
        drops(&self.all) || self.kinds.iter().all(drops)
    }

    /// Whether this entry stays by what was decided before: every entry, or each until the cut was
    /// [closed](Cut::is_closed), must have gone through [`keeps`](Cut::keeps). Entries may come in any order, and newer
    /// ones than were decided stay.
    pub fn stays(&self, entry: &Entry) -> bool {
        self.stays_at(entry.position, entry.fact.kind(), entry.fact.timestamp().seconds())
    }

    /// The same for a fact of which only the head is known.
    pub fn stays_at(&self, position: Position, kind: Kind, timestamp: f64) -> bool {
        if self.is_dropped(position) {
            return false;
        }
        let Some(own) = self.kind(kind) else { return true };
        let age = (self.now - timestamp).max(0.0);
        [&self.kinds[own], &self.all]
            .into_iter()
            .all(|tally| tally.is_young(age) && tally.closed_at.is_none_or(|closed| position > closed))
    }

    fn kind(&self, kind: Kind) -> Option<usize> {
        match kind {
            Kind::Event => Some(0),
            Kind::Audit => Some(1),
            Kind::DeadLetter => Some(2),
            Kind::Unknown => None,
        }
    }

    fn decide(&mut self, kind: Kind, timestamp: f64, bytes: u64) -> bool {
        let Some(own) = self.kind(kind) else { return true };
        let own = &mut self.kinds[own];
        let age = (self.now - timestamp).max(0.0);
        let keeps = own.is_young(age) && self.all.is_young(age) && own.has_room(bytes) && self.all.has_room(bytes);
        if keeps {
            own.take(1, bytes);
            self.all.take(1, bytes);
        }
        keeps
    }

    /// Whether nothing older can stay, whatever it is: reading may stop here.
    pub fn is_closed(&self) -> bool {
        self.all.closed || self.kinds.iter().all(|kind| kind.closed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn kept(retention: Retention, facts: &[(Kind, f64, u64)]) -> Vec<bool> {
        let mut cut = retention.cut(UNIX_EPOCH + Duration::from_secs(1000));
        facts.iter().map(|&(kind, at, bytes)| cut.decide(kind, at, bytes)).collect()
    }

    #[test]
    fn the_newest_records_stay() {
        let retention = Retention::all(Rule::default().with_max_records(2));
        assert_eq!(kept(retention, &[(Kind::Event, 9.0, 1); 3]), [true, true, false]);
    }

    #[test]
    fn a_fact_from_the_future_has_age_zero() {
        let retention = Retention::all(Rule::default().with_max_age(Duration::from_secs(10)));
        let facts =
            [(Kind::Event, 5000.0, 1), (Kind::Event, 990.0, 1), (Kind::Event, 989.0, 1), (Kind::Event, 995.0, 1)];
        assert_eq!(kept(retention, &facts), [true, true, false, true]);
    }

    #[test]
    fn only_what_stays_counts() {
        let retention = Retention::all(Rule::default().with_max_records(2))
            .with_kind(Kind::Audit, Rule::default().with_max_records(1));
        let facts = [(Kind::Audit, 9.0, 1), (Kind::Audit, 8.0, 1), (Kind::Event, 7.0, 1), (Kind::Event, 6.0, 1)];
        assert_eq!(kept(retention, &facts), [true, false, true, false]);
    }

    #[test]
    fn the_first_fact_that_does_not_fit_closes_the_rule() {
        let retention = Retention::all(Rule::default().with_max_bytes(10));
        let facts = [(Kind::Event, 9.0, 6), (Kind::Event, 8.0, 6), (Kind::Event, 7.0, 1)];
        assert_eq!(kept(retention, &facts), [true, false, false]);
    }

    #[test]
    fn neighbours_are_decided_on_together_as_they_are_one_by_one() {
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = |below: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % below
        };
        let kinds = [Kind::Event, Kind::Audit, Kind::DeadLetter, Kind::Unknown];
        let (mut stayed, mut went) = (0, 0);
        for _ in 0..20_000 {
            let mut rule = |most: u64| Rule {
                max_records: (next(3) == 0).then(|| next(most)),
                max_age: (next(3) == 0).then(|| Duration::from_secs(next(400))),
                max_bytes: (next(3) == 0).then(|| next(10 * most)),
            };
            let retention = Retention { all: rule(60), event: rule(30), audit: rule(30), dead_letter: rule(30) };
            let mut single = retention.cut(UNIX_EPOCH + Duration::from_secs(1000));
            let mut summed = single.clone();
            let mut position = 1000;
            for _ in 0..10 {
                let facts: Vec<(Kind, f64, u64)> = (0..1 + next(8))
                    .map(|_| (kinds[next(4) as usize], (1100 - (1000 - position) * 4 - next(50)) as f64, 1 + next(9)))
                    .collect();
                let sums = kinds.map(|kind| {
                    let own = facts.iter().filter(|fact| fact.0 == kind);
                    (kind, own.clone().count() as u64, own.map(|fact| fact.2).sum())
                });
                let times = facts.iter().fold((f64::MAX, 0.0_f64), |(a, b), fact| (a.min(fact.1), b.max(fact.1)));
                let together = summed.keeps_several(&sums, times);
                for (kind, timestamp, bytes) in facts {
                    position -= 1;
                    let at = Position::from_seq(position);
                    let stays = single.keeps_at(at, kind, timestamp, bytes);
                    match together {
                        Some(all) => assert_eq!(all, stays, "{retention:?} at {position}"),
                        None => assert_eq!(summed.keeps_at(at, kind, timestamp, bytes), stays),
                    }
                }
                stayed += u64::from(together == Some(true));
                went += u64::from(together == Some(false));
            }
        }
        assert!(stayed > 1000 && went > 1000, "{stayed} {went}");
    }

    #[test]
    fn what_was_shipped_goes_whatever_its_kind() {
        let position = Position::from_seq;
        let mut cut = Retention::default().cut(UNIX_EPOCH).dropping_through(Some(position(2)));
        let kinds = [Kind::Event, Kind::Unknown, Kind::Audit, Kind::Unknown];
        let kept: Vec<bool> =
            (1..=4).rev().zip(kinds).map(|(n, kind)| cut.keeps_at(position(n), kind, 0.0, 1)).collect();
        assert_eq!(kept, [true, true, false, false]);
        assert_eq!(
            (cut.stays_at(position(3), Kind::Unknown, 0.0), cut.stays_at(position(2), Kind::Unknown, 0.0)),
            (true, false)
        );
        assert_eq!(cut.keeps_several(&[(Kind::Event, 5, 5)], (0.0, 0.0)), None);
    }

    #[test]
    fn unknown_kinds_stay() {
        let retention = Retention::all(Rule::default().with_max_records(0));
        assert_eq!(kept(retention, &[(Kind::Unknown, 9.0, 6), (Kind::Event, 8.0, 6)]), [true, false]);
    }
}
