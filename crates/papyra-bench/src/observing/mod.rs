//! What observing costs: messages of ractor and kameo actors bare, observed, and with processing measured; and
//! a recorded fact.

mod kameo_actor;
mod ractor_actor;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use nix::time::{ClockId, clock_gettime};
use papyra::{
    Appended, Backend, Error, ErrorKind, Fact, Log, Recorder, Why,
    observe::{Crash, Life, Observation, ObservationBuilder},
};

use crate::table::{self, Must, Row};

/// Messages of one round, and how many are sent before the actor gets its turn.
pub(crate) const MESSAGES: u64 = 200_000;
pub(crate) const BATCH: u64 = 1_000;
/// Requests of one round; each waits for its answer before the next is sent.
pub(crate) const REQUESTS: u64 = 50_000;
/// Rounds of each way; a round is short, so that a disturbance spoils few of them.
const ROUNDS: usize = 61;
const FACTS: u32 = 100_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The framework's own functions.
    Bare,
    /// The adapter's spawn and its reference.
    Observed,
    /// The same, with processing measured.
    Processing,
    /// Observed, and audited a hundred times a second, while no append ever ends, every append fails, or each one panics.
    Hung,
    Full,
    Broken,
}

impl Way {
    const ALL: [Way; 6] = [Way::Bare, Way::Observed, Way::Processing, Way::Hung, Way::Full, Way::Broken];

    /// What is asked of the observation.
    pub(crate) fn set(self, observation: ObservationBuilder) -> ObservationBuilder {
        match self {
            Way::Bare | Way::Observed => observation,
            Way::Processing => observation.processing_every(Duration::from_secs(1)),
            Way::Hung | Way::Full | Way::Broken => observation.audit_every(Duration::from_millis(10)),
        }
    }

    pub(crate) fn recorder(self) -> Result<Recorder, String> {
        let log = match self {
            Way::Hung | Way::Full | Way::Broken => Log::new(Trouble(self)),
            _ => Log::memory(),
        };
        Recorder::start(log).map_err(|error| error.to_string())
    }
}

/// A backend that takes nothing.
#[derive(Debug)]
struct Trouble(Way);

#[async_trait]
impl Backend for Trouble {
    fn name(&self) -> &'static str {
        "trouble"
    }

    async fn append(&self, _: &[Fact]) -> papyra::Result<Appended> {
        match self.0 {
            Way::Hung => std::future::pending().await,
            Way::Broken => panic!("the backend has a bug"),
            _ => Err(Error::new(ErrorKind::Io, "no space left on the device")),
        }
    }

    async fn close(&self) -> papyra::Result<()> {
        Ok(())
    }
}

/// What the messages and the requests of a round took: the processor time of the one thread that everything runs on, in
/// seconds.
pub(crate) type Round = Result<[f64; 2], String>;

pub(crate) fn run() -> Result<(), String> {
    // Panics of the broken backend are no news.
    std::panic::set_hook(Box::new(|_| {}));
    let mut rows = Vec::new();
    let ractor: fn(Way) -> Round = ractor_actor::round;
    for (framework, round) in [("ractor", ractor), ("kameo", kameo_actor::round)] {
        let mut taken = Way::ALL.map(|_| [Vec::new(), Vec::new()]);
        for turn in 0..ROUNDS {
            // Each way comes first as often as any other, and behind each other.
            for at in (0..Way::ALL.len()).map(|at| (at + turn) % Way::ALL.len()) {
                let [messages, requests] = &mut taken[at];
                let [of_messages, of_requests] = round(Way::ALL[at])?;
                messages.push(of_messages);
                requests.push(of_requests);
            }
        }
        let taken = taken.map(|each| each.map(quickest));
        for (at, what, count) in [(0, "message", MESSAGES), (1, "request with its answer", REQUESTS)] {
            let each = |way: &Way, seconds: f64| format!("{way:?} {:.1} ns", seconds / count as f64 * 1e9);
            let told: Vec<String> = Way::ALL.iter().zip(taken).map(|(way, taken)| each(way, taken[at])).collect();
            println!("{framework}: a {what} takes {}", told.join(", "));
        }
        let [bare, observed, processing, hung, full, broken] = taken;
        for (how, taken, must) in [
            ("observed", observed, 0.97),
            ("observed, with processing measured", processing, 0.5),
            ("observed, the disk hung", hung, 0.97),
            ("observed, the disk full", full, 0.97),
            ("observed, the backend panicking", broken, 0.97),
        ] {
            for (at, what) in [(0, "messages a second"), (1, "answers a second, one after the other,")] {
                let what = format!("{framework}: {what} against bare, {how}");
                rows.push(Row {
                    number: "",
                    what,
                    reached: bare[at] / taken[at],
                    must: Must::AtLeast(must),
                    unit: "x",
                });
            }
        }
    }
    let [start, crash, letter] = recorded()?;
    for (what, seconds) in [("start", start), ("crash with its text", crash), ("dead letter in full", letter)] {
        let what = format!("what a recorded {what} takes its caller");
        rows.push(Row { number: "", what, reached: seconds * 1e6, must: Must::AtMost(1.0), unit: " µs" });
    }
    table::print(&rows)
}

/// The lower quartile: what disturbs a round only makes it longer.
fn quickest(mut rounds: Vec<f64>) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 4]
}

/// Processor time of this thread, in seconds.
pub(crate) fn thread_time() -> Result<f64, String> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_err(|error| error.to_string())?;
    Ok(Duration::from(time).as_secs_f64())
}

/// A runtime of one thread: what the adapter adds to a message shows best where nothing else varies.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())
}

/// Seconds by the clock, of the middle one, that a caller spends on a start, a crash and a dead letter.
fn recorded() -> Result<[f64; 3], String> {
    let runtime = runtime()?;
    let recorder = runtime.block_on(async { Way::Observed.recorder() })?;
    let observation = Observation::of(&recorder).system("orders").dead_letters_in_full(u64::MAX).start();
    let address = observation.address("gone");
    let mut taken = [const { Vec::new() }; 3];
    for n in 0..FACTS {
        let mut time = |at: usize, work: &mut dyn FnMut()| {
            let began = Instant::now();
            work();
            taken[at].push(began.elapsed().as_secs_f64());
        };
        let mut life = Some(observation.begin("worker"));
        time(0, &mut || life.as_mut().into_iter().for_each(Life::started));
        time(1, &mut || {
            let crash = Crash::error("the upstream closed the connection");
            life.take().into_iter().for_each(|life| life.crashed(&crash));
        });
        time(2, &mut || observation.dead_letter(&address, "orders::Place", Why::Stopped, || None));
        if n % 1000 == 0 {
            // A queue that is full takes no more.
            runtime.block_on(recorder.flush()).map_err(|error| error.to_string())?;
        }
    }
    drop(observation);
    runtime.block_on(recorder.shutdown(Duration::from_secs(10)));
    Ok(taken.map(|mut each| {
        each.sort_by(f64::total_cmp);
        each[each.len() / 2]
    }))
}
