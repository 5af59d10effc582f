//! A writer, `papyra append --ack`, that is fed as fast as it can or in portions, and killed.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{ChildStdin, Command},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{
    effort::HANG,
    lab::{Process, event},
    ledger::Ledger,
};

/// When the next portion of facts is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// After a while.
    Pause(Duration),
    /// Once everything before it is acknowledged.
    Acknowledged,
    /// One portion, and no other before [`Feeder::release`].
    Once,
}

/// A running writer with a thread that feeds it and threads that hear it.
pub(crate) struct Feeder {
    pub(crate) process: Process,
    first: u64,
    sent: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    released: Arc<AtomicBool>,
    /// Only so many acknowledgements count.
    counted: usize,
    heard: Arc<Mutex<String>>,
    feeding: Option<JoinHandle<()>>,
    hearing: Option<JoinHandle<()>>,
    stderr: Option<JoinHandle<String>>,
}

impl Feeder {
    /// Starts a writer and feeds it with portions of so many facts, from the ledger's next fact on.
    pub(crate) fn start(mut command: Command, ledger: &Ledger, portion: u64, pace: Pace) -> Self {
        let mut process = Process(command.spawn().unwrap());
        let (first, sent) = (ledger.next, Arc::new(AtomicU64::new(ledger.next)));
        let (stop, heard) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(String::new())));
        let released = Arc::new(AtomicBool::new(false));
        let stdin = process.0.stdin.take().unwrap();
        let feeding = {
            let (sent, stop, self_stop, heard) = (sent.clone(), stop.clone(), stop.clone(), heard.clone());
            let released = released.clone();
            let wait = move |sent: u64| match pace {
                Pace::Pause(pause) => std::thread::sleep(pause),
                Pace::Acknowledged | Pace::Once => {
                    let held = || pace == Pace::Once && !released.load(Ordering::Relaxed);
                    let pending = || (lines(&heard) as u64) < sent || held();
                    let pending = || pending() && !stop.load(Ordering::Relaxed);
                    while pending() {
                        std::thread::sleep(Duration::from_micros(200));
                    }
                }
            };
            let stop = self_stop;
            std::thread::spawn(move || feed(stdin, first, portion, wait, &sent, &stop))
        };
        let mut stdout = BufReader::new(process.0.stdout.take().unwrap());
        let hearing = {
            let heard = heard.clone();
            std::thread::spawn(move || {
                let mut line = Vec::new();
                while stdout.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                    heard.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
                    line.clear();
                }
            })
        };
        let mut errors = process.0.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = errors.read_to_string(&mut text);
            text
        });
        let (feeding, hearing, stderr) = (Some(feeding), Some(hearing), Some(stderr));
        Feeder { process, first, sent, stop, released, counted: usize::MAX, heard, feeding, hearing, stderr }
    }

    /// Lets a writer that was fed once have more, at the pace of its acknowledgements.
    pub(crate) fn release(&self) {
        self.released.store(true, Ordering::Relaxed);
    }

    /// Nothing that is acknowledged from here on counts.
    pub(crate) fn stop_counting(&mut self) {
        self.counted = self.acknowledged();
    }

    /// How many facts were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> usize {
        lines(&self.heard)
    }

    /// Waits until so many facts are acknowledged.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, facts: usize) {
        let began = Instant::now();
        while self.acknowledged() < facts {
            if let Some(status) = self.process.0.try_wait().unwrap() {
                panic!("the writer ended with {status}: {}", self.stderr.take().unwrap().join().unwrap());
            }
            assert!(began.elapsed() < HANG, "no acknowledgement came");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Kills the writer and enters into the ledger what it had acknowledged. Gives what it said on stderr.
    #[track_caller]
    pub(crate) fn kill(mut self, ledger: &mut Ledger) -> String {
        assert!(self.process.0.try_wait().unwrap().is_none(), "the writer ended by itself: {}", self.wait(ledger).1);
        self.process.kill();
        self.wait(ledger).1
    }

    /// Kills the writer, if it still runs, and enters into the ledger what it had acknowledged.
    pub(crate) fn stop(mut self, ledger: &mut Ledger) {
        self.process.kill();
        self.wait(ledger);
    }

    /// Ends the input, waits for the writer's end, and enters what it had acknowledged. Gives its exit code and its words.
    pub(crate) fn end(mut self, ledger: &mut Ledger) -> (Option<i32>, String) {
        self.wait(ledger)
    }

    /// Feeds the writer until it ends by itself.
    pub(crate) fn end_by_itself(mut self, ledger: &mut Ledger) -> (Option<i32>, String) {
        let began = Instant::now();
        while self.process.0.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < HANG, "the writer does not end by itself");
            std::thread::sleep(Duration::from_millis(1));
        }
        self.wait(ledger)
    }

    #[track_caller]
    fn wait(&mut self, ledger: &mut Ledger) -> (Option<i32>, String) {
        self.stop.store(true, Ordering::Relaxed);
        self.feeding.take().unwrap().join().unwrap();
        let began = Instant::now();
        let status = loop {
            match self.process.0.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(began.elapsed() < HANG, "the writer does not end"),
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        self.hearing.take().unwrap().join().unwrap();
        ledger.next = self.sent.load(Ordering::Relaxed);
        let heard = self.heard.lock().unwrap();
        let counted: String = heard.split_inclusive('\n').take(self.counted).collect();
        ledger.take(self.first, &counted);
        (status.code(), self.stderr.take().unwrap().join().unwrap())
    }
}

fn lines(heard: &Mutex<String>) -> usize {
    heard.lock().unwrap().bytes().filter(|byte| *byte == b'\n').count()
}

fn feed(mut stdin: ChildStdin, first: u64, portion: u64, wait: impl Fn(u64), sent: &AtomicU64, stop: &AtomicBool) {
    let mut next = first;
    while !stop.load(Ordering::Relaxed) {
        let facts: String = (next..next + portion).map(|n| event(n) + "\n").collect();
        next += portion;
        // Before the write: of what is written any part may arrive, even if the rest fails.
        sent.store(next, Ordering::Relaxed);
        if stdin.write_all(facts.as_bytes()).is_err() {
            return;
        }
        wait(next - first);
    }
}
