//! The one noun: a fact.

use std::fmt;

use crate::{ActorAddress, Payload, Timestamp, address::DEFAULT_SYSTEM};

/// The kinds of facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// Something that happened to one actor.
    Event,
    /// A snapshot of the whole system.
    Audit,
    /// A message that could not be delivered.
    DeadLetter,
    /// A kind that this version does not know: kept by every rewrite, never read.
    Unknown,
}

impl Kind {
    /// The kinds that this version reads and writes.
    pub const KNOWN: [Kind; 3] = [Kind::Event, Kind::Audit, Kind::DeadLetter];

    /// The word that stands in logs, configuration and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Event => "event",
            Kind::Audit => "audit",
            Kind::DeadLetter => "dead_letter",
            Kind::Unknown => "unknown",
        }
    }

    /// The kind that a word of a log, configuration or report names.
    pub fn from_word(word: &str) -> Option<Kind> {
        Kind::KNOWN.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One immutable thing that happened in an actor system.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fact {
    /// Something that happened to one actor.
    Event(Event),
    /// A snapshot of the whole system.
    Audit(Audit),
    /// A message that could not be delivered.
    DeadLetter(DeadLetter),
    /// A fact of a kind that only a newer or another version knows. It passes through `append` unchanged; it is never read back.
    Unknown(Unknown),
}

impl Fact {
    /// Which kind of fact this is.
    pub fn kind(&self) -> Kind {
        match self {
            Fact::Event(_) => Kind::Event,
            Fact::Audit(_) => Kind::Audit,
            Fact::DeadLetter(_) => Kind::DeadLetter,
            Fact::Unknown(_) => Kind::Unknown,
        }
    }

    /// When it happened.
    pub fn timestamp(&self) -> &Timestamp {
        match self {
            Fact::Event(event) => &event.timestamp,
            Fact::Audit(audit) => &audit.timestamp,
            Fact::DeadLetter(letter) => &letter.timestamp,
            Fact::Unknown(unknown) => &unknown.timestamp,
        }
    }

    /// The actor system that it happened in; empty for an unknown kind.
    pub fn system_id(&self) -> &str {
        match self {
            Fact::Event(event) => &event.system_id,
            Fact::Audit(audit) => &audit.system_id,
            Fact::DeadLetter(letter) => &letter.system_id,
            Fact::Unknown(_) => "",
        }
    }

    /// The actor that it concerns: whom an event happened to, whom a dead letter was for.
    pub fn actor(&self) -> Option<&ActorAddress> {
        match self {
            Fact::Event(event) => Some(&event.actor_address),
            Fact::DeadLetter(letter) => Some(&letter.target),
            Fact::Audit(_) | Fact::Unknown(_) => None,
        }
    }
}

/// Something that happened to one actor: it started, stopped, crashed, was restarted.
///
/// ```
/// use papyra::{Event, Payload};
/// let event = Event::new("orders://worker/3", "ActorCrashed").with_payload(Payload::of(&("boom", 7)));
/// assert_eq!(event.system_id, "orders");
/// assert_eq!(event.payload.as_json(), r#"["boom",7]"#);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// The actor system; `local` if nobody said otherwise.
    pub system_id: String,
    /// Whom it happened to.
    pub actor_address: ActorAddress,
    /// What happened, such as `ActorCrashed`.
    pub event_type: String,
    /// What is known about it.
    pub payload: Payload,
    /// When it happened.
    pub timestamp: Timestamp,
    /// Members that this version does not know, kept as they are.
    pub extra: Members,
}

impl Event {
    /// An event that happens now; its system is the part of the address before `://`, or `local`.
    pub fn new(actor: impl Into<ActorAddress>, event_type: impl Into<String>) -> Self {
        Event::carrying(actor.into(), event_type.into(), Payload::empty())
    }

    /// The same with a payload from the beginning.
    pub(crate) fn carrying(actor_address: ActorAddress, event_type: String, payload: Payload) -> Self {
        Event {
            system_id: system_of(&actor_address),
            actor_address,
            event_type,
            payload,
            timestamp: Timestamp::now(),
            extra: Members::default(),
        }
    }

    /// Names the actor system.
    #[must_use]
    pub fn with_system(mut self, system_id: impl Into<String>) -> Self {
        self.system_id = system_id.into();
        self
    }

    /// Adds what is known about it.
    #[must_use]
    pub fn with_payload(mut self, payload: Payload) -> Self {
        self.payload = payload;
        self
    }

    /// Says when it happened.
    #[must_use]
    pub fn at(mut self, timestamp: impl Into<Timestamp>) -> Self {
        self.timestamp = timestamp.into();
        self
    }
}

/// A snapshot of the whole system. What is not known is `None` (`null` in the log), never 0.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Audit {
    /// The actor system.
    pub system_id: String,
    /// When it was taken.
    pub timestamp: Timestamp,
    /// Actors that the observer knows.
    pub total_actors: Option<u64>,
    /// Of them, those that take messages.
    pub alive_actors: Option<u64>,
    /// Of them, those that are stopping.
    pub stopping_actors: Option<u64>,
    /// Of them, those that are being restarted.
    pub restarting_actors: Option<u64>,
    /// Names in the registry.
    pub registry_size: Option<u64>,
    /// Names that lead to no actor at all.
    pub registry_orphans: Option<Vec<String>>,
    /// Names that lead to an actor which is not alive.
    pub registry_dead: Option<Vec<String>>,
    /// Dead letters seen so far.
    pub dead_letters_count: Option<u64>,
    /// What the snapshot covers, such as `observed` actors only.
    pub scope: Option<String>,
    /// The observer's verdict.
    pub health: Option<Health>,
    /// The state of the recorder that wrote it.
    pub recorder: Option<RecorderState>,
    /// Members that this version does not know, kept as they are.
    pub extra: Members,
}

