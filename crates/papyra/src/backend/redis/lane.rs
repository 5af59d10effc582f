//! One lane of the writer: batches in their order, several on their way, and whatever failed sent again.

use std::{collections::VecDeque, future::Future};

use redis::Value;
use tokio::{
    sync::mpsc,
    time::{Duration, Instant, sleep_until},
};
use uuid::Uuid;

use super::{
    announce::{self, Announced},
    backoff::Backoff,
    batch::{Batch, Request},
    config::PATIENCE,
    connection::{Answers, Connection},
    flight::{Flights, Landed},
    held::Held,
    id::Id,
    keys::{Lane, Stream},
    plain,
    promise::{self, Promise},
    quick::{self, Quick},
    script::{self, Answer, Call, Put, Reset},
    server::Server,
    trouble::{After, Trouble},
};
use crate::{Entry, Error, ErrorKind, Outcome};

/// How batches are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By the script: exactly once. With its text, or by its name on a server that knows it.
    Script { with_text: bool },
    /// By plain commands, where scripts are forbidden: at least once.
    Plain,
}

/// The work of one lane.
pub(super) struct Work {
    pub(super) server: Server,
    pub(super) lane: Lane,
    /// Who writes: a new name whenever numbers were given to batches that may or may not be there.
    writer: Uuid,
    pub(super) name: String,
    /// The last number that was given.
    numbered: u64,
    /// The last number that was acknowledged.
    pub(super) acked: u64,
    /// Where its line stands, and since when.
    pub(super) place: Option<Place>,
    /// The highest id that is known to have been given.
    pub(super) known: Id,
    /// Batches that are not acknowledged, oldest first. Those in front are on their way.
    pub(super) queue: VecDeque<Batch>,
    pub(super) flights: Flights,
    pub(super) held: Held,
    pub(super) connection: Option<Connection>,
    way: Way,
    announced: Announced,
    quick: Quick,
    promise: Promise,
    backoff: Backoff,
    /// Nothing is sent before this moment.
    pause: Option<Instant>,
    /// What kept the oldest batch from being added the last time.
    trouble: Option<Trouble>,
    remarks: Vec<Entry>,
    pub(super) lost: u64,
}

/// The place of the newest acknowledged line of the writer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) stream: Stream,
    pub(super) id: Id,
    pub(super) at: Instant,
}

impl Work {
    pub(super) fn new(server: Server, lane: Lane) -> Self {
        let writer = Uuid::now_v7();
        Work {
            server,
            lane,
            writer,
            name: writer.to_string(),
            numbered: 0,
            acked: 0,
            place: None,
            known: Id::default(),
            queue: VecDeque::new(),
            flights: Flights::default(),
            held: Held::default(),
            connection: None,
            way: Way::Script { with_text: true },
            announced: Announced::default(),
            quick: Quick::default(),
            promise: Promise::default(),
            backoff: Backoff::new(),
            pause: None,
            trouble: None,
            remarks: Vec::new(),
            lost: 0,
        }
    }

