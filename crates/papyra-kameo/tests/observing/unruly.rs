//! A backend that hangs, fails or panics.

use std::sync::{
    Arc, Condvar, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use papyra::{Appended, Backend, Error, ErrorKind, Fact, Result};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    /// Holds up its thread, as a disk does that hangs, until the gate opens.
    Hangs,
    /// Has no space left.
    Full,
    Panics,
}

#[derive(Clone, Debug)]
pub(crate) struct Unruly {
    manner: Manner,
    gate: Arc<(Mutex<bool>, Condvar)>,
    /// How often something was to be written.
    pub(crate) appends: Arc<AtomicUsize>,
}

impl Unruly {
    pub(crate) fn new(manner: Manner) -> Self {
        Unruly { manner, gate: Arc::default(), appends: Arc::default() }
    }

    pub(crate) fn open(&self) {
        *self.gate.0.lock().unwrap() = true;
        self.gate.1.notify_all();
    }
}

#[async_trait::async_trait]
impl Backend for Unruly {
    fn name(&self) -> &'static str {
        "unruly"
    }

    async fn append(&self, _: &[Fact]) -> Result<Appended> {
        self.appends.fetch_add(1, Ordering::SeqCst);
        match self.manner {
            Manner::Hangs => drop(self.gate.1.wait_while(self.gate.0.lock().unwrap(), |open| !*open).unwrap()),
            Manner::Full => {}
            Manner::Panics => panic!("the backend has a bug"),
        }
        Err(Error::new(ErrorKind::Io, "no space left"))
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}
