//! What collecting metrics costs a service that records: the same recording, with and without 100 scrapes a second.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use nix::{
    sched::{CpuSet, sched_setaffinity},
    time::{ClockId, clock_gettime},
    unistd::Pid,
};
use papyra::{Durability, Event, FileConfig, FileLog, Log, Recorder};
use papyra_http::Service;

use crate::{
    Settings,
    table::{self, Must, Row},
};

/// Facts of a round, which takes a tenth of a second: what disturbs the machine for longer disturbs both rounds of a pair.
const FACTS: u32 = 100_000;
/// Pairs of rounds for each run: a round varies by more than scrapes cost, so there are many.
const PAIRS: usize = 120;
/// How many may be on their way to the log. Whoever waits for few of them measures how threads wake each other.
const ON_THEIR_WAY: u32 = 100_000;
const EVERY: Duration = Duration::from_millis(10);
/// How long scrapes are measured beside nothing.
const QUIET: Duration = Duration::from_secs(5);

pub(crate) fn run(settings: &Settings) -> Result<(), String> {
    // Two cores that are not always busy differ more from round to round than scrapes cost.
    let cost = compare(settings, None, 3 * settings.runs)?;
    // All that a scrape takes is missing where the service never has enough of its one core.
    compare(settings, Some(SERVICE), settings.runs)?;
    table::print(&[Row {
        number: "",
        what: "throughput that 100 scrapes a second cost a recorder".to_owned(),
        reached: cost * 100.0,
        must: Must::AtMost(1.0),
        unit: " %",
    }])
}

/// The share of its throughput that a recorder loses which has one core, or shares all with who asks for its metrics.
fn compare(settings: &Settings, core: Option<usize>, runs: usize) -> Result<f64, String> {
    let (mut alone, mut scraped, mut ratios, mut sleeping) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        let under = Scraped::start(&settings.dir, core)?;
        for pair in 0..PAIRS {
            // Each first as often as the other.
            let (without, with) = if pair % 2 == 0 {
                (under.record(false)?, under.record(true)?)
            } else {
                let with = under.record(true)?;
                (under.record(false)?, with)
            };
            alone.push(without);
            scraped.push(with);
            ratios.push(with / without);
        }
        sleeping.push(under.sleep()?);
        under.stop()?;
    }
    let cost = 1.0 - median(&mut ratios);
    println!(
        "{}",
        if core.is_some() { "on one core, the scraper on another" } else { "on all cores, shared with the scraper" }
    );
    println!("  {} pairs of rounds of {FACTS} facts", ratios.len());
    println!("  alone    {:>10.0} facts/s", median(&mut alone));
    println!(
        "  scraped  {:>10.0} facts/s, {:.2} % less in the middle of all pairs",
        median(&mut scraped),
        cost * 100.0
    );
    println!("  half of the pairs lie between {:.4} and {:.4}", ratios[ratios.len() / 4], ratios[ratios.len() * 3 / 4]);
    println!("  a service that sleeps between scrapes: {:.1} % of one core", median(&mut sleeping) * 100.0);
    Ok(cost)
}

/// A recording service, and somebody who asks for its metrics or does not.
struct Scraped {
    path: PathBuf,
    runtime: tokio::runtime::Runtime,
    recorder: Recorder,
    scraper: Scraper,
}

