//! `groups ack`.

use std::{
    borrow::Cow,
    io::{BufRead as _, BufReader, Read},
};

use papyra::{Error, ErrorKind, Group, Log, MAX_BATCH, Position};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{args::AckArgs, entries};
use crate::{args::Output, exit::ExitCode, failure::Failure, report, session::Session};

/// The longest line that is read, in bytes: a fact may have 64 MiB, and its escapes may double it.
const MAX_LINE: u64 = 128 << 20;

#[derive(Default, Serialize)]
struct Acknowledged {
    /// Positions that were given.
    given: u64,
    /// Of them, those that were pending.
    acknowledged: u64,
}

pub(super) async fn run(
    args: AckArgs,
    log: &Log,
    session: &mut Session,
    stdin: Box<dyn Read + Send>,
) -> Result<(), Failure> {
    let group = args.of.group();
    let mut done = Acknowledged::default();
    if args.positions.is_empty() {
        let mut batches = read(stdin)?;
        while let Some(batch) = batches.recv().await {
            // What stood before a line that says nothing was printed by us, and handled.
            let (positions, failure) = batch;
            done.add(&positions, &group, log).await?;
            if let Some(failure) = failure {
                say(&done, session)?;
                session.out.flush()?;
                return Err(failure.into());
            }
        }
    } else {
        for batch in args.positions.chunks(MAX_BATCH) {
            done.add(batch, &group, log).await?;
        }
    }
    say(&done, session)
}

impl Acknowledged {
    async fn add(&mut self, positions: &[Position], group: &Group, log: &Log) -> Result<(), Failure> {
        if !positions.is_empty() {
            self.acknowledged += log.consumer_groups()?.ack(group, positions).await?;
            self.given += positions.len() as u64;
        }
        Ok(())
    }
}

fn say(done: &Acknowledged, session: &mut Session) -> Result<(), Failure> {
    if let Some(Output::Json | Output::Ndjson) = session.output() {
        let json = report::document("papyra.groups.ack/1", ExitCode::Done, done)?;
        return session.out.line(&json);
    }
    let n = entries(done.acknowledged);
    match done.given - done.acknowledged {
        0 => session.out.line(&format!("acknowledged {n}")),
        others => session.out.line(&format!("acknowledged {n}; {} pending before", were_not(others))),
    }
}

fn were_not(n: u64) -> String {
    if n == 1 { "1 was not".to_owned() } else { format!("{n} were not") }
}

/// Positions in the order of their lines, and why there are no more of them.
type Batch = (Vec<Position>, Option<Error>);

/// Reads positions from lines, on a thread of its own: nothing can wake a read of stdin.
fn read(stdin: Box<dyn Read + Send>) -> Result<mpsc::Receiver<Batch>, Failure> {
    let (sender, receiver) = mpsc::channel(4);
    let pump = move || {
        let mut lines = Lines { stdin: BufReader::new(stdin), number: 0 };
        loop {
            let (batch, end) = lines.batch();
            let is_end = end.is_some();
            let failure = end.and_then(Result::err);
            if sender.blocking_send((batch, failure)).is_err() || is_end {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("papyra-stdin".to_owned())
        .spawn(pump)
        .map_err(|error| Error::new(ErrorKind::Internal, "cannot start to read").with_source(error))?;
    Ok(receiver)
}

struct Lines<R> {
    stdin: BufReader<R>,
    number: u64,
}

impl<R: Read> Lines<R> {
    /// The positions of the next lines, and how the input ended, if it did.
    fn batch(&mut self) -> (Vec<Position>, Option<Result<(), Error>>) {
        let mut positions = Vec::new();
        while positions.len() < MAX_BATCH {
            match self.next() {
                Ok(Some(Some(position))) => positions.push(position),
                Ok(Some(None)) => {}
                Ok(None) => return (positions, Some(Ok(()))),
                Err(error) => return (positions, Some(Err(error))),
            }
        }
        (positions, None)
    }

    /// The position of the next line; inner `None` if it is blank, outer at the end.
    fn next(&mut self) -> Result<Option<Option<Position>>, Error> {
        self.number += 1;
        let mut line = Vec::new();
        let read = Read::by_ref(&mut self.stdin).take(MAX_LINE).read_until(b'\n', &mut line);
        match read.map_err(|error| Error::new(ErrorKind::Io, "cannot read standard input").with_source(error))? {
            0 => return Ok(None),
            n if n as u64 == MAX_LINE => return Err(self.refused("it is too long")),
            _ => {}
        }
        let text = std::str::from_utf8(&line).map_err(|_| self.refused("it is not UTF-8"))?.trim();
        if text.is_empty() {
            return Ok(Some(None));
        }
        #[derive(Deserialize)]
        struct Named<'a> {
            #[serde(borrow)]
            position: Cow<'a, str>,
        }
        let named = serde_json::from_str::<Named<'_>>(text);
        let position = named.map_or(Cow::Borrowed(text), |named| named.position);
        position.parse().map(|position| Some(Some(position))).map_err(|_| self.refused("it names no position"))
    }

    fn refused(&self, why: &str) -> Error {
        Error::new(ErrorKind::Invalid, format!("line {} of the input: {why}", self.number))
            .with_cure("give the lines that `papyra groups read` or `claim` printed, or one position a line")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_from_facts_and_from_bare_lines() {
        let input = "{\"kind\":\"event\",\"timestamp\":1,\"position\":\"7-1\"}\n\n 7-2 \r\n{\"position\":\"7-3\"}";
        let mut lines = Lines { stdin: BufReader::new(input.as_bytes()), number: 0 };
        let (positions, end) = lines.batch();
        assert_eq!(positions, [(7, 1), (7, 2), (7, 3)].map(|(ms, n)| Position::from_pair(ms, n)));
        assert!(matches!(end, Some(Ok(()))));
    }

    #[test]
    fn a_line_without_a_position_ends_the_input_behind_what_stood_before() {
        let input = "7-1\n{\"kind\":\"event\"}\n7-2\n";
        let mut lines = Lines { stdin: BufReader::new(input.as_bytes()), number: 0 };
        let (positions, end) = lines.batch();
        assert_eq!(positions, [Position::from_pair(7, 1)]);
        let error = end.unwrap().unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::Invalid, "line 2 of the input: it names no position")
        );
    }
}
