//! The keys of a log: one stream for each kind, and what stands beside the streams.

use uuid::Uuid;

use super::config::RedisConfig;
use crate::Kind;

/// One of the streams of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Stream {
    Events,
    Audits,
    DeadLetters,
}

impl Stream {
    pub(super) const ALL: [Stream; 3] = [Stream::Events, Stream::Audits, Stream::DeadLetters];

    /// Where facts of a kind go. Kinds that this version does not know stand among the events.
    pub(super) fn of(kind: Kind) -> Stream {
        match kind {
            Kind::Event | Kind::Unknown => Stream::Events,
            Kind::Audit => Stream::Audits,
            Kind::DeadLetter => Stream::DeadLetters,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Stream::Events => "events",
            Stream::Audits => "audits",
            Stream::DeadLetters => "dead_letters",
        }
    }

    pub(super) fn named(name: &str) -> Option<Stream> {
        Stream::ALL.into_iter().find(|stream| stream.name() == name)
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }
}

/// Streams that one script may write to at once, since they stand on one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// All of the log.
    Whole,
    /// One of them.
    Single(Stream),
}

impl Lane {
    pub(super) fn streams(self) -> &'static [Stream] {
        match self {
            Lane::Whole => &Stream::ALL,
            Lane::Single(stream) => std::slice::from_ref(&Stream::ALL[stream.index()]),
        }
    }
}

/// The keys of one log.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    base: String,
    streams: [String; 3],
    one_slot: bool,
}

impl Keys {
    pub(super) fn of(config: &RedisConfig) -> Keys {
        let base = format!("{}:{}:", config.prefix, config.system);
        let streams = Stream::ALL.map(|stream| format!("{base}{}", stream.name()));
        // On one server everything stands together, in a cluster what has the same hash tag.
        let one_slot = !config.is_cluster() || hash_tag(&base).is_some();
        Keys { base, streams, one_slot }
    }

    pub(super) fn stream(&self, stream: Stream) -> &str {
        &self.streams[stream.index()]
    }

    /// The streams in groups that stand together.
    pub(super) fn lanes(&self) -> &'static [Lane] {
        const SINGLE: [Lane; 3] =
            [Lane::Single(Stream::Events), Lane::Single(Stream::Audits), Lane::Single(Stream::DeadLetters)];
        if self.one_slot { &[Lane::Whole] } else { &SINGLE }
    }

    /// The lane that a stream is in.
    pub(super) fn lane(&self, stream: Stream) -> Lane {
        if self.one_slot { Lane::Whole } else { Lane::Single(stream) }
    }

    /// What all writers of a lane know together: a hash.
    pub(super) fn state(&self, lane: Lane) -> String {
        format!("{}state", self.beside(lane))
    }

    /// How far a writer's facts are in the lane: a string.
    pub(super) fn mark(&self, lane: Lane, writer: &Uuid) -> String {
        format!("{}w:{writer}", self.beside(lane))
    }

    /// Where entries of a stream are kept that no consumer could handle: a stream.
    pub(super) fn dead(&self, stream: Stream) -> String {
        format!("{}dead:{}", self.beside(self.lane(stream)), stream.name())
    }

    /// Where damaged entries of a stream are kept: the Python Papyra has the same name for it.
    pub(super) fn quarantine(&self, stream: Stream) -> String {
        let source = self.stream(stream);
        match self.lane(stream) {
            Lane::Whole => format!("{}quarantine:{}", self.base, source.replace(':', "_")),
            Lane::Single(_) => format!("{}quarantine", self.beside(self.lane(stream))),
        }
    }

    /// What stands beside a lane has its hash tag, or is tagged with the whole name of its stream.
    fn beside(&self, lane: Lane) -> String {
        match lane {
            Lane::Whole => self.base.clone(),
            Lane::Single(stream) => format!("{{{}}}:", self.stream(stream)),
        }
    }
}

/// What a cluster hashes instead of the whole key: what stands in its first braces, if anything does.
pub(super) fn hash_tag(key: &str) -> Option<&str> {
    let (_, rest) = key.split_once('{')?;
    let (tag, _) = rest.split_once('}')?;
    (!tag.is_empty()).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(config: RedisConfig) -> Keys {
        Keys::of(&config.with_system("prod").unwrap())
    }

    #[test]
    fn the_streams_are_those_of_the_python_papyra() {
        let keys = keys(RedisConfig::new("h", 1));
        assert_eq!(keys.streams, ["papyra:prod:events", "papyra:prod:audits", "papyra:prod:dead_letters"]);
        assert_eq!(keys.quarantine(Stream::Audits), "papyra:prod:quarantine:papyra_prod_audits");
        assert_eq!(keys.lanes(), [Lane::Whole]);
    }

    #[test]
    fn whatever_a_script_touches_stands_on_one_node_of_a_cluster() {
        let nodes = [("h", 1)];
        let slot = |key: &str| hash_tag(key).unwrap_or(key).to_owned();
        for (config, lanes) in
            [(RedisConfig::cluster(nodes), 3), (RedisConfig::cluster(nodes).with_prefix("{papyra}").unwrap(), 1)]
        {
            let keys = keys(config);
            assert_eq!(keys.lanes().len(), lanes);
            for lane in keys.lanes() {
                let own = slot(&keys.state(*lane));
                assert_eq!(own, slot(&keys.mark(*lane, &Uuid::nil())));
                for stream in lane.streams() {
                    assert_eq!(slot(keys.stream(*stream)), own, "{stream:?}");
                    assert_eq!(slot(&keys.quarantine(*stream)), own, "{stream:?}");
                    assert_eq!(slot(&keys.dead(*stream)), own, "{stream:?}");
                }
            }
        }
    }
}
