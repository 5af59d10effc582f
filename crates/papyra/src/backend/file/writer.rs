//! The writer: one thread that appends what has gathered, so that one sync serves all who wait.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    FileConfig,
    active::{Active, Committed},
    encoded::{Encoded, STAMP_BYTES},
    storage::Storage,
};
use crate::{Appended, Durability, Entry, Error, ErrorKind, Position, Result};

/// How often an idle writer looks after its file, and how long buffered facts may wait for their sync.
const TICK: Duration = Duration::from_secs(1);
/// How much one commit takes at most.
const MAX_COMMIT: usize = 4 << 20;
/// What a header takes at most.
const MAX_HEADER: u64 = 512;

/// The handle of the writer's thread.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Request>,
    closing: Vec<oneshot::Sender<Result<()>>>,
    /// Nobody holds the log any more: write what waits and end.
    abandoned: bool,
    /// The thread has ended.
    ended: bool,
}

#[derive(Debug)]
struct Request {
    batch: Encoded,
    reply: oneshot::Sender<Result<Appended>>,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // The queue is whole after each statement, so a panic elsewhere does not spoil it.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    /// Starts the thread. The log itself is opened by the first append.
    pub(super) fn start(config: FileConfig, storage: Arc<dyn Storage>) -> Result<Writer> {
        let shared = Arc::new(Shared::default());
        let thread =
            Thread { config, storage, shared: shared.clone(), active: None, dead: None, looked: Instant::now() };
        std::thread::Builder::new()
            .name("papyra-writer".to_owned())
            .spawn(move || thread.run())
            .map_err(|error| Error::new(ErrorKind::Io, "cannot start the writer's thread").with_source(error))?;
        Ok(Writer { shared })
    }

    /// Hands a batch over. It is written whether or not the answer is waited for.
    pub(super) fn append(&self, batch: Encoded) -> oneshot::Receiver<Result<Appended>> {
        let (reply, answer) = oneshot::channel();
        let mut queue = self.shared.queue();
        if queue.ended {
            let _ = reply.send(Err(Error::new(ErrorKind::Closed, HAS_ENDED)));
        } else {
            queue.waiting.push_back(Request { batch, reply });
            drop(queue);
            self.shared.wake.notify_one();
        }
        answer
    }

    /// Asks for the end: what waits is written, what is buffered is synced, the lock is released.
    pub(super) fn close(&self) -> oneshot::Receiver<Result<()>> {
        let (reply, answer) = oneshot::channel();
        let mut queue = self.shared.queue();
        if queue.ended {
            let _ = reply.send(Ok(()));
        } else {
            queue.closing.push(reply);
            drop(queue);
            self.shared.wake.notify_one();
        }
        answer
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.queue().abandoned = true;
        self.shared.wake.notify_one();
    }
}

const HAS_ENDED: &str = "the log's writer has ended";

/// What a waiter is told whose writer is not there any more.
pub(super) fn gone() -> Error {
    Error::new(ErrorKind::Closed, HAS_ENDED).with_unknown_outcome()
}

struct Thread {
    config: FileConfig,
    storage: Arc<dyn Storage>,
    shared: Arc<Shared>,
    active: Option<Active>,
    /// The error after which nothing may be appended any more.
    dead: Option<Error>,
    /// When the file was last looked after.
    looked: Instant,
}

/// Whatever ends the thread, a panic too, nobody waits for it in vain.
struct Epitaph(Arc<Shared>);

impl Drop for Epitaph {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.ended = true;
        queue.waiting.clear();
        queue.closing.clear();
    }
}

impl Thread {
    fn run(mut self) {
        let _epitaph = Epitaph(self.shared.clone());
        loop {
            let (requests, closing, over) = self.wait();
            if !requests.is_empty() {
                self.serve(requests);
            }
            if over {
                let ended = self.finish();
                // The lock must be free before anybody hears that the log is closed.
                self.active = None;
                self.shared.queue().ended = true;
                for reply in closing {
                    let _ = reply.send(ended.clone());
                }
                return;
            }
            // Under load too: what is buffered must not wait for a pause.
            if self.looked.elapsed() >= TICK {
                self.look_after();
                self.looked = Instant::now();
            }
        }
    }

    /// Makes everything durable, or says that what was acknowledged as buffered may not be.
    fn finish(&mut self) -> Result<()> {
        match (&self.dead, &mut self.active) {
            (Some(error), _) if self.config.durability == Durability::Buffered => Err(error.clone()),
            (None, Some(active)) => active.finish(),
            _ => Ok(()),
        }
    }

