//! What a command works with: the log that was asked for, and the streams to write to.

use std::time::Duration;

use papyra::{Dsn, Log, Schemes};
use tokio::sync::watch;

use crate::{
    args::{Global, Output},
    console::{Notes, Out},
    failure::Failure,
    signals::Signal,
};

/// One run of one command.
pub(crate) struct Session {
    pub(crate) out: Out,
    pub(crate) notes: Notes,
    pub(crate) stop: Stop,
    pub(crate) global: Global,
    schemes: Schemes,
}

impl Session {
    pub(crate) fn new(global: Global, schemes: Schemes, out: Out, notes: Notes, stop: Stop) -> Self {
        Session { out, notes, stop, global, schemes }
    }

    /// The form of output that was asked for.
    pub(crate) fn output(&self) -> Option<Output> {
        self.global.output
    }
}

/// The wish that the command may end, for commands that have something to finish first.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<Option<Signal>>);

impl Stop {
    pub(crate) fn new(signals: watch::Receiver<Option<Signal>>) -> Self {
        Stop(signals)
    }

    /// Who wants the command to end, if anybody does yet.
    pub(crate) fn now(&self) -> Option<Signal> {
        *self.0.borrow()
    }

    /// Waits until somebody wants the command to end.
    pub(crate) async fn wanted(&mut self) -> Signal {
        match self.0.wait_for(Option::is_some).await.map(|signal| *signal) {
            Ok(Some(signal)) => signal,
            // Nobody is left who could want it.
            _ => std::future::pending().await,
        }
    }
}
