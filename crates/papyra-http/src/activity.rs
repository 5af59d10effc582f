//! What happened in a span of time: how much in each minute, to whom most, and how many actors there were.
//!
//! One pass in bounded memory: names come from the log, and a log may hold any number of them.

use std::collections::{BTreeMap, HashMap, VecDeque};

use papyra::{
    Audit, DeadLetter, Event, Fact, Log, ReadOptions,
    document::{self, Filter, Unread},
    incident::{Trouble, reason},
};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{answer::Refusal, places::Places};

/// The shortest step, in seconds.
const STEP: i64 = 60;
/// So many steps are told apart at most; if there are more, each becomes twice as long.
const MAX_STEPS: usize = 480;
/// So many names of a sort are counted each for itself.
const MAX_NAMES: usize = 20_000;
/// So many of them are told.
const TOLD: usize = 20;
/// So many audits are told, and so many actor systems are told apart among them.
const MAX_AUDITS: usize = 2_000;
/// So many bytes of the newest facts are told, and what is left of the last of them.
const MAX_TAIL: usize = 2 << 20;
/// How much is told of what made an actor crash.
const MAX_REASON: usize = 200;

/// What happened, as it is written in JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Activity {
    log: String,
    /// Everything up to here is summed up: `/api/v1/live?after=…` goes on behind it.
    position: String,
    /// Seconds that each step covers.
    step: i64,
    /// Timestamps, in seconds since 1970.
    oldest: Option<f64>,
    newest: Option<f64>,
    facts: u64,
    /// The steps in which anything happened, by when they begin.
    steps: Vec<Step>,
    /// The newest audits, the oldest of them first.
    audits: VecDeque<Headcount>,
    /// Actors that crashed or were restarted most.
    actors: Vec<Troubled>,
    /// Crashes and restarts of actors that are not told apart.
    other_actors: u64,
    /// Messages that nobody took, by whom they were for, by type and by reason.
    targets: Vec<Named>,
    message_types: Vec<Named>,
    reasons: Vec<Named>,
    /// The newest facts as they are stored, the oldest of them first.
    tail: Vec<Box<RawValue>>,
    skipped: u64,
    #[serde(skip)]
    unread: Unread,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Step {
    at: i64,
    starts: u64,
    crashes: u64,
    restarts: u64,
    stops: u64,
    other_events: u64,
    /// Messages, not facts.
    dead_letters: u64,
}

