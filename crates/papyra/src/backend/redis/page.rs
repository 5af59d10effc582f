//! Entries of one stream, page by page.

use std::collections::VecDeque;

use redis::{Cmd, Value};

use super::{id::Id, keys::Stream, reply, server::Server};
use crate::{Error, ErrorKind, Order, Result};

/// Entries of the first page, and of the largest. A page of entries as large as they may be must fit into memory.
pub(super) const FIRST: usize = 16;
const MOST: usize = 512;
/// A page is made larger as long as it has fewer bytes.
const BYTES: usize = 512 << 10;

/// An entry as the server has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Raw {
    pub(super) id: Id,
    /// Names and values, in their order.
    pub(super) fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Raw {
    /// The field that holds the fact.
    pub(super) fn data(&self) -> Option<&[u8]> {
        self.fields.iter().find(|(name, _)| name == b"data").map(|(_, value)| value.as_slice())
    }

    /// What it takes.
    pub(super) fn bytes(&self) -> usize {
        self.fields.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    pub(super) fn parse(value: &Value) -> Option<Raw> {
        let [id, fields] = reply::parts(value)? else { return None };
        let id = Id::parse(reply::text(id)?)?;
        let fields = reply::parts(fields).unwrap_or_default().chunks_exact(2);
        let fields =
            fields.filter_map(|pair| Some((reply::bytes(&pair[0])?.to_vec(), reply::bytes(&pair[1])?.to_vec())));
        Some(Raw { id, fields: fields.collect() })
    }
}

/// The command for so many entries from one id up to another, both included.
pub(super) fn range(key: &str, from: Id, upto: Id, count: usize) -> Cmd {
    let mut command = redis::cmd("XRANGE");
    command.arg(key).arg(from.to_string()).arg(upto.to_string()).arg("COUNT").arg(count);
    command
}

fn range_back(key: &str, from: Id, upto: Id, count: usize) -> Cmd {
    let mut command = redis::cmd("XREVRANGE");
    command.arg(key).arg(upto.to_string()).arg(from.to_string()).arg("COUNT").arg(count);
    command
}

/// The entries of an answer.
pub(super) fn entries(value: &Value) -> Option<Vec<Raw>> {
    reply::parts(value)?.iter().map(Raw::parse).collect()
}

/// How many entries the next page has, if one of so many took so many bytes.
pub(super) fn next_count(count: usize, bytes: usize) -> usize {
    match bytes {
        bytes if bytes > 2 * BYTES => (count / 4).max(1),
        bytes if bytes < BYTES => (count * 2).min(MOST),
        _ => count,
    }
}

/// A way through one stream.
#[derive(Debug)]
pub(super) struct Pages {
    pub(super) stream: Stream,
    order: Order,
    /// What is left: from here up to there, both included; `None` if nothing.
    left: Option<(Id, Id)>,
    count: usize,
    ready: VecDeque<Raw>,
}

impl Pages {
    pub(super) fn new(stream: Stream, order: Order, from: Id, upto: Id) -> Self {
        Pages { stream, order, left: (from <= upto).then_some((from, upto)), count: FIRST, ready: VecDeque::new() }
    }

    /// The next entry, which stays.
    pub(super) async fn peek(&mut self, server: &Server) -> Result<Option<Id>> {
        if self.ready.is_empty()
            && let Some((from, upto)) = self.left
        {
            let key = server.keys().stream(self.stream);
            let command = match self.order {
                Order::OldestFirst => range(key, from, upto, self.count),
                Order::NewestFirst => range_back(key, from, upto, self.count),
            };
            let value = server.call("read", &command).await?;
            let page = entries(&value)
                .ok_or_else(|| Error::new(ErrorKind::Internal, format!("an answer about `{key}` is not understood")))?;
            self.left = match (page.last(), self.order) {
                _ if page.len() < self.count => None,
                (Some(last), Order::OldestFirst) => Some((last.id.next(), upto)).filter(|(from, _)| *from > last.id),
                (Some(last), Order::NewestFirst) => last.id.before().map(|upto| (from, upto)),
                (None, _) => None,
            };
            self.left = self.left.filter(|(from, upto)| from <= upto);
            self.count = next_count(self.count, page.iter().map(Raw::bytes).sum());
            self.ready = page.into();
        }
        Ok(self.ready.front().map(|raw| raw.id))
    }

    /// Takes what [`peek`](Self::peek) showed.
    pub(super) fn take(&mut self) -> Option<Raw> {
        self.ready.pop_front()
    }
}
