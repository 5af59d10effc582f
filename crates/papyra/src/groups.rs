//! Consumer groups: several workers share the facts of one kind, each fact is acknowledged by whoever handled it. A side
//! trait of a backend, with the names and the meanings of Redis.

use std::{fmt, str::FromStr, time::Duration};

use async_trait::async_trait;

use crate::{Entry, Error, ErrorKind, Kind, Position, Result};

/// The longest that one [`read`](ConsumerGroups::read) waits: whoever waits longer asks again.
pub const MAX_BLOCK: Duration = Duration::from_secs(5);
/// The most entries that one call reads, claims, acknowledges or lists.
pub const MAX_BATCH: usize = 1000;

/// A consumer group: a name, and the kind of facts that its consumers share.
///
/// Each kind has groups of its own: `workers` of events and `workers` of audits know nothing of each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Group {
    kind: Kind,
    name: String,
}

impl Group {
    /// The group of this name among those that read facts of this kind.
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Group { kind, name: name.into() }
    }

    /// What its consumers read.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// That there is no such group.
    pub fn missing(&self) -> Error {
        Error::new(ErrorKind::NotFound, format!("there is no {self}"))
            .with_cure(format!("create it: papyra groups create {} --kind {}", self.name, self.kind))
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "consumer group `{}` of kind {}", self.name, self.kind)
    }
}

/// Where a new group begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupStart {
    /// With the oldest entry that is there (`0`).
    #[default]
    Beginning,
    /// With the next entry that comes (`$`).
    End,
    /// With the entry behind this position.
    After(Position),
}

impl fmt::Display for GroupStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GroupStart::Beginning => f.write_str("0"),
            GroupStart::End => f.write_str("$"),
            GroupStart::After(position) => position.fmt(f),
        }
    }
}

impl FromStr for GroupStart {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "0" | "0-0" => Ok(GroupStart::Beginning),
            "$" => Ok(GroupStart::End),
            other => Ok(GroupStart::After(other.parse()?)),
        }
    }
}

/// What a backend can do whose consumers share facts: a side trait that
/// [`Backend::consumer_groups`](crate::Backend::consumer_groups) hands out.
///
/// An entry that was delivered is *pending* with its consumer until somebody acknowledges it. So each fact is handled at
/// least once, and now and then twice: a handler must not mind.
///
/// A call about a group that does not exist fails with `NotFound`, except where it says otherwise.
///
/// # Errors
/// `Unavailable` if the server cannot be reached: trying again is safe for every call, but a [`read`](Self::read) or a
/// [`claim`](Self::claim) whose answer was lost may have delivered entries, which are then pending.
///
/// # Cancel safety
/// Dropping a future may leave entries pending in the same way; nothing else is lost.
#[async_trait]
pub trait ConsumerGroups: fmt::Debug + Send + Sync {
    /// Creates a group, and what it reads from if need be. `false` if it exists already: it stays as it is.
    async fn create(&self, group: &Group, from: GroupStart) -> Result<bool>;

    /// Deletes a group. `false` if there is none.
    ///
    /// # Errors
    /// `Refused` if entries are pending and it was not said that they may be forgotten; nothing was changed then.
    async fn delete(&self, group: &Group, pending: IfPending) -> Result<bool>;

    /// The groups of a kind, by name.
    async fn list(&self, kind: Kind) -> Result<Vec<GroupState>>;

    /// Delivers up to `count` entries that no consumer of the group got yet, oldest first. If there are none it waits for
    /// up to `block`, at most [`MAX_BLOCK`], and never keeps another call of this log waiting meanwhile.
    async fn read(&self, group: &Group, consumer: &str, count: usize, block: Duration) -> Result<Delivered>;

    /// Delivers these entries to this consumer, whoever they are pending with, if they have been idle for so long. Entries
    /// that are not pending any more are left out.
    async fn claim(
        &self,
        group: &Group,
        consumer: &str,
        min_idle: Duration,
        positions: &[Position],
    ) -> Result<Delivered>;

    /// Makes this consumer the owner of pending entries that have been idle for so long, from a cursor on, without
    /// delivering them: [`pending`](Self::pending) tells how often they were delivered before, [`claim`](Self::claim)
    /// delivers them. One call looks at ten times `count` entries at most, so that a long list stalls nobody.
    async fn autoclaim(
        &self,
        group: &Group,
        consumer: &str,
        min_idle: Duration,
        cursor: Option<Position>,
        count: usize,
    ) -> Result<Claimed>;

