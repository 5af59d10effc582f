//! The shipper: a thread that owns the spool and hands its lines to the remote log, in order.

mod fork;
mod trim;

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use self::fork::Theirs;
use super::{
    cursor::Cursor,
    edition::Edition,
    shared::{Phase, Shared},
    stop::{Stop, unless},
    verdict::{Verdict, judge},
};
use crate::{
    Backend, Error, ErrorKind, Fact, Payload, Result,
    backend::file::{
        lock::HeldLock,
        opened::own_event,
        outgoing::{Line, Outgoing},
    },
    codec, disk,
    shipping::{Mark, Shipment, Shipped},
};

/// The most lines that go at once, and the most bytes: one step of the server, which does nothing else meanwhile.
const MAX_LINES: usize = 256;
const MAX_BYTES: usize = 1 << 20;
/// The first wait before another try, and the longest; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often the cursor is written down.
const NOTE: Duration = Duration::from_secs(1);

/// Starts the thread, which opens the spool.
pub(super) fn start(shared: Arc<Shared>) -> Result<()> {
    let cannot = |error| Error::new(ErrorKind::Io, "cannot start the shipper's thread").with_source(error);
    let thread = thread::Builder::new().name("papyra-shipper".to_owned());
    let thread = thread.spawn(move || {
        let epitaph = Epitaph(Arc::clone(&shared));
        // A runtime of its own: facts are shipped whatever becomes of the host's.
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => {
                runtime.block_on(run(&shared));
                runtime.shutdown_background();
            }
            Err(error) => drop(shared.phase.send_replace(Phase::Failed(cannot(error)))),
        }
        drop(epitaph);
    });
    thread.map(drop).map_err(cannot)
}

/// However the thread ends, a panic too, nobody waits for it in vain.
struct Epitaph(Arc<Shared>);

impl Drop for Epitaph {
    fn drop(&mut self) {
        self.0.phase.send_if_modified(|phase| {
            let alive = matches!(phase, Phase::Opening | Phase::Open(_));
            if alive {
                let error = Error::new(ErrorKind::Internal, "the shipper of the spool ended early");
                *phase =
                    Phase::Closed(Some(error.with_cure("this is a bug of Papyra: report it, and open the log anew")));
            }
            alive
        });
    }
}

async fn run(shared: &Arc<Shared>) {
    let opened = match Shipper::open(shared).await {
        Ok(mut shipper) => shipper.fork_if_set_back().await.map(|()| shipper),
        Err(error) => Err(error),
    };
    let mut shipper = match opened {
        Ok(shipper) => shipper,
        Err(error) => {
            shared.phase.send_replace(Phase::Failed(error));
            return;
        }
    };
    shared.phase.send_replace(Phase::Open(Arc::clone(&shipper.edition)));
    shipper.work().await;
    let closed = shipper.end().await;
    // The lock must be free before anybody hears that the spool is closed.
    drop(shipper);
    shared.phase.send_if_modified(|phase| {
        let is_open = !matches!(phase, Phase::Closed(_));
        if is_open {
            *phase = Phase::Closed(closed.err());
        }
        is_open
    });
}

struct Shipper<'a> {
    shared: &'a Arc<Shared>,
    edition: Arc<Edition>,
    outgoing: Outgoing,
    /// Lines that were sent, or will be next: sent again as they are until there is an answer.
    batch: Vec<Line>,
    /// When the remote log's mark was compared with what we know.
    met: Option<Instant>,
    /// The cursor that was written down last, and when.
    noted: (u64, Instant),
    /// The error that was told last, so that it is told once.
    told: Option<ErrorKind>,
    trimming: trim::Trimming,
    _lock: HeldLock,
}

/// What a step came to.
#[derive(Debug)]
enum Step {
    Shipped,
    /// Nothing waits.
    Idle,
    /// Somebody else ships in our name.
    Fork(Theirs),
}