    /// Waits for work, at most until the file must be looked after. The third value says that this is the end.
    fn wait(&self) -> (Vec<Request>, Vec<oneshot::Sender<Result<()>>>, bool) {
        let idle = |queue: &mut Queue| queue.waiting.is_empty() && queue.closing.is_empty() && !queue.abandoned;
        let patience = TICK.saturating_sub(self.looked.elapsed());
        let queue = self.shared.queue();
        let (mut queue, _) =
            self.shared.wake.wait_timeout_while(queue, patience, idle).unwrap_or_else(PoisonError::into_inner);
        let mut requests = Vec::new();
        let (mut bytes, mut lines) = (0, 0);
        let (max_bytes, max_lines) = self.max_commit();
        while let Some(request) = queue.waiting.front() {
            bytes += request.batch.bytes() + request.batch.len() * STAMP_BYTES;
            lines += request.batch.len();
            if (bytes > max_bytes || lines > max_lines) && !requests.is_empty() {
                break;
            }
            requests.extend(queue.waiting.pop_front());
        }
        if queue.waiting.is_empty() {
            let over = queue.abandoned || !queue.closing.is_empty();
            (requests, std::mem::take(&mut queue.closing), over)
        } else {
            (requests, Vec::new(), false)
        }
    }

    /// How much one commit takes at most. It is never divided over two segments, so batches that wait must not come to more
    /// than a segment takes.
    fn max_commit(&self) -> (usize, usize) {
        let Some(rotation) = &self.config.rotation else { return (MAX_COMMIT, usize::MAX) };
        let limit = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
        // Room for the header.
        let bytes = limit(rotation.segment_bytes.saturating_sub(MAX_HEADER));
        (bytes.min(MAX_COMMIT), rotation.segment_records.map_or(usize::MAX, limit))
    }

    fn active(&mut self) -> Result<&mut Active> {
        if let Some(error) = &self.dead {
            return Err(error.clone());
        }
        match &mut self.active {
            Some(active) => Ok(active),
            empty => Ok(empty.insert(Active::open(&self.config, self.storage.clone(), "append")?)),
        }
    }

    fn serve(&mut self, requests: Vec<Request>) {
        let batches: Vec<&Encoded> =
            requests.iter().map(|request| &request.batch).filter(|batch| batch.len() > 0).collect();
        let committed = self.active().and_then(|active| {
            if batches.is_empty() {
                // Only to prove that the log can be written to.
                active.look_after()?;
                return Ok(None);
            }
            active.commit(&batches).map(Some)
        });
        match committed {
            Ok(committed) => answer(requests, committed),
            Err(error) => {
                self.die_of(&error);
                for request in requests {
                    let _ = request.reply.send(Err(error.clone()));
                }
            }
        }
    }

    fn look_after(&mut self) {
        let Some(active) = &mut self.active else { return };
        let looked =
            active.look_after().and_then(|()| if active.has_remarks() { active.commit(&[]).map(drop) } else { Ok(()) });
        if let Err(error) = looked {
            tracing::warn!(target: "papyra", path = %self.config.path.display(), %error, "cannot look after the log");
            self.die_of(&error);
        }
    }

    /// After an error that closes the log nothing is written any more, and everybody who tries is told why.
    fn die_of(&mut self, error: &Error) {
        if error.kind() != ErrorKind::Closed {
            return;
        }
        let closed = Error::new(ErrorKind::Closed, error.to_string());
        self.dead = Some(match error.cure() {
            Some(cure) => closed.with_cure(cure),
            None => closed,
        });
        self.active = None;
    }
}

fn answer(requests: Vec<Request>, committed: Option<Committed>) {
    let Some(committed) = committed else {
        for request in requests {
            let _ = request.reply.send(Ok(Appended::default()));
        }
        return;
    };
    let mut seq = committed.first_seq;
    let mut synced_in = committed.synced_in;
    let mut remarks: Vec<Entry> = committed
        .remarks
        .into_iter()
        .map(|(seq, fact, bytes)| Entry::new(Position::from_seq(seq), fact, bytes))
        .collect();
    let total: usize = requests.iter().map(|request| request.batch.bytes()).sum();
    let stamped = committed.bytes.saturating_sub(total as u64);
    let lines: usize = requests.iter().map(|request| request.batch.len()).sum::<usize>() + remarks.len();
    for request in requests {
        let count = request.batch.len() as u64;
        let positions = (seq..seq + count).map(Position::from_seq).collect();
        seq += count;
        // The stamps are shared out evenly: their lengths differ by a digit at most.
        let bytes = request.batch.bytes() as u64 + stamped * count / lines.max(1) as u64;
        let mut appended = Appended::new(positions, bytes);
        appended.remarks = std::mem::take(&mut remarks);
        // One sync served them all: it is told once.
        appended.synced_in = synced_in.take();
        let _ = request.reply.send(Ok(appended));
    }
}