impl Audit {
    /// A snapshot of this system, taken now, in which nothing is known yet.
    pub fn new(system_id: impl Into<String>) -> Self {
        Audit { system_id: system_id.into(), timestamp: Timestamp::now(), ..Audit::default() }
    }

    /// Says when it was taken.
    #[must_use]
    pub fn at(mut self, timestamp: impl Into<Timestamp>) -> Self {
        self.timestamp = timestamp.into();
        self
    }
}

/// The verdict of an audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Health {
    /// Nothing to worry about.
    Ok,
    /// Something is wrong; the other members say what.
    Degraded,
}

impl Health {
    /// The word that stands in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Health::Ok => "ok",
            Health::Degraded => "degraded",
        }
    }
}

/// The recorder at the moment of an audit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RecorderState {
    /// Facts that waited to be written.
    pub queued: u64,
    /// Facts dropped since the recorder started.
    pub dropped: u64,
}

impl RecorderState {
    /// So many waiting, so many dropped.
    pub fn new(queued: u64, dropped: u64) -> Self {
        RecorderState { queued, dropped }
    }
}

/// A message that could not be delivered.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The actor system.
    pub system_id: String,
    /// Whom the message was for.
    pub target: ActorAddress,
    /// The message's type.
    pub message_type: String,
    /// The message itself, if it was asked for; otherwise `null`.
    pub payload: Payload,
    /// Why it could not be delivered, if that is known.
    pub why: Option<Why>,
    /// How many messages this fact stands for, if more than one.
    pub count: Option<u64>,
    /// When it was given up.
    pub timestamp: Timestamp,
    /// Members that this version does not know, kept as they are.
    pub extra: Members,
}

impl DeadLetter {
    /// A message given up now; its system is the part of the address before `://`, or `local`.
    pub fn new(target: impl Into<ActorAddress>, message_type: impl Into<String>) -> Self {
        let target = target.into();
        DeadLetter {
            system_id: system_of(&target),
            target,
            message_type: message_type.into(),
            payload: Payload::null(),
            why: None,
            count: None,
            timestamp: Timestamp::now(),
            extra: Members::default(),
        }
    }

    /// Names the actor system.
    #[must_use]
    pub fn with_system(mut self, system_id: impl Into<String>) -> Self {
        self.system_id = system_id.into();
        self
    }

    /// Says why.
    #[must_use]
    pub fn with_why(mut self, why: Why) -> Self {
        self.why = Some(why);
        self
    }

    /// Says how many messages this fact stands for.
    #[must_use]
    pub fn with_count(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// Adds the message itself.
    #[must_use]
    pub fn with_payload(mut self, payload: Payload) -> Self {
        self.payload = payload;
        self
    }

    /// Says when it was given up.
    #[must_use]
    pub fn at(mut self, timestamp: impl Into<Timestamp>) -> Self {
        self.timestamp = timestamp.into();
        self
    }
}

/// Why a message could not be delivered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Why {
    /// The actor had stopped.
    Stopped,
    /// The mailbox was full.
    MailboxFull,
    /// Nobody answered in time.
    Timeout,
    /// The actor stopped before it came to this message.
    LeftInMailbox,
    /// The runtime threw it away, to shed load say.
    Discarded,
    /// A reason that this version has no name for.
    Other(String),
}

impl Why {
    /// The word that stands in logs.
    pub fn as_str(&self) -> &str {
        match self {
            Why::Stopped => "stopped",
            Why::MailboxFull => "mailbox_full",
            Why::Timeout => "timeout",
            Why::LeftInMailbox => "left_in_mailbox",
            Why::Discarded => "discarded",
            Why::Other(word) => word,
        }
    }

    /// The reason that a word of a log names.
    pub fn from_word(word: &str) -> Why {
        let named = [Why::Stopped, Why::MailboxFull, Why::Timeout, Why::LeftInMailbox, Why::Discarded];
        named.into_iter().find(|why| why.as_str() == word).unwrap_or_else(|| Why::Other(word.to_owned()))
    }
}

/// A fact of a kind that this version does not know.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Unknown {
    /// The word in its `kind` member.
    pub kind: String,
    /// When it happened.
    pub timestamp: Timestamp,
    /// All its other members, as they are.
    pub members: Members,
}

impl Unknown {
    pub(crate) fn new(kind: String, timestamp: Timestamp, members: Members) -> Self {
        Unknown { kind, timestamp, members }
    }
}

/// Members of a JSON object that this version does not know, in their order.
pub type Members = Vec<(String, Payload)>;

fn system_of(address: &ActorAddress) -> String {
    address.system().unwrap_or(DEFAULT_SYSTEM).to_owned()
}

impl From<Event> for Fact {
    fn from(event: Event) -> Self {
        Fact::Event(event)
    }
}

impl From<Audit> for Fact {
    fn from(audit: Audit) -> Self {
        Fact::Audit(audit)
    }
}

impl From<DeadLetter> for Fact {
    fn from(letter: DeadLetter) -> Self {
        Fact::DeadLetter(letter)
    }
}
