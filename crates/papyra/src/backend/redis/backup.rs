//! Backing up: streams, groups and what is pending are read beside whoever writes, and handed over as lines.

use redis::{Cmd, Value};

use super::{
    id::Id,
    judge::judge,
    keys::Stream,
    page::{self, Raw},
    reply::{self, named, number, parts, text},
    server::Server,
    state::Moment,
    stored::{Bytes, EntryLine, GROUPS, GroupLine, Name, PENDING, PendingLine, STREAMS, Source, StreamLine, line},
};
use crate::{Copied, Error, ErrorKind, Figures, Piece, PieceSink, Result};

/// How often the copying begins anew if a compaction or a recovery took something out meanwhile.
const TRIES: u32 = 5;
/// Pending entries that are asked for at once.
const PAGE: usize = 1000;

/// Hands a log over.
pub(super) async fn copy(server: &Server, sink: &mut dyn PieceSink) -> Result<Copied> {
    for _ in 0..TRIES {
        // Groups come first: what they have delivered or acknowledged since then is delivered once more after a restoration,
        // and nothing is passed over.
        let mut copied = Copied::from(server.address());
        hand_over_groups(server, &mut copied, sink).await?;
        let moment = Moment::of(server).await?;
        if moment.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no log `{}`", server.address()))
                .with_cure("check server, prefix and system"));
        }
        if hand_over(server, &moment, &mut copied, sink).await? && is_unchanged(&moment, &Moment::of(server).await?) {
            return Ok(copied);
        }
    }
    let message = format!("entries of `{}` are taken out while they are copied", server.address());
    Err(Error::new(ErrorKind::Locked, message)
        .with_cure("wait until the compaction or recovery is over, then try again"))
}

/// Whether nothing was taken out but what writers drop that bound their streams.
fn is_unchanged(before: &Moment, after: &Moment) -> bool {
    Stream::ALL.into_iter().map(Stream::index).all(|at| {
        let deleted = |moment: &Moment| moment.tops[at].map(|top| top.deleted);
        before.states[at].care == after.states[at].care && deleted(before) == deleted(after)
    })
}

/// Hands over the streams; `false` if what came next was dropped before it could be copied.
async fn hand_over(server: &Server, moment: &Moment, copied: &mut Copied, sink: &mut dyn PieceSink) -> Result<bool> {
    let keys = server.keys();
    copied.log_id = moment.states.iter().find_map(|state| state.log.clone());
    let mut lines = Pieces::begin(STREAMS, sink)?;
    for stream in Stream::ALL {
        let (Some(top), state) = (moment.tops[stream.index()], &moment.states[stream.index()]) else { continue };
        lines.add(&StreamLine {
            stream: Name(stream),
            last: top.last,
            added: top.added,
            deleted: top.deleted,
            ahead: state.ahead,
            gaps_through: state.gaps_through,
        })?;
    }
    lines.end(copied)?;
    for (stream, _) in &moment.foreign {
        copied.left_out.push(format!("{}: the key holds no stream", keys.stream(*stream)));
    }
    for source in Source::all() {
        let key = source.key(keys);
        let upto = match source {
            Source::Facts(stream) => moment.tops[stream.index()].map(|top| top.last),
            // Whatever is set aside while we copy may come along.
            _ => (super::state::type_of(server, &key).await? == "stream").then_some(Id::MAX),
        };
        let Some(upto) = upto else { continue };
        let mut lines = Pieces::begin(&source.piece(), sink)?;
        if !hand_over_entries(server, &key, upto, &mut lines, matches!(source, Source::Facts(_))).await? {
            return Ok(false);
        }
        lines.end(copied)?;
    }
    Ok(true)
}

/// Hands over the entries of a stream, the oldest first. Each page begins with the entry that the one before it ended with: if
/// that is gone, others behind it may be gone as well.
async fn hand_over_entries(
    server: &Server,
    key: &str,
    upto: Id,
    lines: &mut Pieces<'_>,
    of_facts: bool,
) -> Result<bool> {
    let (mut last, mut count) = (None, page::FIRST);
    loop {
        let command = page::range(key, last.unwrap_or_default(), upto, count + 1);
        let answer = server.call("back up", &command).await?;
        let entries = page::entries(&answer).ok_or_else(|| odd(key))?;
        let is_last = entries.len() <= count;
        let bytes = entries.iter().map(Raw::bytes).sum();
        let mut entries = entries.into_iter();
        if let Some(last) = last
            && entries.next().is_none_or(|first: Raw| first.id != last)
        {
            return Ok(false);
        }
        for raw in entries {
            last = Some(raw.id);
            if let Some((_, timestamp)) = judge(&raw, false).head().filter(|_| of_facts) {
                lines.figures.add(raw.id.into(), timestamp);
            }
            lines.add(&EntryLine::from(raw))?;
        }
        if is_last {
            return Ok(true);
        }
        count = page::next_count(count, bytes);
    }
}

