//! Batches into the log, and what is told about them.

use papyra::{Error, ErrorKind, Fact, Log, Outcome};

use super::{AppendArgs, remarks};
use crate::{
    exit::ExitCode,
    failure::Failure,
    safe,
    session::{Session, Stop},
};

/// The most that one batch holds: enough to make the cost of a sync small, and not so much that an acknowledgement is late.
const MAX_FACTS: usize = 1024;
/// The same in bytes of input.
const MAX_BYTES: usize = 1 << 20;
/// How many lines are listed one by one.
const MAX_LISTED: usize = 20;

/// Facts that go together, with the numbers of their lines.
#[derive(Default)]
pub(super) struct Batch {
    facts: Vec<Fact>,
    numbers: Vec<u64>,
    bytes: usize,
}

impl Batch {
    pub(super) fn push(&mut self, number: u64, fact: Fact, bytes: usize) {
        self.facts.push(fact);
        self.numbers.push(number);
        self.bytes += bytes;
    }

    pub(super) fn is_full(&self) -> bool {
        self.facts.len() >= MAX_FACTS || self.bytes >= MAX_BYTES
    }
}

/// The log as this command writes to it.
pub(super) struct Writer {
    log: Log,
    session: Session,
    /// Acknowledge on stdout, as long as somebody reads there.
    acks: bool,
    skip_invalid: bool,
    appended: u64,
    skipped: u64,
    /// The first line that was left out, and why.
    first_skipped: Option<(u64, String)>,
    /// The lines of the batch that failed, and whether they may nevertheless survive.
    failed: Option<Lines>,
}

impl Writer {
    pub(super) fn new(log: Log, session: Session, args: &AppendArgs) -> Self {
        Writer {
            log,
            session,
            acks: args.ack,
            skip_invalid: args.skip_invalid,
            appended: 0,
            skipped: 0,
            first_skipped: None,
            failed: None,
        }
    }

    pub(super) fn stop(&self) -> Stop {
        self.session.stop.clone()
    }

    /// Opens the log for writing.
    pub(super) async fn open(&mut self) -> Result<(), Failure> {
        let opened = self.log.append(&[]).await?;
        remarks::tell(&opened.remarks, &self.session.notes);
        Ok(())
    }

    /// A line that is no fact: the end, or a count.
    pub(super) fn refuse(&mut self, number: u64, error: &Error) -> Result<(), Failure> {
        if !self.skip_invalid {
            let mut told = Error::new(ErrorKind::Invalid, format!("line {number}: {error}"));
            let leave_out = "--skip-invalid leaves such lines out";
            told = match error.cure() {
                Some(cure) => told.with_cure(format!("{cure}; {leave_out}")),
                None => told.with_cure(leave_out),
            };
            return Err(told.into());
        }
        self.session.notes.detail(&format!("skipped line {number}: {error}"));
        self.skipped += 1;
        self.first_skipped.get_or_insert_with(|| (number, error.to_string()));
        Ok(())
    }

