//! The quick way to add a large batch: plain commands in a transaction, between a script that looks whether they may and one that
//! says that they did ([decision 37](../../../../../docs/decisions/0037-a-large-batch-is-a-transaction.md)). It is for what
//! happens again and again, one writer that adds one batch after the other; all else is `append.lua`'s.

use redis::{Pipeline, RedisError, Value};

use super::{
    connection::Connection,
    id::Id,
    keys::Stream,
    reply,
    script::{self, Answer, Call, MARK_LIVES},
};

const READY: &str = concat!(include_str!("ids.lua"), include_str!("ready.lua"));
const SETTLE: &str = concat!(include_str!("ids.lua"), include_str!("kept.lua"), include_str!("settle.lua"));

/// Below so many lines the two scripts take longer than they save.
const LEAST: usize = 32;
/// After a refusal so many batches go the other way, and twice as many if the next one comes soon: somebody else writes, too.
const DETOUR: u32 = 64;
const LONGEST_DETOUR: u32 = 4096;
/// Ids below this one are told from their neighbours in scripts.
const LIMIT: u64 = 1 << 53;

/// Whether batches may go the quick way, and which ids they get.
#[derive(Debug, Default)]
pub(super) struct Quick {
    /// What the server said of it on this connection, once it was asked.
    allowed: Option<bool>,
    /// The first id of the next batch, where it can be foretold.
    next: Option<Id>,
    /// Batches that were sent since the last announcement, which changes what ids begin with; the one behind it included.
    since: Option<usize>,
    /// How many more batches go the other way, how many did after the last refusal, and how many went this way since.
    left: u32,
    detour: u32,
    went: u32,
}

impl Quick {
    /// The first id of the next batch, if it may go the quick way.
    pub(super) fn first(&self, lines: usize) -> Option<Id> {
        let open = self.allowed == Some(true) && self.left == 0 && lines >= LEAST;
        self.next.filter(|next| open && next.ms < LIMIT && next.plus(lines as u64).n < LIMIT)
    }

    /// A batch was sent, this way or the other, behind an announcement or not.
    pub(super) fn sent(&mut self, lines: usize, is_quick: bool, is_announced: bool) {
        self.left = self.left.saturating_sub(1);
        self.went = self.went.saturating_add(is_quick.into());
        if is_announced {
            (self.since, self.next) = (Some(0), None);
        }
        self.since = self.since.map(|since| since + 1);
        self.next = self.next.map(|next| next.plus(lines as u64));
    }

    /// A batch that ends with this id is there; so many batches with so many lines were sent behind it.
    pub(super) fn added(&mut self, last: Id, batches: usize, lines: usize) {
        if self.next.is_none() && self.since.is_some_and(|since| batches < since) {
            self.next = Some(last.plus(1 + lines as u64));
        }
    }

    /// Whether the server is to be asked, since a batch as large as this would go the quick way.
    pub(super) fn asks(&self, lines: usize) -> bool {
        self.allowed.is_none() && lines >= LEAST
    }

    pub(super) fn allow(&mut self, allowed: bool) {
        self.allowed = Some(allowed);
    }

    /// Nothing is known any more of what will be where: something failed.
    pub(super) fn lose_track(&mut self) {
        self.next = None;
    }

    /// A batch was refused, and nothing written.
    pub(super) fn refused(&mut self) {
        let soon = self.went <= self.detour;
        self.detour = if soon { (2 * self.detour).clamp(DETOUR, LONGEST_DETOUR) } else { DETOUR };
        (self.left, self.went, self.next) = (self.detour, 0, None);
    }
}

/// Whether a server, and the user on it, can do all of this. A stream of the log's own is there.
///
/// # Errors
/// If the server cannot be asked.
pub(super) async fn is_allowed(connection: &mut Connection, stream: &str, mark: &str) -> Result<bool, RedisError> {
    if connection.leads_to_a_cluster() {
        return Ok(false);
    }
    const SAME: &str = concat!(
        include_str!("ids.lua"),
        "redis.call('XSETID', KEYS[1], named(redis.call('XINFO', 'STREAM', KEYS[1]), 'last-generated-id')) return 1"
    );
    let mut pipeline = redis::pipe();
    pipeline.atomic().ignore_errors();
    pipeline.cmd("EVAL").arg(SAME).arg(1).arg(stream);
    // A string takes no entry. Whoever does not know the option complains of that instead.
    pipeline.cmd("XADD").arg(mark).arg("NOMKSTREAM").arg("1-1").arg("data").arg("");
    match connection.ask_together(&pipeline).await {
        Ok(answers) => Ok(matches!(
            &answers[..],
            [Value::Int(1), Value::ServerError(refused)] if refused.code() == "WRONGTYPE"
        )),
        Err(error) if error.is_io_error() => Err(error),
        Err(_) => Ok(false),
    }
}

