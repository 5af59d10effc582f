//! One pass over all of a log, oldest first: what a scan reports, and what a recovery and a compaction build on.

use super::{
    aside::Aside,
    id::Id,
    judge::{Is, judge},
    keys::Stream,
    merge::Merge,
    page::Raw,
    reply,
    sequence::{Number, Sequence},
    server::Server,
    state::{self, State, Top},
};
use crate::{Anomaly, AnomalyKind, Error, ErrorKind, Order, Progress, Result, ScanReport};

/// How a pass is made.
#[derive(Clone, Debug, Default)]
pub(super) struct How {
    pub(super) deep: bool,
    /// Only so many of the newest entries of each stream.
    pub(super) sample: Option<u64>,
    pub(super) progress: Option<Progress>,
}

/// What a pass found.
#[derive(Debug)]
pub(super) struct Passed {
    pub(super) report: ScanReport,
    /// How far each stream had got; `None` if it did not exist, or is none.
    pub(super) tops: [Option<Top>; 3],
    /// Numbers that are missing and that nothing explains.
    pub(super) missing: u64,
}

/// An entry that has to go.
#[derive(Debug)]
pub(super) struct Bad {
    pub(super) stream: Stream,
    pub(super) raw: Raw,
    pub(super) why: String,
    /// A fact is lost with it: it is no copy of another entry.
    pub(super) loses: bool,
}

/// Passes over everything, and hands over what has to go.
///
/// # Errors
/// `NotFound` if there is no stream at all.
pub(super) async fn pass(
    server: &Server,
    how: How,
    mut report: ScanReport,
    mut aside: Option<&mut Aside<'_>>,
) -> Result<Passed> {
    let (mut tops, mut parts, mut exists) = ([None; 3], Vec::new(), false);
    for stream in Stream::ALL {
        let key = server.keys().stream(stream);
        match state::type_of(server, key).await?.as_str() {
            "none" => continue,
            "stream" => {}
            other => {
                exists = true;
                report.add(Anomaly::new(AnomalyKind::WrongType, key, format!("the key holds a {other}, not a stream")));
                continue;
            }
        }
        let Some(top) = state::top(server, stream).await? else { continue };
        exists = true;
        tops[stream.index()] = Some(top);
        let from = match how.sample {
            Some(sample) => nth_newest(server, stream, top.last, sample).await?,
            None => Id::default(),
        };
        parts.push((stream, from, top.last));
    }
    if !exists {
        return Err(Error::new(ErrorKind::NotFound, format!("there is no log `{}`", server.address()))
            .with_cure("check server, prefix and system; the first append creates it"));
    }
    let mut states = [State::default(), State::default(), State::default()];
    for stream in Stream::ALL {
        states[stream.index()] = State::read(server, server.keys().lane(stream)).await?;
    }
    if let Some(progress) = how.progress.as_ref().filter(|_| how.sample.is_none()) {
        for (stream, ..) in &parts {
            progress.announce(size(server, *stream).await);
        }
    }
    let mut sequence = Sequence::default();
    let mut merge = Merge::new(Order::OldestFirst, parts);
    while let Some((stream, raw)) = merge.next(server).await? {
        let bytes = raw.data().map_or(0, <[u8]>::len) as u64;
        report.bytes += bytes;
        if let Some(progress) = &how.progress {
            progress.add(bytes);
        }
        let key = server.keys().stream(stream);
        let is = judge(&raw, how.deep);
        let finding = match &is {
            Is::Damaged(why) => Some((AnomalyKind::CorruptedLine, why.clone(), None)),
            Is::Signed(signature, _) => match sequence.see(signature.writer, signature.seq, stream, raw.id) {
                Number::New => None,
                Number::Doubled => {
                    let why = format!("entry {} of the writer {} stands there twice", signature.seq, signature.writer);
                    Some((AnomalyKind::DuplicateEntry, why, Some(signature.seq)))
                }
            },
            Is::Legacy(_) => {
                report.legacy_lines += 1;
                None
            }
        };
        match (finding, is.head()) {
            (Some((kind, why, seq)), _) => {
                let anomaly = Anomaly::new(kind, key, format!("entry {}: {why}", raw.id));
                report.add(match seq {
                    Some(seq) => anomaly.for_seqs(seq, seq),
                    None => anomaly.at(0, bytes),
                });
                let loses = kind == AnomalyKind::CorruptedLine;
                drop(is);
                if let Some(aside) = &mut aside {
                    aside.take(Bad { stream, raw, why, loses }).await?;
                }
            }
            (None, Some((kind, timestamp))) => {
                report.count(kind);
                report.time(timestamp);
                if Stream::of(kind) != stream {
                    report.add(Anomaly::new(
                        AnomalyKind::ForeignLine,
                        key,
                        format!("entry {}: a fact of the kind {kind} stands in the stream of others", raw.id),
                    ));
                }
            }
            (None, None) => {}
        }
    }
    let forgotten = sequence.forgotten;
    let mut missing = 0;
    for gap in sequence.gaps() {
        // What is missing may have stood in any stream of the lane: before the front of one of them, it was dropped there.
        let lane = server.keys().lane(gap.stream).streams();
        let fronts = lane.iter().filter_map(|stream| tops[stream.index()]).map(|top| top.front);
        let explained = fronts.chain(states[gap.stream.index()].gaps_through).max().unwrap_or_default();
        if gap.before <= explained {
            continue;
        }
        missing += gap.last - gap.first + 1;
        let what = match gap.last - gap.first {
            0 => format!("entry {} is", gap.first),
            _ => format!("entries {} to {} are", gap.first, gap.last),
        };
        report.add(
            Anomaly::new(
                AnomalyKind::MissingEntries,
                server.keys().stream(gap.stream),
                format!("before entry {}: {what} missing of the writer {}", gap.before, gap.writer),
            )
            .for_seqs(gap.first, gap.last),
        );
    }
    if report.legacy_lines > 0 {
        report.notes.push(format!(
            "{} entries carry no checksum of ours: changes in them cannot be found",
            report.legacy_lines
        ));
    }
    if forgotten > 0 {
        report
            .notes
            .push(format!("{forgotten} writers too many: doubled entries of the oldest may have been overlooked"));
    }
    if let Some(sample) = how.sample {
        report.notes.push(format!("only the newest {sample} entries of each stream were looked at"));
    }
    Ok(Passed { report, tops, missing })
}

/// About how many bytes a stream has: for a bar, and so nothing to fail over.
async fn size(server: &Server, stream: Stream) -> u64 {
    let mut command = redis::cmd("MEMORY");
    command.arg("USAGE").arg(server.keys().stream(stream));
    server.call("look at", &command).await.ok().and_then(|value| reply::number(&value)).unwrap_or(0)
}

/// The id of the oldest of so many newest entries.
async fn nth_newest(server: &Server, stream: Stream, last: Id, sample: u64) -> Result<Id> {
    let (mut pages, mut oldest) =
        (super::page::Pages::new(stream, Order::NewestFirst, Id::default(), last), last.next());
    for _ in 0..sample {
        match pages.peek(server).await? {
            Some(id) => oldest = id,
            None => break,
        }
        pages.take();
    }
    Ok(oldest)
}