    /// Says that this consumer is still at work: the entries begin to be idle anew. Gives those that are still its own; the
    /// others somebody else has claimed, or acknowledged.
    async fn hold(&self, group: &Group, consumer: &str, positions: &[Position]) -> Result<Vec<Position>>;

    /// Acknowledges entries: they are pending no more. Gives how many were. A group that does not exist has none.
    async fn ack(&self, group: &Group, positions: &[Position]) -> Result<u64>;

    /// Pending entries, lowest position first.
    async fn pending(&self, group: &Group, wanted: &PendingOptions) -> Result<Vec<PendingEntry>>;

    /// Sets entries aside that are pending with this consumer: copies each to the dead entries of its kind, and then
    /// acknowledges it. Entries that are not pending with it any more are left alone, so that none is copied twice. Gives
    /// how many were copied.
    async fn set_aside(&self, group: &Group, consumer: &str, why: SetAside, positions: &[Position]) -> Result<u64>;

    /// Entries of a kind that were set aside, oldest first, behind a position that [`DeadEntry::position`] named.
    async fn dead(&self, kind: Kind, after: Option<Position>, count: usize) -> Result<Vec<DeadEntry>>;

    /// Removes a consumer from its group. `false` if there is none of this name.
    ///
    /// # Errors
    /// `Refused` while entries are pending with it: they would be lost to everybody.
    async fn remove_consumer(&self, group: &Group, consumer: &str) -> Result<bool>;
}

/// What to do with a group that has entries pending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfPending {
    /// Leave it alone.
    #[default]
    Refuse,
    /// Forget which entries were never acknowledged.
    Forget,
}

/// Entries that were delivered.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Delivered {
    /// The entries, lowest position first.
    pub deliveries: Vec<Delivery>,
    /// Entries that are pending now like those, but no facts: set them aside.
    pub damaged: Vec<Position>,
    /// Entries that were pending and are not in the log any more: retention or an operator took them. They are pending no
    /// more.
    pub trimmed: Vec<Position>,
}

/// An entry that a consumer got, and has to acknowledge.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Delivery {
    /// The entry.
    pub entry: Entry,
    /// How often it was delivered, this time included.
    pub deliveries: u64,
}

impl Delivery {
    /// An entry that was delivered so many times.
    pub fn new(entry: Entry, deliveries: u64) -> Self {
        Delivery { entry, deliveries }
    }
}

/// What an [`autoclaim`](ConsumerGroups::autoclaim) did.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Claimed {
    /// Entries that are this consumer's now.
    pub positions: Vec<Position>,
    /// Entries that are not in the log any more; they are pending no more.
    pub trimmed: Vec<Position>,
    /// Where to go on; `None` at the end.
    pub cursor: Option<Position>,
}

/// Which pending entries.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct PendingOptions {
    /// Only those of this consumer.
    pub consumer: Option<String>,
    /// Only those that have been idle for so long.
    pub min_idle: Duration,
    /// Only those behind this position.
    pub after: Option<Position>,
    /// At most so many; 0 means 100.
    pub count: usize,
}

impl PendingOptions {
    /// The entries that are pending with one consumer.
    pub fn of(consumer: impl Into<String>) -> Self {
        PendingOptions { consumer: Some(consumer.into()), ..PendingOptions::default() }
    }

    /// Only those that have been idle for so long.
    #[must_use]
    pub fn min_idle(mut self, idle: Duration) -> Self {
        self.min_idle = idle;
        self
    }

    /// Only those behind this position.
    #[must_use]
    pub fn after(mut self, position: Option<Position>) -> Self {
        self.after = position;
        self
    }

    /// At most so many.
    #[must_use]
    pub fn count(mut self, count: usize) -> Self {
        self.count = count;
        self
    }

    /// How many are wanted, within the limits.
    pub fn page(&self) -> usize {
        if self.count == 0 { 100 } else { self.count.min(MAX_BATCH) }
    }
}

/// An entry that was delivered and not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingEntry {
    /// Which.
    pub position: Position,
    /// Who got it.
    pub consumer: String,
    /// How long ago that was.
    pub idle: Duration,
    /// How often it was delivered.
    pub deliveries: u64,
}

