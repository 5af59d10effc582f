//! Taking the lines of a spool, each exactly once.

use async_trait::async_trait;
use redis::Value;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{
    announce::{self, Announced},
    connection::{Answers, Connection},
    id::Id,
    keys::{Lane, Stream},
    promise::{self, Promise},
    reply,
    script::{self, Answer, Call, Line, Marked, Put},
    server::Server,
    setback,
    trouble::{After, Trouble},
};
use crate::{
    Error, ErrorKind, Result,
    codec::{self, Head},
    shipping::{Mark, Shipment, Shipped, Shipping},
};

/// The most lines that one shipment may hold: the server does nothing else while it adds them.
const MAX_LINES: usize = 65_536;

/// The way of a spool into the log.
#[derive(Debug)]
pub(super) struct Ship {
    server: Server,
    /// Shipments have a connection of their own, so that a slow one holds up nobody else.
    connection: Mutex<Way>,
}

#[derive(Default)]
struct Way {
    connection: Option<(Connection, Promise)>,
    knows_script: bool,
    announced: Announced,
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Way").field("connected", &self.connection.is_some()).finish()
    }
}

impl Ship {
    pub(super) fn new(server: Server) -> Self {
        Ship { server, connection: Mutex::default() }
    }

    fn internal(&self, what: &str) -> Error {
        Error::new(ErrorKind::Internal, format!("{what} of `{}` is not understood", self.server.address()))
    }

    fn writer(&self, writer: &str) -> Result<Uuid> {
        Uuid::parse_str(writer)
            .map_err(|_| Error::new(ErrorKind::Config, "the name of a spool is no UUID: it cannot be a writer"))
    }

    /// The one lane of the log.
    fn lane(&self) -> Result<Lane> {
        match self.server.keys().lanes() {
            [lane] => Ok(*lane),
            _ => Err(Error::new(
                ErrorKind::Config,
                format!("a spool cannot ship to `{}`: its streams stand on several nodes", self.server.address()),
            )
            .with_cure("give the log a hash tag, such as `prefix={papyra}`, so that its streams stand together")),
        }
    }

    /// The answer of the script, and whether what it stands for is as durable as was demanded.
    async fn call(&self, call: &Call<'_>) -> Result<(Value, bool), Trouble> {
        let mut way = self.connection.lock().await;
        let mut with_text = !way.knows_script;
        loop {
            let (connection, promise) = match way.connection.take() {
                Some(connected) => connected,
                None => {
                    // Another connection may lead to another server, or to another life of this one.
                    with_text = true;
                    way.announced.forget();
                    let mut connection = self.server.dedicated(Answers::Soon).await?;
                    let promise = Promise::of(self.server.config(), &mut connection, self.server.address()).await?;
                    (connection, promise)
                }
            };
            let before = way.announced.before(call.lines.len(), call.keys, call.lane);
            let command = call.command(with_text);
            let answer = script::send(connection.clone(), before, Put::Script(command), promise.question()).await;
            let trouble = match answer {
                Ok(answers) => {
                    (way.connection, way.knows_script) = (Some((connection, promise)), true);
                    let is_kept = promise.is_kept(answers.get(1));
                    return Ok((answers.into_iter().next().unwrap_or(Value::Nil), is_kept));
                }
                Err(error) => Trouble::of(&error, "append to", self.server.address()),
            };
            match trouble.after {
                // Once is enough: a server that forgets the script at once does not want it.
                After::SendScript if !with_text => {
                    with_text = true;
                    way.announced.forget();
                    way.connection = Some((connection, promise));
                }
                After::Reconnect => {
                    *way = Way::default();
                    return Err(trouble);
                }
                _ => {
                    way.connection = Some((connection, promise));
                    return Err(trouble);
                }
            }
        }
    }
}

/// A line as it stands in the log, with its number and what it is about.
fn signed(line: &[u8], writer: &str) -> Option<(Vec<u8>, u64, Head)> {
    let data = codec::signed_copy(line, writer)?;
    let (seq, head) = codec::signature(&data).map(|signature| (signature.seq, signature.head))?;
    Some((data, seq, head))
}

#[async_trait]
impl Shipping for Ship {
    async fn mark(&self, writer: &str) -> Result<Option<Mark>> {
        let (lane, writer) = (self.lane()?, self.writer(writer)?);
        let mut command = redis::cmd("GET");
        command.arg(self.server.keys().mark(lane, &writer));
        let value = self.server.call("look at", &command).await?;
        if value == Value::Nil {
            return Ok(None);
        }
        let marked = reply::text(&value).and_then(Marked::parse).ok_or_else(|| self.internal("a writer's mark"))?;
        Ok(Some(Mark { seq: marked.seq, crc: marked.crc }))
    }

    async fn ship(&self, shipment: &Shipment<'_>) -> Result<Shipped> {
        let (lane, writer) = (self.lane()?, self.writer(shipment.writer)?);
        if shipment.lines.len() > MAX_LINES {
            return Err(Error::new(ErrorKind::Invalid, format!("a shipment may hold {MAX_LINES} lines at most")));
        }
        let name = writer.to_string();
        let (mut lines, mut last, mut latest) = (Vec::with_capacity(shipment.lines.len()), shipment.previous, f64::MIN);
        for line in shipment.lines {
            let Some((data, seq, head)) = signed(line, &name).filter(|(_, seq, _)| *seq > last) else {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!("line {last} of a spool is followed by one that is not sealed, or has a lower number"),
                ));
            };
            (last, latest) = (seq, latest.max(head.timestamp));
            lines.push(Line { stream: Stream::of(head.kind), data });
        }
        if lines.is_empty() && self.server.config().demands_nothing() {
            return Ok(Shipped::Done(Vec::new()));
        }
        let crc = lines.last().and_then(|line| codec::claimed(&line.data)).unwrap_or_default();
        let call = Call {
            keys: self.server.keys(),
            lane,
            writer: &writer,
            previous: shipment.previous,
            last,
            crc,
            for_ever: true,
            known: Id::default(),
            latest,
            max_len: self.server.config().max_len,
            lines: &lines,
        };
        let (value, is_kept) = self.call(&call).await.map_err(|trouble| match trouble.unknown {
            true => trouble.into_error().with_unknown_outcome(),
            false => trouble.into_error(),
        })?;
        match Answer::parse(&value).ok_or_else(|| self.internal("what the script answered"))? {
            Answer::Added { .. } | Answer::Repeated(_) if !is_kept => {
                Err(promise::not_kept(self.server.address()).with_unknown_outcome())
            }
            Answer::Added { reset, .. } => Ok(Shipped::Done(reset.iter().map(setback::reset).collect())),
            Answer::Repeated(_) => Ok(Shipped::Repeated),
            Answer::Elsewhere(seen) => Ok(Shipped::Elsewhere(seen.seq())),
            Answer::Unannounced => {
                self.connection.lock().await.announced.forget();
                Err(announce::forgotten(self.server.address()))
            }
            // A shipment is no transaction.
            Answer::Unready | Answer::Torn => Err(self.internal("what the script answered")),
        }
    }
}