/// Hands over the groups of all streams, and what is pending in them.
async fn hand_over_groups(server: &Server, copied: &mut Copied, sink: &mut dyn PieceSink) -> Result<()> {
    let mut groups = Vec::new();
    for stream in Stream::ALL {
        groups.extend(groups_of(server, stream).await?);
    }
    if groups.is_empty() {
        return Ok(());
    }
    let mut lines = Pieces::begin(GROUPS, sink)?;
    groups.iter().try_for_each(|group| lines.add(group))?;
    lines.end(copied)?;
    let mut lines = Pieces::begin(PENDING, sink)?;
    for group in &groups {
        hand_over_pending(server, group, &mut lines).await?;
    }
    lines.end(copied)
}

async fn groups_of(server: &Server, stream: Stream) -> Result<Vec<GroupLine>> {
    let key = server.keys().stream(stream);
    if super::state::type_of(server, key).await? != "stream" {
        return Ok(Vec::new());
    }
    let about = |what: &str| {
        let mut command = redis::cmd("XINFO");
        command.arg(what).arg(key);
        command
    };
    let mut groups = Vec::new();
    for known in parts(&server.call("back up", &about("GROUPS")).await?).ok_or_else(|| odd(key))? {
        let group = named(known, "name").and_then(reply::bytes).ok_or_else(|| odd(key))?.to_vec();
        let last_delivered = named(known, "last-delivered-id").and_then(text).and_then(Id::parse);
        let mut command = about("CONSUMERS");
        command.arg(&group);
        let consumers = server.call("back up", &command).await?;
        let consumers = parts(&consumers).ok_or_else(|| odd(key))?.iter();
        groups.push(GroupLine {
            stream: Name(stream),
            group: Bytes(group),
            last_delivered: last_delivered.ok_or_else(|| odd(key))?,
            entries_read: named(known, "entries-read").and_then(number),
            consumers: consumers
                .filter_map(|known| Some(Bytes(named(known, "name").and_then(reply::bytes)?.to_vec())))
                .collect(),
        });
    }
    Ok(groups)
}

async fn hand_over_pending(server: &Server, group: &GroupLine, lines: &mut Pieces<'_>) -> Result<()> {
    let key = server.keys().stream(group.stream.0);
    let now = server.call("back up", &redis::cmd("TIME")).await?;
    let now = parts(&now).and_then(|now| Some(number(now.first()?)? * 1000 + number(now.get(1)?)? / 1000));
    let now = now.ok_or_else(|| odd(key))?;
    let mut from = Id::default();
    loop {
        let mut command: Cmd = redis::cmd("XPENDING");
        command.arg(key).arg(&group.group.0).arg(from.to_string()).arg("+").arg(PAGE);
        let answer: Value = server.call("back up", &command).await?;
        let page = parts(&answer).ok_or_else(|| odd(key))?;
        for entry in page {
            let [id, consumer, idle, deliveries] = parts(entry).ok_or_else(|| odd(key))? else { return Err(odd(key)) };
            let id = text(id).and_then(Id::parse).ok_or_else(|| odd(key))?;
            let consumer = reply::bytes(consumer).ok_or_else(|| odd(key))?;
            from = id.next();
            lines.add(&PendingLine {
                stream: group.stream,
                group: group.group.clone(),
                consumer: Bytes(consumer.to_vec()),
                id,
                // A clock that was set back makes an idle time below zero.
                delivered: now.saturating_sub(number(idle).unwrap_or_default()),
                deliveries: number(deliveries).ok_or_else(|| odd(key))?,
            })?;
        }
        if page.len() < PAGE {
            return Ok(());
        }
    }
}

/// The lines of one piece on their way.
struct Pieces<'a> {
    name: String,
    sink: &'a mut dyn PieceSink,
    figures: Figures,
}

impl<'a> Pieces<'a> {
    fn begin(name: &str, sink: &'a mut dyn PieceSink) -> Result<Self> {
        // It carries no mark, so its bytes are always wanted.
        sink.begin(&Piece::new(name))?;
        Ok(Pieces { name: name.to_owned(), sink, figures: Figures::default() })
    }

    fn add<T: serde::Serialize>(&mut self, value: &T) -> Result<()> {
        self.sink.write(&line(value)?)
    }

    fn end(self, copied: &mut Copied) -> Result<()> {
        copied.pieces.push(self.name);
        self.sink.end(self.figures)
    }
}

fn odd(key: &str) -> Error {
    Error::new(ErrorKind::Internal, format!("an answer about `{key}` is not understood"))
}