impl PendingEntry {
    /// An entry that is pending with this consumer.
    pub fn new(position: Position, consumer: impl Into<String>, idle: Duration, deliveries: u64) -> Self {
        PendingEntry { position, consumer: consumer.into(), idle, deliveries }
    }
}

/// A group as it is now.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GroupState {
    /// Which.
    pub group: Group,
    /// The last entry that was delivered to anybody, or behind which the group began; `None` if the server does not tell.
    pub last_delivered: Option<Position>,
    /// Entries that are still to be delivered; `None` if the server cannot tell.
    pub lag: Option<u64>,
    /// Entries that were delivered and not acknowledged.
    pub pending: u64,
    /// The lowest pending position.
    pub oldest_pending: Option<Position>,
    /// How long the entry at that position has been idle.
    pub oldest_idle: Option<Duration>,
    /// Its consumers, by name.
    pub consumers: Vec<ConsumerState>,
}

impl GroupState {
    /// A group of which nothing else is known.
    pub fn new(group: Group) -> Self {
        GroupState {
            group,
            last_delivered: None,
            lag: None,
            pending: 0,
            oldest_pending: None,
            oldest_idle: None,
            consumers: Vec::new(),
        }
    }

    /// The position up to which everything was acknowledged: a group that begins behind it repeats little and loses nothing.
    pub fn acknowledged_through(&self) -> Option<Position> {
        match self.oldest_pending {
            Some(oldest) => oldest.before(),
            None => self.last_delivered,
        }
    }
}

/// A consumer of a group as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerState {
    /// Its name.
    pub name: String,
    /// Entries that are pending with it.
    pub pending: u64,
    /// How long ago it last asked for something.
    pub idle: Duration,
}

impl ConsumerState {
    /// A consumer.
    pub fn new(name: impl Into<String>, pending: u64, idle: Duration) -> Self {
        ConsumerState { name: name.into(), pending, idle }
    }
}

/// Why an entry was set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetAside {
    /// It was delivered too often and never acknowledged: whoever handles it fails.
    Deliveries,
    /// It is no fact.
    Damaged,
}

impl SetAside {
    /// The word that stands with the entry.
    pub fn as_str(self) -> &'static str {
        match self {
            SetAside::Deliveries => "deliveries",
            SetAside::Damaged => "damaged",
        }
    }
}

/// An entry that was set aside.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DeadEntry {
    /// Where it is among the dead entries.
    pub position: Position,
    /// Where it was in the log.
    pub original: Position,
    /// The group that could not handle it.
    pub group: String,
    /// The consumer that had it last.
    pub consumer: String,
    /// How often it was delivered.
    pub deliveries: u64,
    /// Why it was set aside: `deliveries` or `damaged`.
    pub why: String,
    /// The entry's text, which is a fact's JSON unless it is damaged.
    pub data: String,
}

impl DeadEntry {
    /// An entry of which nothing but its places is known yet.
    pub fn new(position: Position, original: Position) -> Self {
        DeadEntry {
            position,
            original,
            group: String::new(),
            consumer: String::new(),
            deliveries: 0,
            why: String::new(),
            data: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_read_as_it_is_written() {
        for text in ["0", "$", "1700000000000-3"] {
            assert_eq!(text.parse::<GroupStart>().unwrap().to_string(), text);
        }
        assert_eq!("0-0".parse::<GroupStart>().unwrap(), GroupStart::Beginning);
        assert!("yesterday".parse::<GroupStart>().is_err());
    }

    #[test]
    fn everything_below_the_oldest_pending_entry_is_acknowledged() {
        let mut state = GroupState::new(Group::new(Kind::Event, "g"));
        assert_eq!(state.acknowledged_through(), None);
        state.last_delivered = Some(Position::from_pair(9, 0));
        assert_eq!(state.acknowledged_through(), Some(Position::from_pair(9, 0)));
        state.oldest_pending = Some(Position::from_pair(7, 0));
        assert_eq!(state.acknowledged_through(), Some(Position::from_pair(6, u64::MAX)));
        state.oldest_pending = Some(Position::from_pair(0, 1));
        assert_eq!(state.acknowledged_through(), Some(Position::from_pair(0, 0)));
    }
}
