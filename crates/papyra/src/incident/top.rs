//! Where most dead letters go, of which type they are, or why they are lost.

use std::collections::HashMap;

use serde::Serialize;

use crate::{DeadLetter, Fact};

/// How many bytes of names are counted apart at once, with what each entry of the table costs. Beyond that the rarest are
/// counted together.
const MAX_BYTES: usize = 16 << 20;
/// What a name costs beside its text.
const ENTRY_COSTS: usize = 96;

/// What dead letters are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TopBy {
    /// Whom they were for.
    Target,
    /// The type of the message.
    Type,
    /// Why they were not delivered.
    Why,
}

impl TopBy {
    /// The word that stands in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            TopBy::Target => "target",
            TopBy::Type => "type",
            TopBy::Why => "why",
        }
    }

    fn name_in(self, letter: &DeadLetter) -> Option<&str> {
        match self {
            TopBy::Target => letter.target.as_str(),
            TopBy::Type => Some(&letter.message_type),
            TopBy::Why => letter.why.as_ref().map(|why| why.as_str()),
        }
    }
}

/// Counts dead letters by one of their members. A fact that stands for many messages counts as many.
///
/// It is exact while the names take less than 16 MiB, some 100,000 names. Beyond that the rarest names are counted
/// together, from time to time, and the report says so.
#[derive(Debug)]
pub struct Top {
    by: TopBy,
    counts: HashMap<Option<String>, u64>,
    bytes: usize,
    letters: u64,
    merged: Others,
}

/// What was counted.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TopReport {
    /// By what: `target`, `type` or `why`.
    pub by: &'static str,
    /// All dead letters.
    pub dead_letters: u64,
    /// The names with the most dead letters, the most first.
    pub rows: Vec<TopRow>,
    /// All other names.
    pub others: Others,
    /// Whether each count is exact. Otherwise a name may have had up to `at_most_missing` more.
    pub is_exact: bool,
    /// By how much a count can be too small.
    pub at_most_missing: u64,
}

/// A name and its dead letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TopRow {
    /// The name; `None` where the fact does not tell.
    pub name: Option<String>,
    /// How many messages.
    pub count: u64,
}

/// Names that are not told one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Others {
    /// How many; at least so many, if the counts are not exact.
    pub names: u64,
    /// How many messages.
    pub count: u64,
}

impl Top {
    /// Counts by this member.
    pub fn new(by: TopBy) -> Self {
        Top { by, counts: HashMap::new(), bytes: 0, letters: 0, merged: Others::default() }
    }

    /// Counts a fact, if it is a dead letter.
    pub fn take(&mut self, fact: &Fact) {
        let Fact::DeadLetter(letter) = fact else { return };
        let count = letter.count.unwrap_or(1);
        self.letters = self.letters.saturating_add(count);
        let name = self.by.name_in(letter).map(str::to_owned);
        let bytes = cost(&name);
        let known = self.counts.entry(name).or_insert_with(|| {
            self.bytes += bytes;
            0
        });
        *known = known.saturating_add(count);
        if self.bytes > MAX_BYTES {
            self.merge_the_rarest();
        }
    }

    /// Leaves the more frequent names, in half the room.
    fn merge_the_rarest(&mut self) {
        let mut names: Vec<_> = self.counts.drain().collect();
        names.sort_by(|(a, one), (b, other)| other.cmp(one).then_with(|| a.cmp(b)));
        self.bytes = 0;
        for (name, count) in names {
            let bytes = cost(&name);
            if self.bytes + bytes <= MAX_BYTES / 2 {
                self.bytes += bytes;
                self.counts.insert(name, count);
            } else {
                self.merged.names += 1;
                self.merged.count = self.merged.count.saturating_add(count);
            }
        }
    }

    /// The names with the most dead letters, at most so many.
    pub fn finish(self, limit: usize) -> TopReport {
        let mut rows: Vec<_> = self.counts.into_iter().map(|(name, count)| TopRow { name, count }).collect();
        rows.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
        let mut others = self.merged;
        for row in rows.drain(limit.min(rows.len())..) {
            others.names += 1;
            others.count = others.count.saturating_add(row.count);
        }
        TopReport {
            by: self.by.as_str(),
            dead_letters: self.letters,
            rows,
            others,
            is_exact: self.merged.names == 0,
            at_most_missing: self.merged.count,
        }
    }
}

fn cost(name: &Option<String>) -> usize {
    ENTRY_COSTS + name.as_ref().map_or(0, String::len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, Why};

    fn letter(target: &str, message_type: &str, why: Option<Why>, count: u64) -> Fact {
        let mut letter = DeadLetter::new(target, message_type).with_count(count);
        letter.why = why;
        letter.into()
    }

    fn rows(report: &TopReport) -> Vec<(Option<&str>, u64)> {
        report.rows.iter().map(|row| (row.name.as_deref(), row.count)).collect()
    }

    #[test]
    fn letters_are_counted_by_the_member_that_was_asked_for() {
        let facts = [
            letter("t://a", "Ping", Some(Why::Stopped), 3),
            letter("t://b", "Ping", None, 2),
            letter("t://a", "Pong", Some(Why::Stopped), 4),
            Event::new("t://a", "ActorCrashed").into(),
            letter("t://c", "Ping", Some(Why::Timeout), 5),
        ];
        let count = |by| {
            let mut top = Top::new(by);
            facts.iter().for_each(|fact| top.take(fact));
            top.finish(2)
        };
        let by_target = count(TopBy::Target);
        assert_eq!(rows(&by_target), [(Some("t://a"), 7), (Some("t://c"), 5)]);
        assert_eq!((by_target.others, by_target.dead_letters), (Others { names: 1, count: 2 }, 14));
        assert!(by_target.is_exact);
        assert_eq!(rows(&count(TopBy::Type)), [(Some("Ping"), 10), (Some("Pong"), 4)]);
        assert_eq!(rows(&count(TopBy::Why)), [(Some("stopped"), 7), (Some("timeout"), 5)]);
    }

    #[test]
    fn a_reason_that_nobody_told_is_no_name() {
        let mut top = Top::new(TopBy::Why);
        top.take(&letter("t://a", "Ping", None, 2));
        top.take(&letter("t://a", "Ping", Some(Why::Other("?".to_owned())), 1));
        assert_eq!(rows(&top.finish(9)), [(None, 2), (Some("?"), 1)]);
    }

    #[test]
    fn any_number_of_names_takes_bounded_memory_and_no_letter_is_lost() {
        let mut top = Top::new(TopBy::Target);
        let (mut all, padding) = (0, "x".repeat(1_000));
        for n in 0..50_000u64 {
            let (name, count) =
                if n % 10 == 0 { ("t://sick".to_owned(), 7) } else { (format!("t://{n}/{padding}"), 1) };
            top.take(&letter(&name, "Ping", None, count));
            all += count;
            assert!(top.bytes <= MAX_BYTES);
        }
        let report = top.finish(1);
        assert_eq!(report.rows[0], TopRow { name: Some("t://sick".to_owned()), count: 7 * 5_000 });
        assert_eq!(report.rows[0].count + report.others.count, all);
        assert_eq!((report.dead_letters, report.is_exact), (all, false));
        assert_eq!(report.others.names, 45_000);
    }

    #[test]
    fn counts_beyond_all_numbers_stay_the_largest() {
        let mut top = Top::new(TopBy::Type);
        for target in ["t://a", "t://b"] {
            top.take(&letter(target, "Ping", None, u64::MAX));
        }
        assert_eq!(top.finish(1).rows[0].count, u64::MAX);
    }
}
