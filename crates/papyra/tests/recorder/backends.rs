//! Backends that behave badly, each in one way.

use std::sync::{
    Arc, Condvar, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use papyra::{Appended, Backend, EntryStream, Error, ErrorKind, Fact, ReadOptions, Result, backend::memory::Memory};
use tokio::sync::watch;

/// What an append does before it reaches memory.
#[derive(Debug)]
pub(crate) enum Manner {
    /// Waits until the gate opens, as a task waits.
    WaitsFor(watch::Receiver<bool>),
    /// Waits until the gate opens and holds up its thread, as a system call does.
    BlocksUntil(Arc<Gate>),
    /// Fails with this error as often as the counter says.
    Fails(Error, AtomicUsize),
    /// Panics.
    Panics,
    /// Refuses a batch that holds an event of this type.
    Refuses(&'static str),
}

/// A log in memory that minds its manners.
#[derive(Clone, Debug)]
pub(crate) struct Unruly {
    pub(crate) memory: Arc<Memory>,
    manner: Arc<Manner>,
    pub(crate) appends: Arc<AtomicUsize>,
}

impl Unruly {
    pub(crate) fn new(manner: Manner) -> Self {
        Unruly { memory: Arc::default(), manner: Arc::new(manner), appends: Arc::default() }
    }

    /// A backend whose appends wait until `true` is sent.
    pub(crate) fn waiting() -> (Self, watch::Sender<bool>) {
        let (open, gate) = watch::channel(false);
        (Unruly::new(Manner::WaitsFor(gate)), open)
    }

    /// A backend whose appends hold up their thread until the gate opens.
    pub(crate) fn blocking() -> (Self, Arc<Gate>) {
        let gate = Arc::new(Gate::default());
        (Unruly::new(Manner::BlocksUntil(gate.clone())), gate)
    }

    /// A backend that has no space until it is healed.
    pub(crate) fn full() -> Self {
        Unruly::failing(Error::new(ErrorKind::Io, "no space left"), usize::MAX)
    }

    pub(crate) fn heal(&self) {
        if let Manner::Fails(_, times) = &*self.manner {
            times.store(0, Ordering::SeqCst);
        }
    }

    pub(crate) fn failing(error: Error, times: usize) -> Self {
        Unruly::new(Manner::Fails(error, AtomicUsize::new(times)))
    }
}

#[async_trait]
impl Backend for Unruly {
    fn name(&self) -> &'static str {
        "unruly"
    }

    async fn append(&self, facts: &[Fact]) -> Result<Appended> {
        self.appends.fetch_add(1, Ordering::SeqCst);
        match &*self.manner {
            Manner::WaitsFor(gate) => drop(gate.clone().wait_for(|open| *open).await),
            Manner::BlocksUntil(gate) => gate.wait(),
            Manner::Fails(error, times) => {
                if times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() {
                    return Err(error.clone());
                }
            }
            Manner::Panics => panic!("the backend has a bug"),
            Manner::Refuses(word) => {
                let is_bad = |fact: &Fact| matches!(fact, Fact::Event(event) if event.event_type == *word);
                if facts.iter().any(is_bad) {
                    return Err(Error::new(ErrorKind::Invalid, "a fact is too large"));
                }
            }
        }
        self.memory.append(facts).await
    }

    fn read(&self, options: ReadOptions) -> EntryStream {
        self.memory.read(options)
    }

    async fn close(&self) -> Result<()> {
        self.memory.close().await
    }
}

/// Holds up threads until it opens.
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<bool>, Condvar);

impl Gate {
    pub(crate) fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn wait(&self) {
        drop(self.1.wait_while(self.0.lock().unwrap(), |open| !*open).unwrap());
    }
}