    /// Appends a batch. If the log refuses a fact of it (too long, say), the batch is halved until that one is found, so that
    /// everything before it is written.
    pub(super) async fn write(&mut self, batch: Batch) -> Result<(), Failure> {
        let mut parts = Vec::from_iter((!batch.facts.is_empty()).then_some(0..batch.facts.len()));
        while let Some(part) = parts.pop() {
            match self.log.append(&batch.facts[part.clone()]).await {
                Ok(appended) => {
                    remarks::tell(&appended.remarks, &self.session.notes);
                    self.appended += part.len() as u64;
                    self.acknowledge(&batch.numbers[part], &appended.positions)?;
                }
                Err(error) if error.kind() == ErrorKind::Invalid && error.outcome() == Outcome::NotWritten => {
                    if part.len() == 1 {
                        self.refuse(batch.numbers[part.start], &error)?;
                    } else {
                        let middle = part.start + part.len() / 2;
                        parts.push(middle..part.end);
                        parts.push(part.start..middle);
                    }
                }
                Err(error) if error.fates().is_some_and(|fates| fates.positions.len() == part.len()) => {
                    let (facts, numbers) = (&batch.facts[part.clone()], &batch.numbers[part]);
                    let again = self.sort_out(facts, numbers, &error)?;
                    // Each of these facts goes to one part, which refuses them all or none.
                    Box::pin(self.write(again)).await?;
                    if self.failed.is_some() {
                        return Err(error.into());
                    }
                }
                Err(error) => {
                    self.failed = Lines::of(&batch.numbers[part], error.outcome());
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    /// Some parts of the log took their facts, and others did not. Gives those that are to be tried again, because one of them
    /// is at fault.
    fn sort_out(&mut self, facts: &[Fact], numbers: &[u64], error: &Error) -> Result<Batch, Failure> {
        let mut again = Batch::default();
        let Some(fates) = error.fates() else { return Ok(again) };
        let written = fates.positions.iter().zip(numbers).filter_map(|(place, number)| Some((*number, (*place)?)));
        let (written, positions): (Vec<u64>, Vec<papyra::Position>) = written.unzip();
        self.appended += written.len() as u64;
        self.acknowledge(&written, &positions)?;
        for refusal in &fates.refusals {
            let own = refusal.facts.iter().filter_map(|at| Some((*numbers.get(*at)?, facts.get(*at)?)));
            if refusal.error.kind() == ErrorKind::Invalid && refusal.error.outcome() == Outcome::NotWritten {
                own.for_each(|(number, fact)| again.push(number, fact.clone(), 0));
            } else {
                let numbers: Vec<u64> = own.map(|(number, _)| number).collect();
                self.failed = self.failed.take().or(Lines::of(&numbers, refusal.error.outcome()));
            }
        }
        Ok(again)
    }

    fn acknowledge(&mut self, numbers: &[u64], positions: &[papyra::Position]) -> Result<(), Failure> {
        if !self.acks {
            return Ok(());
        }
        for (number, position) in numbers.iter().zip(positions) {
            let seq = position.seq().map_or_else(String::new, |seq| format!("\"seq\":{seq},"));
            let line = format!("{{\"line\":{number},{seq}\"position\":{}}}", safe::json_string(&position.to_string()));
            self.heard(|session| session.out.line(&line))?;
        }
        self.heard(|session| session.out.flush())
    }

    /// Whoever stops reading acknowledgements did not say that the facts may be lost: go on without.
    fn heard(&mut self, tell: impl FnOnce(&mut Session) -> Result<(), Failure>) -> Result<(), Failure> {
        if !self.acks {
            return Ok(());
        }
        match tell(&mut self.session) {
            Err(failure) if failure.exit_code() == ExitCode::Done => {
                self.acks = false;
                Ok(())
            }
            told => told,
        }
    }

    /// Closes the log and says what was done.
    pub(super) async fn end(self, fed: Result<(), Failure>) -> Result<ExitCode, Failure> {
        let closed = self.log.close().await.map_err(Failure::from);
        let notes = &self.session.notes;
        let facts = count(self.appended, "fact");
        if let Some((number, cause)) = &self.first_skipped {
            let skipped = count(self.skipped, "invalid line");
            notes.warning(&format!("skipped {skipped}, the first is line {number}: {cause}"));
        }
        let failure = match fed.and(closed) {
            Ok(()) => {
                notes.note(&format!("appended {facts}"));
                if let Some(waiting) = self.log.backend().backlog().filter(|waiting| waiting.facts > 0) {
                    let facts = count(waiting.facts, "fact");
                    notes.note(&format!("{facts} wait in the spool, safely written, for the next start to ship them"));
                }
                return Ok(ExitCode::Done);
            }
            Err(failure) => failure,
        };
        notes.failure(&failure);
        match &self.failed {
            Some(Lines { text, outcome: Outcome::NotWritten }) => {
                notes.warning(&format!("appended {facts}, safely written; nothing of {text} is"));
            }
            Some(Lines { text, outcome: Outcome::Unknown }) => notes.warning(&format!(
                "appended {facts}, safely written; {text} may be in the log or not: look before sending them again"
            )),
            None if self.appended > 0 || matches!(failure, Failure::Stopped(_)) => {
                notes.warning(&format!("appended {facts}, safely written"));
            }
            None => {}
        }
        Err(Failure::Told(failure.exit_code()))
    }
}

/// Lines whose facts were not acknowledged, in words, and whether they may nevertheless survive.
struct Lines {
    text: String,
    outcome: Outcome,
}

impl Lines {
    fn of(numbers: &[u64], outcome: Outcome) -> Option<Self> {
        let (first, last) = (*numbers.first()?, *numbers.last()?);
        // Lines between them may have gone to another part of the log.
        let text = if last - first < numbers.len() as u64 || numbers.len() > MAX_LISTED {
            let count =
                if last - first < numbers.len() as u64 { String::new() } else { format!("{} of ", numbers.len()) };
            format!("{count}the lines {first} to {last}")
        } else {
            let all: Vec<String> = numbers.iter().map(u64::to_string).collect();
            format!("the lines {}", all.join(", "))
        };
        Some(Lines { text, outcome })
    }
}

fn count(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
