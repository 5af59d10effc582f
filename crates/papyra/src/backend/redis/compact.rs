//! Compaction: what retention hides is taken out of the streams, beside their writers and readers.

use redis::{Cmd, Pipeline};

use super::{
    floors,
    id::Id,
    judge::judge,
    keys::Stream,
    merge::Merge,
    pass::{How, Passed, pass},
    recover::certify,
    server::Server,
    state::State,
};
use crate::{CompactionConfig, CompactionReport, Cut, Error, ErrorKind, Order, Position, Result, ScanReport};

/// Entries that are taken out by one command.
const TOGETHER: usize = 500;

/// Compacts a log as it was when this began; what is added meanwhile stays.
pub(super) async fn compact(
    server: &Server,
    config: &CompactionConfig,
    report: ScanReport,
) -> Result<CompactionReport> {
    let how = How { progress: config.progress.clone(), ..How::default() };
    let Passed { report, tops, .. } = pass(server, how, report, None).await?;
    if !report.is_clean() {
        let total = report.anomalies_total;
        return Err(Error::new(ErrorKind::Corrupt, format!("the log `{}` has {total} anomalies", server.address()))
            .with_cure("recover first: `papyra persistence recover`"));
    }
    let parts: Vec<(Stream, Id, Id)> = Stream::ALL
        .into_iter()
        .filter_map(|stream| tops[stream.index()].map(|top| (stream, Id::default(), top.last)))
        .collect();
    let cut = decide(server, config, &parts).await?;
    let mut work = Work::new(server, config, &parts).await?;
    // A dry run first, so that nothing is touched if nothing would remain.
    let mut figures = work.run(&cut, &parts, false).await?;
    if figures.after_records == 0 && figures.before_records > 0 && !config.allow_empty {
        return Err(Error::nothing_would_remain(server.address()));
    }
    if figures.after_records < figures.before_records && !config.dry_run {
        figures = work.run(&cut, &parts, true).await?;
        figures.changed = true;
    }
    figures.backend = report.backend;
    Ok(figures)
}

/// Decides what stays, from the newest entry back.
async fn decide(server: &Server, config: &CompactionConfig, parts: &[(Stream, Id, Id)]) -> Result<Cut> {
    let mut cut = config.retention.cut(config.now);
    let mut merge = Merge::new(Order::NewestFirst, parts.iter().copied());
    while !cut.is_closed()
        && let Some((_, raw)) = merge.next(server).await?
    {
        if let Some((kind, timestamp)) = judge(&raw, false).head() {
            cut.keeps_at(raw.id.into(), kind, timestamp, raw.data().map_or(0, <[u8]>::len) as u64);
        }
    }
    Ok(cut)
}

struct Work<'a> {
    server: &'a Server,
    /// Per stream, what groups still need.
    floors: [Option<Id>; 3],
}

/// What goes from one stream.
#[derive(Default)]
struct Going {
    /// Everything so far goes: up to this entry.
    front: Option<Id>,
    /// Something stays, so what goes behind it goes one by one.
    stays: bool,
    single: Vec<Id>,
}

impl<'a> Work<'a> {
    async fn new(server: &'a Server, config: &CompactionConfig, parts: &[(Stream, Id, Id)]) -> Result<Self> {
        let mut floors = [None; 3];
        if !config.ignore_groups {
            for (stream, ..) in parts {
                floors[stream.index()] = floors::floor(server, *stream).await?;
            }
        }
        Ok(Work { server, floors })
    }

    /// Goes through everything, oldest first, and takes out what goes, or only counts it.
    async fn run(&mut self, cut: &Cut, parts: &[(Stream, Id, Id)], changes: bool) -> Result<CompactionReport> {
        let mut figures = CompactionReport::default();
        let mut going: [Going; 3] = Default::default();
        if changes {
            // First the note that explains the gaps, then the gaps.
            for lane in self.server.keys().lanes() {
                let tops = parts.iter().filter(|(stream, ..)| lane.streams().contains(stream));
                if let Some(through) = tops.map(|(.., top)| *top).max() {
                    certify(self.server, *lane, through).await?;
                }
            }
        }
        let mut merge = Merge::new(Order::OldestFirst, parts.iter().copied());
        while let Some((stream, raw)) = merge.next(self.server).await? {
            let Some((kind, timestamp)) = judge(&raw, false).head() else { continue };
            let bytes = raw.data().map_or(0, <[u8]>::len) as u64;
            figures.before_records += 1;
            figures.before_bytes += bytes;
            let visible = cut.stays_at(Position::from(raw.id), kind, timestamp);
            let needed = self.floors[stream.index()].is_some_and(|floor| raw.id >= floor);
            figures.held_by_groups += u64::from(needed && !visible);
            let going = &mut going[stream.index()];
            if visible || needed {
                figures.after_records += 1;
                figures.after_bytes += bytes;
                if let Some(front) = going.front.take().filter(|_| changes) {
                    self.trim(stream, front).await?;
                }
                going.stays = true;
            } else if !going.stays {
                going.front = Some(raw.id);
            } else {
                going.single.push(raw.id);
                if going.single.len() >= TOGETHER {
                    let ids = std::mem::take(&mut going.single);
                    if changes {
                        self.delete(stream, &ids).await?;
                    }
                }
            }
        }
        for (stream, going) in Stream::ALL.into_iter().zip(going).filter(|_| changes) {
            if let Some(front) = going.front {
                self.trim(stream, front).await?;
            }
            self.delete(stream, &going.single).await?;
        }
        Ok(figures)
    }

    /// Takes out everything up to an entry, that one included.
    async fn trim(&self, stream: Stream, upto: Id) -> Result<()> {
        let mut command = redis::cmd("XTRIM");
        command.arg(self.server.keys().stream(stream)).arg("MINID").arg("=").arg(upto.next().to_string());
        self.send(stream, command).await
    }

    async fn delete(&self, stream: Stream, ids: &[Id]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut command = redis::cmd("XDEL");
        command.arg(self.server.keys().stream(stream));
        for id in ids {
            command.arg(id.to_string());
        }
        self.send(stream, command).await
    }

    async fn send(&self, stream: Stream, command: Cmd) -> Result<()> {
        let mut pipeline = Pipeline::new();
        State::cares(pipeline.atomic(), self.server, stream);
        pipeline.add_command(command);
        self.server.transact("compact", &pipeline).await.map(drop)
    }
}