impl<'a> Shipper<'a> {
    async fn open(shared: &'a Arc<Shared>) -> Result<Shipper<'a>> {
        let config = &shared.config;
        let cannot = |error| {
            Error::new(ErrorKind::Create, format!("cannot create the spool `{}`", config.path.display()))
                .with_source(error)
        };
        disk::create_directories(&config.path).map_err(cannot)?;
        let lock = HeldLock::take(&config.lock(), "append", config.lock_timeout, &config.path)?;
        let number = Edition::newest(&config.path)?.unwrap_or(1);
        let (mut edition, mut cursor) = Edition::at(config, number)?;
        let synced = edition.open(&mut cursor).await?;
        edition.remove_others()?;
        let outgoing = edition.outgoing(cursor.seq);
        let noted = (cursor.seq, Instant::now());
        let mut state = shared.state();
        (state.synced, state.cursor, state.offset) = (synced, cursor, 0);
        drop(state);
        let edition = Arc::new(edition);
        let trimming = trim::Trimming::default();
        Ok(Shipper {
            shared,
            edition,
            outgoing,
            batch: Vec::new(),
            met: None,
            noted,
            told: None,
            trimming,
            _lock: lock,
        })
    }

    async fn work(&mut self) {
        let stop = self.shared.stop.subscribe();
        let mut pause = FIRST_PAUSE;
        loop {
            let Some(step) = unless(stop.clone(), self.step()).await else { return };
            let closing = *stop.borrow() != Stop::Never;
            match step {
                Ok(Step::Shipped) => {
                    pause = FIRST_PAUSE;
                    self.told = None;
                    self.shared.state().stalled = false;
                }
                // Not to be stopped half-way: nothing may be acknowledged in an edition that another has taken the place of.
                Ok(Step::Fork(theirs)) => {
                    if let Err(error) = self.fork(theirs).await {
                        self.tell(&error);
                        if closing || matches!(*self.shared.phase.borrow(), Phase::Closed(_)) {
                            return;
                        }
                        self.rest(Some(pause)).await;
                        pause = LONGEST_PAUSE.min(pause * 2);
                    }
                }
                Ok(Step::Idle) if closing => return,
                Ok(Step::Idle) => {
                    self.shared.state().stalled = false;
                    self.rest(None).await;
                }
                Err(error) => {
                    self.tell(&error);
                    if closing {
                        return;
                    }
                    self.rest(Some(pause)).await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
            }
        }
    }

    /// Waits for work or, after an error, for this time; in both cases no longer than until somebody wants the end.
    async fn rest(&self, pause: Option<Duration>) {
        let mut stop = self.shared.stop.subscribe();
        if *stop.borrow_and_update() != Stop::Never {
            return;
        }
        let end = async { drop(stop.changed().await) };
        let wait = async {
            match pause {
                Some(pause) => tokio::time::sleep(shortened(pause)).await,
                None => {
                    let is_noted = self.noted.0 == self.shared.state().cursor.seq;
                    let longest = if is_noted { self.shared.config.look } else { NOTE };
                    either(self.shared.work.notified(), tokio::time::sleep(longest)).await;
                }
            }
        };
        either(end, wait).await;
    }

    /// Ships what comes next.
    async fn step(&mut self) -> Result<Step> {
        if self.shared.uncertain.swap(false, Ordering::SeqCst) {
            self.settle().await?;
        }
        self.load()?;
        if self.met.is_none_or(|at| at.elapsed() >= self.shared.config.look) {
            let mark = self.shared.shipping()?.mark(&self.edition.writer).await?;
            if let Some(theirs) = self.meet(mark).await? {
                return Ok(Step::Fork(theirs));
            }
            self.met = Some(Instant::now());
            self.load()?;
        }
        self.jot_down();
        if self.batch.is_empty() {
            self.trim().await;
            return Ok(Step::Idle);
        }
        let writer = self.edition.writer.clone();
        let previous = self.shared.state().cursor.seq;
        let lines: Vec<&[u8]> = self.batch.iter().map(|line| &line.bytes[..]).collect();
        let shipment = Shipment { writer: &writer, previous, lines: &lines };
        let shipping = self.shared.shipping()?;
        match shipping.ship(&shipment).await? {
            Shipped::Done(events) => {
                self.acknowledged();
                for event in events {
                    self.say(event.into()).await?;
                }
            }
            Shipped::Repeated | Shipped::Elsewhere(_) => {
                // Nothing new of ours went in. What stands there says whether it is ours.
                let mark = shipping.mark(&writer).await?;
                if let Some(theirs) = self.meet(mark).await? {
                    return Ok(Step::Fork(theirs));
                }
            }
        }
        self.trim().await;
        Ok(Step::Shipped)
    }

    /// Writes the cursor down now and then, for others who look while the remote log is away, and for a start after a kill:
    /// without it a log that lost everything meanwhile would be taken for one that never had it.
    fn jot_down(&mut self) {
        let cursor = self.shared.state().cursor.clone();
        if cursor.seq != self.noted.0 && self.noted.1.elapsed() >= NOTE {
            // Not needed for anything to be safe: what needs it writes it itself, and tells of errors.
            let _ = self.edition.note(&cursor);
            self.noted = (cursor.seq, Instant::now());
        }
    }

    /// Takes the next lines, if none are on their way.
    fn load(&mut self) -> Result<()> {
        if self.batch.is_empty() {
            let synced = self.shared.state().synced;
            self.batch = self.outgoing.take(synced, MAX_LINES, MAX_BYTES)?;
            let mut state = self.shared.state();
            state.offset = self.outgoing.begin();
            state.oldest = self.batch.first().map(|line| line.head.timestamp);
        }
        Ok(())
    }

    /// An append was let go of: once an empty one is answered, all before it is synced or not there.
    async fn settle(&mut self) -> Result<()> {
        let synced = self.edition.log.append(&[]).await.and_then(|_| self.outgoing.last());
        match synced {
            Ok(synced) => {
                let mut state = self.shared.state();
                state.synced = state.synced.max(synced);
                Ok(())
            }
            Err(error) => {
                self.shared.uncertain.store(true, Ordering::SeqCst);
                Err(error)
            }
        }
    }

    /// The batch stands in the remote log.
    fn acknowledged(&mut self) {
        let Some(last) = self.batch.last() else { return };
        let mark = Mark { seq: last.seq, crc: self.sum(&last.bytes).unwrap_or_default() };
        let mut state = self.shared.state();
        state.cursor.set(Some(mark));
        state.cursor.shipped += self.batch.len() as u64;
        state.offset = self.outgoing.end();
        drop(state);
        self.batch.clear();
    }

    /// The checksum of a line as it stands in the remote log.
    fn sum(&self, line: &[u8]) -> Option<u32> {
        codec::signed_copy(line, &self.edition.writer).as_deref().and_then(codec::claimed)
    }

    /// The line of this number, if the spool still holds it.
    fn held(&self, seq: u64) -> Option<Line> {
        let line = self.edition.outgoing(seq - 1).take(u64::MAX, 1, MAX_BYTES).ok()?.pop()?;
        (line.seq == seq).then_some(line)
    }

    /// Compares what the remote log holds of us with what we know, and goes on from there. If it is not of us, what it holds
    /// under our name.
    async fn meet(&mut self, mark: Option<Mark>) -> Result<Option<Theirs>> {
        let (known, last) = {
            let state = self.shared.state();
            (state.cursor.mark(), state.synced)
        };
        let verdict = judge(mark, known, last, |seq| self.held(seq).and_then(|line| self.sum(&line.bytes)));
        let before = known.map_or(0, |mark| mark.seq);
        match verdict {
            Verdict::Holds(seq) if seq == before => return Ok(None),
            Verdict::Holds(seq) => {
                self.prove(seq).await?;
                let mut state = self.shared.state();
                state.cursor.shipped += seq - before;
                state.cursor.set(mark);
            }
            Verdict::WentBack(seq) => self.went_back(seq, before, mark).await?,
            Verdict::Foreign => return self.theirs(mark).await.map(Some),
        }
        self.go_on();
        Ok(None)
    }

    /// What was added without our hearing of it must be as durable as what we heard of, before it may leave the spool.
    async fn prove(&self, seq: u64) -> Result<()> {
        let shipment = Shipment { writer: &self.edition.writer, previous: seq, lines: &[] };
        match self.shared.shipping()?.ship(&shipment).await? {
            Shipped::Done(_) | Shipped::Repeated => Ok(()),
            Shipped::Elsewhere(_) => {
                Err(Error::new(ErrorKind::Unavailable, "the remote log's mark moved while it was looked at"))
            }
        }
    }

    /// Takes lines again from behind the cursor on.
    fn go_on(&mut self) {
        self.outgoing = self.edition.outgoing(self.shared.state().cursor.seq);
        self.batch.clear();
    }

    /// The remote log acknowledged more than it holds now. What the spool still has is sent again; what it does not have is
    /// named.
    async fn went_back(&mut self, to: u64, from: u64, mark: Option<Mark>) -> Result<()> {
        let first_held = self.edition.outgoing(to).take(u64::MAX, 1, MAX_BYTES)?.pop().map(|line| line.seq);
        let lost_through = first_held.map_or(from, |first| first - 1).min(from);
        let lost = lost_through.saturating_sub(to);
        let remote = self.shared.remote.address();
        tracing::error!(target: "papyra", log = %remote, from, to, lost, "the remote log lost facts that it had taken; sending again what the spool still holds");
        let span = (lost > 0).then_some((to + 1, lost_through));
        let payload = serde_json::json!({
            "writer": self.edition.writer,
            "was": from,
            "is": to,
            "resent": from.saturating_sub(lost_through.max(to)),
            "lost": lost,
            "first_lost": span.map(|(first, _)| first),
            "last_lost": span.map(|(_, last)| last),
        });
        // The event first: a crash in between says it twice, which is better than never.
        self.say(own_event("ServerSetBack", Payload::of(&payload))).await?;
        let cursor = {
            let mut state = self.shared.state();
            state.cursor.set(mark);
            state.cursor.lost += lost;
            state.cursor.clone()
        };
        self.edition.note(&cursor)
    }

    /// Adds an event of Papyra's own to the spool.
    async fn say(&self, event: Fact) -> Result<()> {
        let said = self.edition.log.append(&[event]).await?;
        let seqs = said.positions.iter().filter_map(|position| position.seq());
        let mut state = self.shared.state();
        state.synced = seqs.fold(state.synced, u64::max);
        Ok(())
    }

    /// Makes known what keeps the facts from being shipped, once for each kind of trouble.
    fn tell(&mut self, error: &Error) {
        self.shared.state().stalled = true;
        if self.told.replace(error.kind()) != Some(error.kind()) {
            let (log, cure) = (self.shared.remote.address(), error.cure());
            tracing::warn!(target: "papyra", %log, %error, cure, "cannot ship; facts wait in the spool");
        }
    }

    /// Writes down how far it came, and closes the local log.
    async fn end(&mut self) -> Result<()> {
        let cursor: Cursor = self.shared.state().cursor.clone();
        let noted = self.edition.note(&cursor);
        self.edition.log.close().await.and(noted)
    }
}

/// Between half of a wait and the whole of it: the spools of a server that came back must not all come at once.
fn shortened(pause: Duration) -> Duration {
    // Each hasher has keys of its own, from the system's randomness.
    let chance = RandomState::new().build_hasher().finish() % 1000;
    pause / 2 + pause / 2000 * chance as u32
}

/// Waits for whichever is over first.
async fn either(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    let (mut one, mut other) = (std::pin::pin!(one), std::pin::pin!(other));
    std::future::poll_fn(|cx| {
        if one.as_mut().poll(cx).is_ready() { std::task::Poll::Ready(()) } else { other.as_mut().poll(cx) }
    })
    .await;
}