    /// Works until there are no more requests and none is open.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut more = true;
        loop {
            while let Some(request) = Some(&mut requests).filter(|_| self.has_room()).and_then(|r| r.try_recv().ok()) {
                self.take(request);
            }
            if self.queue.is_empty() {
                match requests.recv().await {
                    Some(request) if more => self.take(request),
                    _ => break,
                }
                continue;
            }
            if self.flights.is_empty() && self.give_up_late() {
                continue;
            }
            if let Some(until) = self.pause.take() {
                let deadline = self.queue.iter().filter_map(|batch| batch.deadline).min();
                sleep_until(deadline.map_or(until, |deadline| deadline.min(until))).await;
                continue;
            }
            if self.connection.is_none() {
                self.connect().await;
                continue;
            }
            self.send().await;
            tokio::select! {
                biased;
                landed = self.flights.oldest() => self.landed(landed).await,
                request = requests.recv(), if more && self.has_room() => match request {
                    Some(request) => self.take(request),
                    None => more = false,
                },
            }
        }
    }

    /// Whether another request would be sent soon: what waits longer waits with its caller.
    fn has_room(&self) -> bool {
        self.queue.len() < 2 * super::flight::WINDOW
    }

    fn take(&mut self, request: Request) {
        match self.queue.back_mut().filter(|last| last.has_room_for(&request)) {
            Some(last) => last.join(request),
            None => self.queue.push_back(Batch::of(request)),
        }
    }

    async fn connect(&mut self) {
        let connecting = async {
            let mut connection = self.server.dedicated(Answers::Soon).await?;
            let promise = Promise::of(self.server.config(), &mut connection, self.server.address()).await?;
            if self.way == Way::Plain {
                plain::must_be_possible(&mut connection, &self.server, self.lane).await?;
            }
            Ok::<_, Trouble>((connection, promise))
        };
        match connecting.await {
            Ok((connection, promise)) => {
                (self.connection, self.promise) = (Some(connection), promise);
                self.announced.forget();
                self.quick = Quick::default();
                // Another connection may lead to another server.
                if self.way != Way::Plain {
                    self.way = Way::Script { with_text: true };
                }
            }
            Err(trouble) if trouble.passes() => self.rest(trouble),
            Err(trouble) => self.give_up(&trouble, self.queue.len()),
        }
    }

    /// Waits before the next try.
    fn rest(&mut self, trouble: Trouble) {
        if self.trouble.is_none() {
            let (log, error) = (self.server.address(), trouble.error());
            tracing::warn!(target: "papyra", log, %error, cure = error.cure(), "appending is tried again");
        }
        self.trouble = Some(trouble);
        self.pause = Some(Instant::now() + self.backoff.next());
    }

    /// Sends what may be on its way and is not.
    async fn send(&mut self) {
        while self.flights.has_room() && self.flights.len() < self.queue.len() {
            let at = self.flights.len();
            let Some(connection) = self.connection.clone() else { return };
            if self.queue[at].numbers.is_none() {
                self.numbered = self.queue[at].sign(&self.name, self.numbered);
            }
            let with_text = match self.way {
                Way::Plain => {
                    let flight = plain::flight(connection, self.server.keys(), self.server.config(), &self.queue[at]);
                    self.flights.launch(guarded(flight)).await;
                    continue;
                }
                Way::Script { with_text } => with_text,
            };
            let batch = &self.queue[at];
            let (previous, last) = batch.numbers.unwrap_or_default();
            let previous = batch.follows.unwrap_or(previous);
            // An empty batch has no numbers of its own: it only asks.
            let last = if batch.lines.is_empty() { previous } else { last };
            let call = Call {
                keys: self.server.keys(),
                lane: self.lane,
                writer: &self.writer,
                previous,
                last,
                crc: batch.crc(),
                for_ever: false,
                known: self.known,
                latest: batch.latest,
                max_len: self.server.config().max_len,
                lines: &batch.lines,
            };
            let before = self.announced.before(batch.lines.len(), self.server.keys(), self.lane);
            // What was sent before may be there already.
            let is_new = !with_text && before.is_none() && batch.follows.is_none() && !batch.unsure;
            let put = match self.quick.first(batch.lines.len()).filter(|_| is_new) {
                Some(first) => Put::Transaction(quick::transaction(&call, first)),
                None => Put::Script(call.command(with_text)),
            };
            self.quick.sent(batch.lines.len(), matches!(put, Put::Transaction(_)), before.is_some());
            self.way = Way::Script { with_text: false };
            let question = self.promise.question();
            self.flights.launch(guarded(script::send(connection, before, put, question))).await;
        }
    }

    /// The answer to the oldest batch has come, or will never come.
    async fn landed(&mut self, landed: Landed) {
        let answers = match landed {
            Ok(answers) => answers,
            Err(error) => {
                if self.way != Way::Plain && Trouble::forbids_scripts(&error) {
                    let log = self.server.address();
                    tracing::warn!(target: "papyra", log, "scripts are forbidden: facts may be doubled after an outage");
                    // What the script looks at first has to be looked at on a new connection.
                    (self.way, self.connection) = (Way::Plain, None);
                    return self.flights.forget();
                }
                return self.failed(Trouble::of(&error, "append to", self.server.address()));
            }
        };
        if self.way == Way::Plain {
            let ids = plain::ids(&answers);
            return self.added(&ids, Vec::new());
        }
        let Some(answer) = answers.first().and_then(Answer::parse) else {
            let error =
                Error::new(ErrorKind::Internal, format!("`{}` gave no answer of the script", self.server.address()));
            return self.failed(Trouble::unsure(After::Nothing, error));
        };
        let is_kept = self.promise.is_kept(answers.get(1));
        match answer {
            Answer::Added { .. } | Answer::Repeated(_) if !is_kept => {
                let error = promise::not_kept(self.server.address());
                // It is there, so it is unsure only whether it stays.
                self.failed(Trouble::unsure(After::Wait, error));
            }
            Answer::Added { first, last, reset, .. } => {
                self.known = self.known.max(last);
                let lines = self.queue[0].lines.len();
                let ids: Vec<Id> = (0..lines as u64).map(|n| first.plus(n)).collect();
                self.added(&ids, reset);
                let behind = self.flights.len();
                let more = self.queue.iter().take(behind).map(|batch| batch.lines.len()).sum();
                if lines > 0 {
                    self.quick.added(last, behind, more);
                }
                if self.quick.asks(lines) {
                    self.ask_for_the_quick_way().await;
                }
            }
            Answer::Repeated(seen) => match self.find(&seen).await {
                Ok(ids) => {
                    self.quick.lose_track();
                    self.known = self.known.max(seen.last);
                    self.added(&ids, Vec::new());
                }
                Err(trouble) => self.failed(trouble),
            },
            Answer::Unready => {
                // Whatever was sent behind it does nothing either, and goes again.
                self.flights.forget();
                self.quick.refused();
            }
            Answer::Torn => {
                let error =
                    format!("a batch was added to `{}` in part, or without being counted", self.server.address());
                let error = Error::new(ErrorKind::Internal, error).with_cure(
                    "look whether the server's ACL was changed, or the key of the log's state: `papyra doctor run`",
                );
                self.failed(Trouble::unsure(After::Nothing, error));
            }
            Answer::Unannounced => {
                self.announced.forget();
                self.failed(Trouble::passing(announce::forgotten(self.server.address())));
            }
            Answer::Elsewhere(seen) => {
                self.flights.forget();
                self.quick.lose_track();
                if let Err(trouble) = self.set_back(&seen).await {
                    self.failed(trouble);
                }
            }
        }
    }

    /// Asks, once for each connection, whether large batches may go the quick way.
    async fn ask_for_the_quick_way(&mut self) {
        let (Some(connection), Some(place)) = (&mut self.connection, self.place) else { return };
        let keys = self.server.keys();
        let allowed =
            quick::is_allowed(connection, keys.stream(place.stream), &keys.mark(self.lane, &self.writer)).await;
        // Whoever sends next sees what is wrong with the connection.
        self.quick.allow(allowed.unwrap_or(false));
    }

    /// The oldest batch is in the log, at these places.
    fn added(&mut self, ids: &[Id], reset: Vec<Reset>) {
        let Some(mut batch) = self.queue.pop_front() else { return };
        if let (Some((_, last)), Some(id), Some(line)) = (batch.numbers, ids.last(), batch.lines.last()) {
            self.acked = last;
            self.place = Some(Place { stream: line.stream, id: *id, at: Instant::now() });
        }
        self.backoff = Backoff::new();
        if self.trouble.take().is_some() {
            tracing::warn!(target: "papyra", log = self.server.address(), "appending works again");
        }
        if let (Some(fact), Some(id)) = (batch.remark.take(), ids.first()) {
            self.remarks.push(Entry::new((*id).into(), fact, batch.lines[0].data.len() as u64));
        }
        batch.done(ids, &mut self.remarks, &mut self.lost);
        (batch.unsure, batch.follows) = (false, None);
        for stream in reset {
            self.say(super::setback::reset(&stream));
        }
        if self.way != Way::Plain {
            self.held.add(batch);
        }
    }

    /// Puts something that Papyra itself has to say into the log.
    pub(super) fn say(&mut self, event: crate::Event) {
        tracing::warn!(target: "papyra", log = self.server.address(), event = %event.event_type, payload = %event.payload);
        self.queue.push_back(Batch::remark(event.into()));
    }

    /// The oldest batch could not be added.
    fn failed(&mut self, trouble: Trouble) {
        if trouble.unknown {
            // The answers to all that are on their way will not come either.
            let on_their_way = self.flights.len() + 1;
            self.queue.iter_mut().take(on_their_way).for_each(|batch| batch.unsure = true);
        }
        // Those behind it were refused, or will be: each must follow the one before.
        self.flights.forget();
        self.quick.lose_track();
        match trouble.after {
            After::Nothing => return self.give_up(&trouble, 1),
            After::SendScript => {
                self.announced.forget();
                self.way = Way::Script { with_text: true };
                return;
            }
            After::Reconnect => self.connection = None,
            After::Wait => {}
        }
        self.rest(trouble);
    }

    /// Gives up batches whose time is over; whether there were any.
    fn give_up_late(&mut self) -> bool {
        let now = Instant::now();
        if !self.queue.iter().any(|batch| batch.deadline.is_some_and(|deadline| deadline <= now)) {
            return false;
        }
        let trouble = self.trouble.clone().unwrap_or_else(|| Trouble::silent("append to", self.server.address()));
        let late = self.queue.iter().take_while(|batch| batch.deadline.is_none_or(|deadline| deadline <= now)).count();
        self.give_up(&trouble, late.max(1));
        true
    }

    /// Gives up the oldest batches, so many of them. If one of them may be there, then whatever was sent behind it may be,
    /// too: all that goes, and what remains is numbered as another writer's, so that a late copy harms nobody.
    fn give_up(&mut self, trouble: &Trouble, batches: usize) {
        let unsure = self.queue.iter().rposition(|batch| batch.unsure).map_or(0, |at| at + 1);
        for mut batch in self.queue.drain(..batches.max(unsure).min(self.queue.len())).collect::<Vec<_>>() {
            let outcome = if batch.unsure { Outcome::Unknown } else { Outcome::NotWritten };
            batch.failed(trouble.error(), outcome);
        }
        self.flights.forget();
        self.quick.lose_track();
        self.renumber();
    }

    /// What is not acknowledged is numbered anew, as another writer's.
    pub(super) fn renumber(&mut self) {
        self.writer = Uuid::now_v7();
        (self.name, self.numbered, self.acked, self.place) = (self.writer.to_string(), 0, 0, None);
        self.queue.iter_mut().for_each(Batch::unsign);
        self.held.clear();
    }

    /// The ids of the oldest batch, which is there already.
    async fn find(&mut self, seen: &super::script::Seen) -> Result<Vec<Id>, Trouble> {
        let batch = &self.queue[0];
        let (_, last) = batch.numbers.unwrap_or_default();
        let count = batch.lines.len() as u64;
        if let Some(mark) = seen.mark.filter(|mark| mark.seq == last && mark.id.n + 1 >= count) {
            return Ok((0..count).map(|n| Id { n: mark.id.n + 1 - count + n, ..mark.id }).collect());
        }
        self.find_by_reading(seen.mark.map(|mark| mark.id)).await
    }

    /// An answer of the lane's own connection to a command that only looks.
    pub(super) async fn ask(&mut self, command: &redis::Cmd) -> Result<Value, Trouble> {
        let Some(connection) = &mut self.connection else {
            return Err(Trouble::silent("look at", self.server.address()));
        };
        let answer = connection.send(command).await;
        answer.map_err(|error| Trouble::of(&error, "look at", self.server.address()))
    }
}

/// The client has a limit for every answer; should it ever fail to keep it, we do.
async fn guarded(flight: impl Future<Output = Landed>) -> Landed {
    const LIMIT: Duration = Duration::from_secs(3 * PATIENCE.as_secs());
    let late = |_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into());
    tokio::time::timeout(LIMIT, flight).await.unwrap_or_else(late)
}