impl Scraped {
    fn start(dir: &Path, core: Option<usize>) -> Result<Self, String> {
        let path = dir.join("scraped.ndjson");
        let _ = std::fs::remove_file(&path);
        match core {
            Some(core) => stay_on(core..core + 1)?,
            None => stay_on(0..CpuSet::count())?,
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let told = |error: papyra::Error| error.to_string();
        let log = Log::new(FileLog::new(FileConfig::new(&path).with_durability(Durability::Buffered)));
        let recorder = Recorder::builder(log).queue_bytes(64 << 20).start().map_err(told)?;
        let service = Service::of(recorder.clone());
        let listener = runtime.block_on(papyra_http::listen(([127, 0, 0, 1], 0).into(), &service)).map_err(told)?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        runtime.spawn(papyra_http::serve(listener, service, std::future::pending()));
        let scraper = Scraper::start(address, core.is_some().then_some(SCRAPER));
        Ok(Scraped { path, runtime, recorder, scraper })
    }

    /// Records a round's facts; gives how many a second were acknowledged.
    fn record(&self, asked: bool) -> Result<f64, String> {
        self.scraper.asks.store(asked, Ordering::Relaxed);
        record(&self.runtime, &self.recorder)
    }

    /// What scrapes take where nothing else happens, and nothing is in the processor's cache: their share of one core.
    fn sleep(&self) -> Result<f64, String> {
        let scraper = &self.scraper;
        scraper.asks.store(true, Ordering::Relaxed);
        let own = scraper.processor_time();
        let (began, busy) = (Instant::now(), processor_time(ClockId::CLOCK_PROCESS_CPUTIME_ID)?);
        thread::sleep(QUIET);
        let (lasted, busy) = (began.elapsed(), processor_time(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.saturating_sub(busy));
        let own = scraper.processor_time().saturating_sub(own);
        Ok(busy.saturating_sub(own).as_secs_f64() / lasted.as_secs_f64())
    }

    fn stop(self) -> Result<(), String> {
        self.scraper.stop()?;
        self.runtime.block_on(self.recorder.shutdown(Duration::from_secs(30)));
        // A log of all rounds would fill the disk.
        std::fs::remove_file(&self.path).map_err(|error| error.to_string())
    }
}

/// The core of the service, and the one of who asks for its metrics, where each has one.
const SERVICE: usize = 0;
const SCRAPER: usize = 1;

/// The calling thread, and every thread that it starts, keeps to these cores.
fn stay_on(which: std::ops::Range<usize>) -> Result<(), String> {
    let mut cores = CpuSet::new();
    let set =
        which.clone().try_for_each(|core| cores.set(core)).and_then(|()| sched_setaffinity(Pid::from_raw(0), &cores));
    set.map_err(|error| format!("cannot keep to cores {which:?}: {error}"))
}

fn processor_time(of: ClockId) -> Result<Duration, String> {
    clock_gettime(of).map(Duration::from).map_err(|error| error.to_string())
}

/// Records a round's facts; gives how many a second were acknowledged.
fn record(runtime: &tokio::runtime::Runtime, recorder: &Recorder) -> Result<f64, String> {
    let began = Instant::now();
    for n in 0..FACTS {
        recorder.record(Event::new("orders://worker/3", "ActorStarted"));
        // What is dropped would be no work: nothing may be.
        if n % ON_THEIR_WAY == 0 {
            runtime.block_on(recorder.flush()).map_err(|error| error.to_string())?;
        }
    }
    runtime.block_on(recorder.flush()).map_err(|error| error.to_string())?;
    if recorder.metrics().dropped > 0 {
        return Err("facts were dropped: the figures mean nothing".to_owned());
    }
    Ok(f64::from(FACTS) / began.elapsed().as_secs_f64())
}

fn median(runs: &mut [f64]) -> f64 {
    runs.sort_by(f64::total_cmp);
    runs.get(runs.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A collector that asks for the metrics a hundred times a second, over one connection, while it is to.
struct Scraper {
    asks: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    /// The processor time that it took itself, in nanoseconds.
    own: Arc<AtomicU64>,
    thread: thread::JoinHandle<Result<(), std::io::Error>>,
}

impl Scraper {
    fn start(address: SocketAddr, core: Option<usize>) -> Self {
        let (asks, stop, own): (Arc<AtomicBool>, Arc<AtomicBool>, Arc<AtomicU64>) = Default::default();
        let (asking, stopped, spent) = (Arc::clone(&asks), Arc::clone(&stop), Arc::clone(&own));
        let thread = thread::spawn(move || {
            if let Some(core) = core {
                stay_on(core..core + 1).map_err(std::io::Error::other)?;
            }
            let mut stream = BufReader::new(TcpStream::connect(address)?);
            let mut next = Instant::now();
            while !stopped.load(Ordering::Relaxed) {
                if asking.load(Ordering::Relaxed) {
                    scrape(&mut stream, address)?;
                }
                let taken = Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?);
                spent.store(u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
                next += EVERY;
                thread::sleep(next.saturating_duration_since(Instant::now()));
            }
            Ok(())
        });
        Scraper { asks, stop, own, thread }
    }

    fn processor_time(&self) -> Duration {
        Duration::from_nanos(self.own.load(Ordering::Relaxed))
    }

    fn stop(self) -> Result<(), String> {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.join().map_err(|_| "the scraper panicked".to_owned())?;
        ended.map_err(|error| format!("the scraper: {error}"))
    }
}

fn scrape(stream: &mut BufReader<TcpStream>, address: SocketAddr) -> std::io::Result<()> {
    // In one piece: the rest of a request would wait for the first part's acknowledgement.
    stream.get_mut().write_all(format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes())?;
    let (mut length, mut line) = (0, String::new());
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        match line.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().unwrap_or(0);
            }
            None if line.trim().is_empty() => break,
            _ => {}
        }
    }
    stream.read_exact(&mut vec![0; length])
}