/// A batch that is to get ids from `first` on.
pub(super) fn transaction(call: &Call<'_>, first: Id) -> Pipeline {
    let (keys, lanes) = (call.keys, call.lane.streams());
    let (state, mark) = (keys.state(call.lane), keys.mark(call.lane, call.writer));
    let last = first.plus(call.lines.len() as u64 - 1);
    let turn = format!("{} {}", call.writer, call.last);
    let place = |stream: Stream| lanes.iter().position(|of| *of == stream).unwrap_or(0);
    let mut newest = vec![None; lanes.len()];
    for (n, line) in call.lines.iter().enumerate() {
        newest[place(line.stream)] = Some(first.plus(n as u64));
    }
    let used = || newest.iter().enumerate().filter_map(|(at, id)| Some((at + 1, (*id)?)));

    let mut pipeline = Pipeline::with_capacity(call.lines.len() + 2);
    pipeline.atomic().ignore_errors();
    let script = |pipeline: &mut Pipeline, text: &str| {
        // With its text: whoever had to be told that it is not known would have done what stands behind it.
        pipeline.cmd("EVAL").arg(text).arg(2 + lanes.len()).arg(&state).arg(&mark);
        for stream in lanes {
            pipeline.arg(keys.stream(*stream));
        }
    };
    script(&mut pipeline, READY);
    pipeline.arg(call.previous).arg(call.known.to_string()).arg(first.to_string()).arg(last.to_string());
    pipeline.arg(call.lines.len()).arg(used().map(|(digit, _)| digit.to_string()).collect::<String>()).arg(&turn);
    for (n, line) in call.lines.iter().enumerate() {
        pipeline.cmd("XADD").arg(keys.stream(line.stream)).arg("NOMKSTREAM");
        if let Some(entries) = call.max_len {
            pipeline.arg("MAXLEN").arg("~").arg(entries);
        }
        pipeline.arg(first.plus(n as u64).to_string()).arg("data").arg(&line.data[..]);
    }
    script(&mut pipeline, SETTLE);
    pipeline.arg(&turn).arg(call.last).arg(format!("{:08x}", call.crc));
    pipeline.arg(if call.for_ever { 0 } else { MARK_LIVES }).arg(first.to_string()).arg(last.to_string());
    pipeline.arg(format!("{:.6}", call.latest));
    for (digit, id) in used() {
        pipeline.arg(digit).arg(id.to_string());
    }
    pipeline
}

/// What came of a transaction: the answer of its last script, if what is in front of it fits to that.
pub(super) fn answer(mut answers: Vec<Value>) -> Value {
    let said = answers.pop().unwrap_or(Value::Nil);
    let lines = answers.get(1..).unwrap_or_default();
    let there = lines.iter().filter(|answer| reply::text(answer).and_then(Id::parse).is_some()).count();
    match Answer::parse(&said) {
        Some(Answer::Added { .. }) if there == lines.len() => said,
        Some(Answer::Added { .. }) => script::said(script::TORN),
        // Whatever the reason was, the other way will tell.
        _ if there == 0 => script::said(script::UNREADY),
        _ => script::said(script::TORN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> Id {
        Id { ms: 5, n }
    }

    #[test]
    fn ids_are_foretold_from_what_is_there_and_what_is_on_its_way() {
        let mut quick = Quick::default();
        quick.allow(true);
        quick.sent(100, false, true);
        quick.sent(50, false, false);
        assert_eq!(quick.first(100), None);
        quick.added(id(99), 1, 50);
        assert_eq!(quick.first(100), Some(id(150)));
        quick.sent(100, true, false);
        assert_eq!(quick.first(40), Some(id(250)));
        assert_eq!(quick.first(LEAST - 1), None);
        // Behind an announcement, only what was sent behind it tells.
        quick.sent(40, false, true);
        quick.added(id(149), 2, 140);
        assert_eq!(quick.first(40), None);
        quick.added(id(249), 1, 40);
        assert_eq!(quick.first(40), None);
        quick.added(Id { ms: 6, n: 39 }, 0, 0);
        assert_eq!(quick.first(40), Some(Id { ms: 6, n: 40 }));
        // Scripts count in floats.
        quick.lose_track();
        quick.added(id(LIMIT - 40), 0, 0);
        assert_eq!(quick.first(40), None);
    }

    #[test]
    fn whoever_is_refused_takes_the_other_way_and_for_longer_if_it_is_soon_again() {
        let mut quick = Quick::default();
        quick.allow(true);
        quick.sent(LEAST, false, true);
        for (went, detour) in [(0, DETOUR), (DETOUR, 2 * DETOUR), (2 * DETOUR, 4 * DETOUR), (4 * DETOUR + 1, DETOUR)] {
            quick.added(id(1), 0, 0);
            for _ in 0..went {
                assert!(quick.first(LEAST).is_some());
                quick.sent(LEAST, true, false);
            }
            quick.refused();
            for _ in 0..detour {
                quick.added(id(1), 0, 0);
                assert_eq!(quick.first(LEAST), None);
                quick.sent(LEAST, false, false);
            }
            quick.lose_track();
        }
    }

    #[test]
    fn a_transaction_that_was_done_in_part_is_taken_for_neither() {
        let text = |text: &str| Value::BulkString(text.into());
        let words = |words: &[&str]| Value::Array(words.iter().map(|word| text(word)).collect());
        let (added, unready) = (words(&["ADDED", "5-1", "5-2", "name"]), words(&["UNREADY"]));
        let ready = text("READY");
        let kept = [ready.clone(), text("5-1"), text("5-2"), added.clone()];
        assert_eq!(answer(kept.to_vec()), added);
        let refused = [text("UNREADY"), Value::Nil, Value::Nil, unready.clone()];
        assert_eq!(Answer::parse(&answer(refused.to_vec())), Some(Answer::Unready));
        for torn in [
            vec![ready.clone(), text("5-1"), Value::Nil, added],
            vec![text("UNREADY"), text("5-1"), text("5-2"), unready],
            vec![ready, text("5-1"), text("5-2"), words(&["TORN"])],
        ] {
            assert_eq!(Answer::parse(&answer(torn)), Some(Answer::Torn));
        }
    }
}
