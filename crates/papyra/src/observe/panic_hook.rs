//! The last words of a process that panics.

use std::{
    panic::{self, PanicHookInfo},
    sync::mpsc,
    thread,
    time::Duration,
};

use super::{
    Observation, WeakObservation,
    caught::{LastPanic, note_panic, will_be_caught},
    expected::is_expected,
    facts, panic_text,
};
use crate::{Event, Recorder};

/// How long a panic waits for its fact, unless said otherwise: a disk that hangs must not hang the end of the process.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
const THREAD: &str = "papyra-last-words";

/// A panic hook, installed only when asked for. It does two things.
///
/// It remembers where each panic happened, so that the crash of an actor has a `location`.
///
/// And it records an event `ProcessPanicked` of every panic that no adapter is about to catch. With `panic = "abort"`
/// that is every panic, and nothing runs after the hook: so it waits until the log has acknowledged the fact, and all
/// before it, 2 s at most. Otherwise it does not wait: the recorder goes on, and whoever ends the process on purpose in a
/// hook of his own can ask to [`wait`](PanicHook::wait).
///
/// The hook that was there before is called behind it. It holds the observation weakly, and does nothing once that ended.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use papyra::{Log, Recorder, observe::{Observation, PanicHook}};
/// let log = Log::memory();
/// let recorder = Recorder::start(log.clone())?;
/// let observation = Observation::of(&recorder).system("orders").start();
/// PanicHook::of(&observation).install();
///
/// let _ = std::thread::spawn(|| panic!("out of luck")).join();
/// recorder.flush().await?;
/// assert_eq!(log.last_position().await?.map(|last| last.to_string()), Some("1".to_owned()));
/// # Ok::<(), papyra::Error>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a hook hears nothing until it is installed"]
pub struct PanicHook {
    observation: WeakObservation,
    wait: Option<Duration>,
}

impl PanicHook {
    /// A hook that records here.
    pub fn of(observation: &Observation) -> Self {
        PanicHook { observation: observation.downgrade(), wait: cfg!(panic = "abort").then_some(LONGEST_WAIT) }
    }

    /// Waits so long at most until the log has acknowledged the fact.
    pub fn wait(mut self, longest: Duration) -> Self {
        self.wait = Some(longest);
        self
    }

    /// Installs it, for the whole process and for good. A thread that is panicking cannot, and does nothing.
    pub fn install(self) {
        if thread::panicking() {
            return;
        }
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            self.heard(info);
            // Many a hook ends the process, so it comes last.
            previous(info);
        }));
    }

    fn heard(&self, info: &PanicHookInfo<'_>) {
        let text = facts::shortened(panic_text(info.payload()));
        let location = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
        let expected = will_be_caught() || is_expected(location.as_deref());
        note_panic(LastPanic { text: text.to_owned(), location });
        if !cfg!(panic = "abort") && expected {
            return;
        }
        let this = thread::current();
        // What the hook itself runs must not call it once more.
        if this.name() == Some(THREAD) {
            return;
        }
        let Some(observation) = self.observation.upgrade() else { return };
        let recorder = observation.recorder();
        let place = info.location().map(|at| (at.file(), at.line()));
        let fact = facts::panicked(observation.system(), text, place, this.name());
        match self.wait {
            None => recorder.record(fact),
            Some(longest) => say(recorder, fact, longest),
        }
    }
}

/// Records a fact and waits until it is acknowledged, but not for ever. Another thread does it: this one may be within a
/// runtime, or hold the very lock that is wanted.
fn say(recorder: &Recorder, fact: Event, longest: Duration) {
    let (done, said) = mpsc::channel::<()>();
    let speaker = recorder.clone();
    let saying = thread::Builder::new().name(THREAD.to_owned()).spawn(move || {
        if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() {
            // Whatever the answer is, there is nobody left to tell.
            let _ = runtime.block_on(speaker.record_durable(fact));
        }
        drop(done);
    });
    if saying.is_ok() {
        let _ = said.recv_timeout(longest);
    }
}
