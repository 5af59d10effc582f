//! What collecting metrics costs a service that records: the same recording, with and without 100 scrapes a second.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
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
const QUIET: Duration = Duration::from_secs(10);

pub(crate) fn run(settings: &Settings) -> Result<(), String> {
    let path = settings.dir.join("scraped.ndjson");
    let _ = std::fs::remove_file(&path);
    // The service has one core, with all its threads, and never enough of it: what a scrape takes is missing elsewhere.
    stay_on(SERVICE)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let told = |error: papyra::Error| error.to_string();
    let log = Log::new(FileLog::new(FileConfig::new(&path).with_durability(Durability::Buffered)));
    let recorder = Recorder::builder(log).queue_bytes(64 << 20).start().map_err(told)?;
    let service = Service::of(recorder.clone());
    let listener = runtime.block_on(papyra_http::listen(([127, 0, 0, 1], 0).into(), &service)).map_err(told)?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    runtime.spawn(papyra_http::serve(listener, service, std::future::pending()));

    let scraper = Scraper::start(address);
    let (mut alone, mut scraped, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..PAIRS * settings.runs {
        let round = |asks: bool| {
            scraper.asks.store(asks, Ordering::Relaxed);
            record(&runtime, &recorder)
        };
        // Each first as often as the other.
        let (without, with) = if pair % 2 == 0 {
            (round(false)?, round(true)?)
        } else {
            let with = round(true)?;
            (round(false)?, with)
        };
        alone.push(without);
        scraped.push(with);
        ratios.push(with / without);
    }
    let scrapes = scraper.scrapes.swap(0, Ordering::Relaxed);
    println!("{FACTS} facts a round, {} pairs of rounds, {scrapes} scrapes", ratios.len());
    println!("alone    {:>10.0} facts/s", median(&mut alone));
    println!("scraped  {:>10.0} facts/s", median(&mut scraped));
    let cost = Row {
        number: "",
        what: "throughput that 100 scrapes a second cost a recorder with one core".to_owned(),
        reached: (1.0 - median(&mut ratios)) * 100.0,
        must: Must::AtMost(1.0),
        unit: " %",
    };
    println!("half of the pairs lie between {:.4} and {:.4}", ratios[ratios.len() / 4], ratios[ratios.len() * 3 / 4]);
    // What a scrape takes where nothing else happens, and nothing is in the processor's cache.
    scraper.asks.store(true, Ordering::Relaxed);
    let own = scraper.processor_time();
    let (began, busy) = (Instant::now(), processor_time(ClockId::CLOCK_PROCESS_CPUTIME_ID)?);
    thread::sleep(QUIET);
    let (lasted, busy) = (began.elapsed(), processor_time(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.saturating_sub(busy));
    let (asked, own) = (scraper.scrapes.load(Ordering::Relaxed), scraper.processor_time().saturating_sub(own));
    scraper.stop()?;
    let share = busy.saturating_sub(own).as_secs_f64() / lasted.as_secs_f64();
    let rate = f64::from(u32::try_from(asked).unwrap_or(u32::MAX)) / lasted.as_secs_f64();
    println!("a service that sleeps between {rate:.0} scrapes a second: {:.1} % of one core", share * 100.0);
    runtime.block_on(recorder.shutdown(Duration::from_secs(30)));
    let _ = std::fs::remove_file(&path);
    table::print(&[cost])
}

/// The core of the service, and the one of who asks for its metrics.
const SERVICE: usize = 0;
const SCRAPER: usize = 1;

/// The calling thread, and every thread that it starts, keeps to this core.
fn stay_on(core: usize) -> Result<(), String> {
    let mut cores = CpuSet::new();
    let set = cores.set(core).and_then(|()| sched_setaffinity(Pid::from_raw(0), &cores));
    set.map_err(|error| format!("cannot keep to core {core}: {error}"))
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
    scrapes: Arc<AtomicU64>,
    /// The processor time that it took itself, in nanoseconds.
    own: Arc<AtomicU64>,
    thread: thread::JoinHandle<Result<(), std::io::Error>>,
}

impl Scraper {
    fn start(address: SocketAddr) -> Self {
        let (asks, stop, scrapes, own): (Arc<AtomicBool>, Arc<AtomicBool>, Arc<AtomicU64>, Arc<AtomicU64>) =
            Default::default();
        let (asking, stopped, counted, spent) =
            (Arc::clone(&asks), Arc::clone(&stop), Arc::clone(&scrapes), Arc::clone(&own));
        let thread = thread::spawn(move || {
            stay_on(SCRAPER).map_err(std::io::Error::other)?;
            let mut stream = BufReader::new(TcpStream::connect(address)?);
            let mut next = Instant::now();
            while !stopped.load(Ordering::Relaxed) {
                if asking.load(Ordering::Relaxed) {
                    scrape(&mut stream, address)?;
                    counted.fetch_add(1, Ordering::Relaxed);
                }
                let taken = Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?);
                spent.store(u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
                next += EVERY;
                thread::sleep(next.saturating_duration_since(Instant::now()));
            }
            Ok(())
        });
        Scraper { asks, stop, scrapes, own, thread }
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
