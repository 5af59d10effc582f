//! Where the figures come from.

use papyra::{Log, MetricsSnapshot, Recorder};

/// A recorder, or a log without one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Source {
    /// A log.
    Log(Box<Log>),
    /// A recorder with its log.
    Recorder(Recorder),
}

impl Source {
    pub(crate) fn snapshot(&self) -> MetricsSnapshot {
        match self {
            Source::Log(log) => log.metrics(),
            Source::Recorder(recorder) => recorder.metrics(),
        }
    }

    pub(crate) fn backend(&self) -> &'static str {
        match self {
            Source::Log(log) => log.backend().name(),
            Source::Recorder(recorder) => recorder.log().backend().name(),
        }
    }
}

impl From<Log> for Source {
    fn from(log: Log) -> Self {
        Source::Log(Box::new(log))
    }
}

impl From<Recorder> for Source {
    fn from(recorder: Recorder) -> Self {
        Source::Recorder(recorder)
    }
}