/// The actors of a system at one moment.
#[derive(Debug, Serialize)]
struct Headcount {
    at: f64,
    system: String,
    total: Option<u64>,
    alive: Option<u64>,
    stopping: Option<u64>,
    restarting: Option<u64>,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Troubled {
    actor: String,
    crashes: u64,
    restarts: u64,
    /// Crashes and restarts together in the worst of its minutes.
    most_in_a_minute: u64,
    #[serde(skip)]
    minute: i64,
    #[serde(skip)]
    in_minute: u64,
    /// When it crashed or was restarted last.
    last: f64,
    /// What made it crash last, as far as it is told.
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct Named {
    name: String,
    count: u64,
}

impl Activity {
    /// Reads the log and sums it up.
    pub(crate) async fn of(log: &Log, since: Option<f64>, filter: &Filter, tail: usize) -> Result<Activity, Refusal> {
        let mut places = Places::of(log);
        places.find_ends().await?;
        let mut options = ReadOptions::newest_first();
        options.since = since;
        let (mut sums, mut unread) = (Sums::default(), Unread::default());
        let (mut newest, mut bytes) = (Vec::new(), 0);
        let mut entries = log.read(options);
        while let Some(entry) = entries.next().await {
            let Some(entry) = unread.sort_out(log, entry)? else { continue };
            if !places.holds(&entry) || !filter.accepts(&entry.fact) {
                continue;
            }
            sums.take(&entry.fact);
            if newest.len() < tail && bytes < MAX_TAIL {
                let fact = document::entry(&entry);
                bytes += fact.len();
                newest.extend(RawValue::from_string(fact));
            }
        }
        newest.reverse();
        let told = sums.told(log.address(), entries.skipped(), unread);
        Ok(Activity { position: places.id(), tail: newest, ..told })
    }

    pub(crate) fn exit_code(&self) -> u8 {
        self.unread.exit_code()
    }
}

/// What is summed up while the log is read, the newest fact first.
#[derive(Default)]
struct Sums {
    /// Each step is so many minutes long: a power of two.
    minutes: Option<i64>,
    steps: BTreeMap<i64, Step>,
    oldest: Option<f64>,
    newest: Option<f64>,
    facts: u64,
    audits: VecDeque<Headcount>,
    actors: HashMap<String, Troubled>,
    other_actors: u64,
    targets: Counted,
    message_types: Counted,
    reasons: Counted,
}

impl Sums {
    fn take(&mut self, fact: &Fact) {
        let at = fact.timestamp().seconds();
        self.facts += 1;
        self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
        self.newest = Some(self.newest.map_or(at, |newest| newest.max(at)));
        match fact {
            Fact::Event(event) => self.event(at, event, Trouble::of(fact)),
            Fact::Audit(audit) => self.audit(at, audit),
            Fact::DeadLetter(letter) => self.letter(at, letter),
            _ => {}
        }
    }

    fn event(&mut self, at: f64, event: &Event, trouble: Option<Trouble>) {
        let step = self.step(at);
        match (trouble, event.event_type.as_str()) {
            (Some(Trouble::Crash), _) => {
                step.crashes += 1;
                self.trouble(at, event, true);
            }
            (Some(Trouble::Restart), _) => {
                step.restarts += 1;
                self.trouble(at, event, false);
            }
            (_, "ActorStarted") => step.starts += 1,
            (_, "ActorStopped") => step.stops += 1,
            _ => step.other_events += 1,
        }
    }

    fn trouble(&mut self, at: f64, event: &Event, crashed: bool) {
        let actor = event.actor_address.to_string();
        if self.actors.len() >= MAX_NAMES && !self.actors.contains_key(&actor) {
            self.other_actors += 1;
            return;
        }
        let troubled = self.actors.entry(actor).or_default();
        if troubled.crashes + troubled.restarts == 0 {
            troubled.last = at;
        }
        troubled.last = troubled.last.max(at);
        let minute = (at / STEP as f64).floor() as i64;
        let same = troubled.minute == minute;
        troubled.in_minute = if same { troubled.in_minute + 1 } else { 1 };
        troubled.minute = minute;
        troubled.most_in_a_minute = troubled.most_in_a_minute.max(troubled.in_minute);
        if crashed {
            troubled.crashes += 1;
            // The newest comes first.
            if troubled.reason.is_none() {
                troubled.reason = reason(event).map(|why| why.chars().take(MAX_REASON).collect());
            }
        } else {
            troubled.restarts += 1;
        }
    }

    fn audit(&mut self, at: f64, audit: &Audit) {
        // The newest comes first: what is beyond the limit is older.
        if self.audits.len() < MAX_AUDITS {
            self.audits.push_front(Headcount {
                at,
                system: audit.system_id.clone(),
                total: audit.total_actors,
                alive: audit.alive_actors,
                stopping: audit.stopping_actors,
                restarting: audit.restarting_actors,
            });
        }
    }

    fn letter(&mut self, at: f64, letter: &DeadLetter) {
        let count = letter.count.unwrap_or(1);
        let step = self.step(at);
        // A log may claim whatever it likes.
        step.dead_letters = step.dead_letters.saturating_add(count);
        self.targets.add(&letter.target.to_string(), count);
        self.message_types.add(&letter.message_type, count);
        self.reasons.add(letter.why.as_ref().map_or("?", |why| why.as_str()), count);
    }

    /// The step that a moment falls into. If there are too many, neighbours become one.
    fn step(&mut self, at: f64) -> &mut Step {
        let minutes = self.minutes.get_or_insert(1);
        // A time that no calendar has falls into the first or the last of all steps.
        let minute = (at / STEP as f64).floor() as i64;
        let mut key = minute.div_euclid(*minutes);
        while self.steps.len() >= MAX_STEPS && !self.steps.contains_key(&key) {
            *minutes = minutes.saturating_mul(2);
            for (key, step) in std::mem::take(&mut self.steps) {
                self.steps.entry(key.div_euclid(2)).or_default().add(&step);
            }
            key = minute.div_euclid(*minutes);
        }
        self.steps.entry(key).or_default()
    }

    fn told(self, log: String, skipped: u64, unread: Unread) -> Activity {
        let step = self.minutes.unwrap_or(1).saturating_mul(STEP);
        let begins = |(key, sums): (i64, Step)| Step { at: key.saturating_mul(step), ..sums };
        let named = |mut troubled: Troubled, actor: String| {
            troubled.actor = actor;
            troubled
        };
        let mut actors: Vec<Troubled> = self.actors.into_iter().map(|(actor, it)| named(it, actor)).collect();
        actors.sort_by(|a, b| {
            (b.crashes + b.restarts).cmp(&(a.crashes + a.restarts)).then_with(|| a.actor.cmp(&b.actor))
        });
        let untold: u64 = actors.iter().skip(TOLD).map(|it| it.crashes + it.restarts).sum();
        actors.truncate(TOLD);
        Activity {
            log,
            position: String::new(),
            tail: Vec::new(),
            step,
            oldest: self.oldest,
            newest: self.newest,
            facts: self.facts,
            steps: self.steps.into_iter().map(begins).collect(),
            audits: self.audits,
            actors,
            other_actors: self.other_actors + untold,
            targets: self.targets.told(),
            message_types: self.message_types.told(),
            reasons: self.reasons.told(),
            skipped,
            unread,
        }
    }
}

impl Step {
    fn add(&mut self, other: &Step) {
        self.starts += other.starts;
        self.crashes += other.crashes;
        self.restarts += other.restarts;
        self.stops += other.stops;
        self.other_events += other.other_events;
        self.dead_letters = self.dead_letters.saturating_add(other.dead_letters);
    }
}

/// Names and how often they came, up to a number of names.
#[derive(Default)]
struct Counted {
    names: HashMap<String, u64>,
    others: u64,
}

impl Counted {
    fn add(&mut self, name: &str, count: u64) {
        let has_room = self.names.len() < MAX_NAMES;
        match self.names.get_mut(name) {
            Some(so_far) => *so_far = so_far.saturating_add(count),
            None if has_room => {
                self.names.insert(name.to_owned(), count);
            }
            None => self.others = self.others.saturating_add(count),
        }
    }

    /// The most frequent, and all others as one.
    fn told(self) -> Vec<Named> {
        let mut named: Vec<Named> = self.names.into_iter().map(|(name, count)| Named { name, count }).collect();
        named.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
        let rest = named.iter().skip(TOLD).fold(self.others, |sum, named| sum.saturating_add(named.count));
        named.truncate(TOLD);
        if rest > 0 {
            named.push(Named { name: "(others)".to_owned(), count: rest });
        }
        named
    }
}

#[cfg(test)]
mod tests {
    use papyra::{Payload, Timestamp};

    use super::*;

    fn at(seconds: f64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    async fn activity(facts: &[Fact]) -> Activity {
        let log = Log::memory();
        log.append(facts).await.unwrap();
        Activity::of(&log, None, &Filter::default(), 2).await.unwrap()
    }

    #[tokio::test]
    async fn each_minute_has_its_counts_and_each_actor_its_newest_reason() {
        let crash = |error: &str, seconds| {
            let why = Payload::of(&BTreeMap::from([("error", error)]));
            Event::new("a://1", "ActorCrashed").with_payload(why).at(at(seconds)).into()
        };
        let mut audit = Audit::new("a").at(at(61.0));
        audit.alive_actors = Some(3);
        let found = activity(&[
            Event::new("a://1", "ActorStarted").at(at(1.0)).into(),
            crash("old", 59.0),
            audit.into(),
            crash("new", 62.0),
            Event::new("a://1", "ActorRestarted").at(at(62.5)).into(),
            Event::new("a://3", "ActorStartFailed").at(at(63.0)).into(),
            DeadLetter::new("a://2", "Ping").with_count(7).at(at(119.0)).into(),
        ])
        .await;
        let minute = |at, starts, crashes, restarts, dead_letters| Step {
            at,
            starts,
            crashes,
            restarts,
            dead_letters,
            ..Step::default()
        };
        assert_eq!(found.step, 60);
        assert_eq!(found.steps, [minute(0, 1, 1, 0, 0), minute(60, 0, 2, 1, 7)]);
        assert_eq!((found.audits[0].alive, found.audits[0].total), (Some(3), None));
        let actor = &found.actors[0];
        assert_eq!(actor.most_in_a_minute, 2);
        assert_eq!((actor.crashes, actor.restarts, actor.last, actor.reason.as_deref()), (2, 1, 62.5, Some("new")));
        assert_eq!((found.targets[0].name.as_str(), found.targets[0].count), ("a://2", 7));
        assert_eq!((found.position.as_str(), found.tail.len()), ("7", 2));
        assert!(found.tail[1].get().contains("Ping"), "{:?}", found.tail);
    }

    #[tokio::test]
    async fn a_year_of_minutes_becomes_few_steps_and_nothing_is_lost() {
        let facts: Vec<Fact> =
            (0..5_000).map(|n| Event::new("a://1", "ActorCrashed").at(at(f64::from(n) * 60.0 * 97.0)).into()).collect();
        let found = activity(&facts).await;
        assert!(found.steps.len() <= MAX_STEPS && found.steps.len() > MAX_STEPS / 4, "{}", found.steps.len());
        assert_eq!(found.steps.iter().map(|step| step.crashes).sum::<u64>(), 5_000);
        assert!(found.steps.iter().all(|step| step.at % found.step == 0));
    }

    #[tokio::test]
    async fn times_and_counts_beyond_all_reason_do_no_harm() {
        let letter = |seconds| DeadLetter::new("a://1", "M").with_count(u64::MAX).at(at(seconds)).into();
        let mut facts: Vec<Fact> = vec![letter(1e300), letter(-1e300), letter(0.0), letter(0.0)];
        facts.extend((0..1_000).map(|n| Fact::from(Event::new("a://1", "E").at(at(f64::from(n) * 60.0)))));
        let found = activity(&facts).await;
        assert_eq!(found.targets[0].count, u64::MAX);
        assert!(found.steps.len() <= MAX_STEPS);
        assert_eq!(found.facts, 1_004);
    }

    #[tokio::test]
    async fn any_number_of_names_is_summed_up_in_bounded_memory_and_all_are_counted() {
        let names = MAX_NAMES + 30;
        let facts: Vec<Fact> = (0..names)
            .flat_map(|n| {
                let actor = format!("a://{n}");
                [
                    Event::new(actor.as_str(), "ActorCrashed").into(),
                    Fact::from(DeadLetter::new(actor.as_str(), actor.as_str())),
                ]
            })
            .collect();
        let found = activity(&facts).await;
        assert_eq!((found.actors.len(), found.other_actors), (TOLD, (names - TOLD) as u64));
        for list in [&found.targets, &found.message_types] {
            assert_eq!(list.len(), TOLD + 1);
            assert_eq!(list.iter().map(|named| named.count).sum::<u64>(), names as u64);
        }
    }
}
