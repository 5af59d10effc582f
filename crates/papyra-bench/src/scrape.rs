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

use nix::time::{ClockId, clock_gettime};
use papyra::{Durability, Event, FileConfig, FileLog, Log, Recorder};
use papyra_http::Service;

use crate::{
    Settings,
    table::{self, Must, Row},
};

/// Facts of a round: it takes some seconds.
const FACTS: u32 = 3_000_000;
/// How many may be on their way to the log. Whoever waits for few of them measures how threads wake each other.
const ON_THEIR_WAY: u32 = 100_000;
const EVERY: Duration = Duration::from_millis(10);
/// How long scrapes are measured beside nothing.
const QUIET: Duration = Duration::from_secs(10);

pub(crate) fn run(settings: &Settings) -> Result<(), String> {
    let path = settings.dir.join("scraped.ndjson");
    let _ = std::fs::remove_file(&path);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let told = |error: papyra::Error| error.to_string();
    let log = Log::new(FileLog::new(FileConfig::new(&path).with_durability(Durability::Buffered)));
    let recorder = Recorder::builder(log).queue_bytes(64 << 20).start().map_err(told)?;
    let service = Service::of(recorder.clone());
    let listener = runtime.block_on(papyra_http::listen(([127, 0, 0, 1], 0).into(), &service)).map_err(told)?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    runtime.spawn(papyra_http::serve(listener, service, std::future::pending()));

    let (mut alone, mut scraped, mut scrapes) = (Vec::new(), Vec::new(), 0);
    for round in 0..2 * settings.runs {
        // In turn, and each first as often as the other.
        if (round + round / 2) % 2 == 0 {
            alone.push(record(&runtime, &recorder)?);
        } else {
            let scraper = Scraper::start(address);
            scraped.push(record(&runtime, &recorder)?);
            scrapes += scraper.stop()?.0;
        }
    }
    let (before, beside) = (median(&mut alone), median(&mut scraped));
    println!("{} facts a round, {} rounds each, {scrapes} scrapes", FACTS, settings.runs);
    println!("alone    {before:>10.0} facts/s");
    println!(
        "scraped  {beside:>10.0} facts/s  ({:+.2} %: rounds differ by more than scrapes cost)",
        (beside / before - 1.0) * 100.0
    );
    // What a scrape takes shows where nothing else happens.
    let scraper = Scraper::start(address);
    let (began, busy) = (Instant::now(), processor_time(ClockId::CLOCK_PROCESS_CPUTIME_ID)?);
    thread::sleep(QUIET);
    let (lasted, busy) = (began.elapsed(), processor_time(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.saturating_sub(busy));
    let (asked, own) = scraper.stop()?;
    let share = busy.saturating_sub(own).as_secs_f64() / lasted.as_secs_f64();
    let rate = f64::from(u32::try_from(asked).unwrap_or(u32::MAX)) / lasted.as_secs_f64();
    let scraped = Row {
        number: "",
        what: format!("{rate:.0} scrapes a second, in processor time of the service against one core"),
        reached: share * 100.0,
        must: Must::AtMost(1.0),
        unit: " %",
    };
    runtime.block_on(recorder.shutdown(Duration::from_secs(30)));
    let _ = std::fs::remove_file(&path);
    table::print(&[scraped])
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

/// A collector that asks for the metrics a hundred times a second, over one connection.
struct Scraper {
    stop: Arc<AtomicBool>,
    scrapes: Arc<AtomicU64>,
    /// Ends with the processor time that it took itself.
    thread: thread::JoinHandle<Result<Duration, std::io::Error>>,
}

impl Scraper {
    fn start(address: SocketAddr) -> Self {
        let (stop, scrapes): (Arc<AtomicBool>, Arc<AtomicU64>) = Default::default();
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&scrapes));
        let thread = thread::spawn(move || {
            let mut stream = BufReader::new(TcpStream::connect(address)?);
            let mut next = Instant::now();
            while !stopped.load(Ordering::Relaxed) {
                scrape(&mut stream, address)?;
                counted.fetch_add(1, Ordering::Relaxed);
                next += EVERY;
                thread::sleep(next.saturating_duration_since(Instant::now()));
            }
            Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
        });
        Scraper { stop, scrapes, thread }
    }

    /// Gives how often it asked, and the processor time that it took itself.
    fn stop(self) -> Result<(u64, Duration), String> {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.join().map_err(|_| "the scraper panicked".to_owned())?;
        let own = ended.map_err(|error| format!("the scraper: {error}"))?;
        Ok((self.scrapes.load(Ordering::Relaxed), own))
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
