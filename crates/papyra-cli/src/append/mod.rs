//! `papyra append`: facts as NDJSON on stdin, into the log.

mod input;
mod remarks;
mod writer;

use std::{collections::VecDeque, io::Read, time::Duration};

use clap::Args;
use papyra::{
    Error, ErrorKind,
    units::{format_duration, parse_duration},
};

use crate::{exit::ExitCode, failure::Failure, help, session::Session};
use input::{Content, Line};
use writer::{Batch, Writer};

/// Append facts that come as NDJSON on stdin
#[derive(Debug, Args)]
#[command(
    long_about = "Append facts that come as NDJSON on stdin.\n\n\
        Each line is a JSON object with at least a string `kind` (event, audit, dead_letter) and a number `timestamp`. \
        Blank lines are passed over. What belongs to another log (headers, and the members seq, crc, writer, skew and position) \
        is dropped, so that `cat old.ndjson | papyra append` and `papyra inspect -o ndjson | papyra append` copy facts. \
        The first line that is no fact ends the command with 65, after everything before it was written.",
    after_help = help::after(
        &[r#"echo '{"kind":"event","timestamp":1700000000}' | papyra append --path facts.ndjson"#,
          "papyra append --path copy.ndjson --ack < facts.ndjson"],
        &[help::OF_A_LOG, &[ExitCode::Input, ExitCode::CannotCreate, ExitCode::Locked, ExitCode::Anomalies]]
    )
)]
pub(crate) struct AppendArgs {
    /// Print {"line":L,"seq":N,"position":"…"} per fact, in input order, once it is durable
    #[arg(long)]
    ack: bool,
    /// Leave out lines that are no facts, and count them
    #[arg(long)]
    skip_invalid: bool,
    /// How long to keep trying while the log's server is away, such as 2min [default: the log's `timeout`, else 30s]
    #[arg(long, value_name = "D", value_parser = parse_duration)]
    timeout: Option<Duration>,
}

/// Runs the command.
pub(crate) async fn run(args: AppendArgs, session: Session, stdin: Box<dyn Read + Send>) -> Result<ExitCode, Failure> {
    let config = session.config_with(args.timeout.map(|timeout| ("timeout", format_duration(timeout).into())))?;
    let limit = input::line_limit(&config);
    let log = session.open_configured(&config).await?;
    let mut stop = session.stop.clone();
    let mut writer = Writer::new(log, session, &args);
    // Opening settles the tail and takes the lock: somebody who may not write learns it before the first fact is there.
    let opened = tokio::select! {
        opened = writer.open() => opened,
        signal = stop.wanted() => Err(Failure::Stopped(signal)),
    };
    let fed = match opened {
        Ok(()) => feed(&mut writer, stdin, limit).await,
        failed => failed,
    };
    writer.end(fed).await
}

/// Appends what comes, batch by batch: a line that waits alone goes at once, a flood goes in large batches.
async fn feed(writer: &mut Writer, stdin: Box<dyn Read + Send>, limit: usize) -> Result<(), Failure> {
    let mut lines = input::read(stdin, limit)?;
    let mut stop = writer.stop();
    let mut waiting = VecDeque::new();
    loop {
        if waiting.is_empty() {
            tokio::select! {
                // Who interrupts a pipeline often ends its input, too: the signal is what counts.
                biased;
                signal = stop.wanted() => return Err(Failure::Stopped(signal)),
                some = lines.recv() => match some {
                    Some(some) => waiting.extend(some),
                    None => return Ok(()),
                },
            }
        }
        let mut batch = Batch::default();
        let mut end = None;
        while !batch.is_full() && end.is_none() {
            match waiting.pop_front() {
                Some(Line { number, content: Content::Fact(fact, bytes) }) => batch.push(number, fact, bytes),
                Some(Line { number, content: Content::Invalid(error) }) => end = writer.refuse(number, &error).err(),
                Some(Line { content: Content::Unreadable(error), .. }) => {
                    let failed = Error::new(ErrorKind::Io, "cannot read standard input").with_source(error);
                    end = Some(failed.into());
                }
                None => match lines.try_recv() {
                    Ok(some) => waiting.extend(some),
                    Err(_) => break,
                },
            }
        }
        // What stood before the end is written first.
        writer.write(batch).await?;
        if let Some(end) = end {
            return Err(end);
        }
        if let Some(signal) = stop.now() {
            return Err(Failure::Stopped(signal));
        }
    }
}
