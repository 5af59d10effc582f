//! One pass over all of a log, oldest first: what a scan reports, and what a recovery and a compaction build on.

use super::{
    aside::Aside,
    findings::Findings,
    id::Id,
    keys::Stream,
    merge::Merge,
    reply,
    server::Server,
    state::{self, Moment, Top},
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
    let moment = Moment::of(server).await?;
    if moment.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, format!("there is no log `{}`", server.address()))
            .with_cure("check server, prefix and system; the first append creates it"));
    }
    for (stream, _) in &moment.foreign {
        let key = server.keys().stream(*stream);
        let other = state::type_of(server, key).await?;
        report.add(Anomaly::new(AnomalyKind::WrongType, key, format!("the key holds a {other}, not a stream")));
    }
    let (mut parts, mut begun) = (Vec::new(), [Id::default(); 3]);
    for stream in Stream::ALL {
        let Some(top) = moment.tops[stream.index()] else { continue };
        let from = match how.sample {
            Some(sample) => nth_newest(server, stream, top.last, sample).await?,
            None => Id::default(),
        };
        begun[stream.index()] = from;
        parts.push((stream, from, top.last));
    }
    if let Some(progress) = how.progress.as_ref().filter(|_| how.sample.is_none()) {
        for (stream, ..) in &parts {
            progress.announce(size(server, *stream).await);
        }
    }
    let names = Stream::ALL.map(|stream| server.keys().stream(stream).into());
    let mut findings = Findings::new(report, names, how.deep);
    let mut merge = Merge::new(Order::OldestFirst, parts);
    while let Some((stream, raw)) = merge.next(server).await? {
        if let Some(progress) = &how.progress {
            progress.add(raw.data().map_or(0, <[u8]>::len) as u64);
        }
        if let (Some(bad), Some(aside)) = (findings.see(stream, raw), &mut aside) {
            aside.take(bad).await?;
        }
    }
    // What was dropped meanwhile, by a compaction or by writers that bound their streams, is no gap either.
    let after = Moment::of(server).await?;
    let explained = |stream: Stream| {
        let lane = server.keys().lane(stream);
        // Of a sample, the streams begin at different places.
        let begun = lane.streams().iter().map(|stream| begun[stream.index()]).max().unwrap_or_default();
        begun.max(moment.explained(lane)).max(after.explained(lane))
    };
    let (mut report, missing) = findings.end(explained);
    if let Some(sample) = how.sample {
        report.notes.push(format!("only the newest {sample} entries of each stream were looked at"));
    }
    Ok(Passed { report, tops: moment.tops, missing })
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
