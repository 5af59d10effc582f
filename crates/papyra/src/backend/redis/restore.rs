//! Restoring: the streams of a backup are filled aside, looked at, and then get the names of the log all at once.

use redis::{Cmd, Pipeline, Value};
use uuid::Uuid;

use super::{
    config::RedisConfig,
    connection::{Answers, Connection},
    judge::judge,
    keys::{Lane, Stream},
    marks::Marks,
    page::Raw,
    pass::{How, pass},
    reply,
    server::Server,
    stored::{Bytes, EntryLine, GROUPS, GroupLine, Lines, PENDING, PendingLine, STREAMS, Source, StreamLine},
    trouble::Trouble,
};
use crate::{Error, ErrorKind, Figures, Restored, Result, ScanReport, Stored};

/// The script that gives the log its names.
const PUT: &str = include_str!("restore.lua");

/// How long what was filled aside outlives a restoration that was interrupted, in seconds. It begins anew with every page.
const ASIDE_LIVES: u64 = 3600;
/// What is sent at once.
const TOGETHER: usize = 500;
const TOGETHER_BYTES: usize = 1 << 20;

/// Makes a log of a backup.
pub(super) async fn restore(server: &Server, from: &Stored, report: ScanReport) -> Result<Restored> {
    if from.backend != "redis" {
        let message = format!("a backup of a `{}:` log cannot be restored as a log on Redis", from.backend);
        let cure = format!("restore it to an address that begins with `{}:`", from.backend);
        return Err(Error::new(ErrorKind::Config, message).with_cure(cure));
    }
    if server.keys().lanes() != [Lane::Whole] {
        let message = format!("`{}` stands on several nodes, which cannot be filled at once", server.address());
        return Err(Error::new(ErrorKind::Config, message)
            .with_cure("give the log a hash tag, such as `prefix={papyra}`, so that its streams stand together"));
    }
    must_be_unused(server).await?;
    let mut aside = Aside::begin(server).await?;
    let restored = aside.fill(from, report).await;
    if restored.is_err() {
        aside.forget().await;
    }
    restored
}

/// Every key that the log will have, but for marks.
fn names(of: &Server) -> Vec<String> {
    let keys = of.keys();
    Source::all().map(|source| source.key(keys)).chain([keys.state(Lane::Whole)]).collect()
}

fn taken(key: &str) -> Error {
    let message = format!("the key `{key}` exists already, and restoring never replaces anything");
    Error::new(ErrorKind::Create, message).with_cure(
        "restore into another prefix or system, look at it, and give it the name by hand while nobody writes",
    )
}

async fn must_be_unused(server: &Server) -> Result<()> {
    for key in names(server) {
        if super::state::type_of(server, &key).await? != "none" {
            return Err(taken(&key));
        }
    }
    Ok(())
}

/// What becomes the log.
struct Aside<'a> {
    server: &'a Server,
    /// The same log under names that nobody asks for.
    own: Server,
    /// Commands whose answers are lost are not sent again, so they have a connection for themselves.
    connection: Connection,
    marks: Marks,
    notes: Vec<String>,
}

impl<'a> Aside<'a> {
    async fn begin(server: &'a Server) -> Result<Self> {
        let system = format!("{}:restoring:{}", server.config().system, Uuid::now_v7());
        let own = Server::new(RedisConfig { system, ..server.config().clone() });
        let connection = server.dedicated(Answers::Soon).await.map_err(Trouble::into_error)?;
        Ok(Aside { server, own, connection, marks: Marks::default(), notes: Vec::new() })
    }

    async fn fill(&mut self, from: &Stored, report: ScanReport) -> Result<Restored> {
        let log_id = Uuid::now_v7().to_string();
        let mut known = Vec::new();
        if has(from, STREAMS) {
            let mut lines = Lines::of(STREAMS, from.open(STREAMS)?);
            while let Some((line, _)) = lines.next::<StreamLine>()? {
                known.push(line);
            }
        }
        for source in Source::all().filter(|source| has(from, &source.piece())) {
            self.fill_stream(from, source).await?;
        }
        for line in &known {
            self.set_last(line).await?;
        }
        self.fill_state(&known, &log_id).await?;
        if has(from, GROUPS) {
            self.fill_groups(from).await?;
        }
        if has(from, PENDING) {
            self.fill_pending(from).await?;
        }
        let mut scan = self.look(report).await?;
        must_be_as_said(from, &scan)?;
        self.put().await?;
        scan.notes.append(&mut self.notes);
        Ok(Restored::new(Some(log_id), scan))
    }

    fn key(&self, source: Source) -> String {
        source.key(self.own.keys())
    }

    /// Sends commands in one go. Whatever was filled aside lives on.
    async fn send(&mut self, key: &str, commands: &mut Pipeline) -> Result<Vec<Value>> {
        commands.cmd("EXPIRE").arg(key).arg(ASIDE_LIVES);
        let answers = self.connection.send_all(commands).await;
        let log = self.server.address();
        answers.map_err(|error| Trouble::of(&error, "restore", log).into_error())
    }

    async fn fill_stream(&mut self, from: &Stored, source: Source) -> Result<()> {
        let (key, piece) = (self.key(source), source.piece());
        // A stream without entries is a stream, too.
        let mut commands = redis::pipe();
        commands.cmd("XGROUP").arg("CREATE").arg(&key).arg("restoring").arg("$").arg("MKSTREAM");
        commands.cmd("XGROUP").arg("DESTROY").arg(&key).arg("restoring");
        self.send(&key, &mut commands).await?;
        let mut lines = Lines::of(&piece, from.open(&piece)?);
        let (mut commands, mut count, mut bytes) = (redis::pipe(), 0, 0);
        while let Some((line, read)) = lines.next::<EntryLine>()? {
            let raw = Raw::from(line);
            if matches!(source, Source::Facts(_)) {
                self.marks.see(&judge(&raw, false), raw.id);
            }
            commands.cmd("XADD").arg(&key).arg(raw.id.to_string());
            for (name, value) in &raw.fields {
                commands.arg(&name[..]).arg(&value[..]);
            }
            (count, bytes) = (count + 1, bytes + raw.bytes());
            from.progress.iter().for_each(|progress| progress.add(read));
            if count >= TOGETHER || bytes >= TOGETHER_BYTES {
                self.send(&key, &mut commands).await?;
                (commands, count, bytes) = (redis::pipe(), 0, 0);
            }
        }
        self.send(&key, &mut commands).await.map(drop)
    }

    /// A stream goes on where the other one was, and counts on as it did.
    async fn set_last(&mut self, line: &StreamLine) -> Result<()> {
        let key = self.key(Source::Facts(line.stream.0));
        let mut command = redis::cmd("XSETID");
        command.arg(&key).arg(line.last.to_string());
        let mut whole = command.clone();
        if let (Some(added), Some(deleted)) = (line.added, line.deleted) {
            whole.arg("ENTRIESADDED").arg(added).arg("MAXDELETEDID").arg(deleted.to_string());
        }
        self.try_newer(whole, command).await.map(drop)
    }

    async fn fill_state(&mut self, known: &[StreamLine], log_id: &str) -> Result<()> {
        let key = self.own.keys().state(Lane::Whole);
        let mut command = redis::cmd("HSET");
        command.arg(&key).arg("log").arg(log_id);
        let last = known.iter().map(|line| line.last).max().unwrap_or_default();
        command.arg("last").arg(last.to_string());
        for line in known {
            command.arg(self.server.keys().stream(line.stream.0)).arg(line.last.to_string());
        }
        if let Some(gaps_through) = known.iter().filter_map(|line| line.gaps_through).max() {
            command.arg("gaps_through").arg(gaps_through.to_string());
        }
        // What is not known of one is not known of all.
        let ahead = known.iter().map(|line| line.ahead).reduce(|a, b| Some(a?.max(b?))).flatten();
        if let Some(ahead) = ahead {
            command.arg("ahead").arg(format!("{ahead:.6}"));
        }
        let mut commands = redis::pipe();
        commands.add_command(command);
        self.send(&key, &mut commands).await.map(drop)
    }

    async fn fill_groups(&mut self, from: &Stored) -> Result<()> {
        let mut lines = Lines::of(GROUPS, from.open(GROUPS)?);
        while let Some((line, _)) = lines.next::<GroupLine>()? {
            let key = self.key(Source::Facts(line.stream.0));
            let mut command = redis::cmd("XGROUP");
            command.arg("CREATE").arg(&key).arg(&line.group.0).arg(line.last_delivered.to_string()).arg("MKSTREAM");
            let mut whole = command.clone();
            if let Some(read) = line.entries_read {
                whole.arg("ENTRIESREAD").arg(read);
            }
            self.try_newer(whole, command).await?;
            for Bytes(consumer) in &line.consumers {
                let mut commands = redis::pipe();
                commands.cmd("XGROUP").arg("CREATECONSUMER").arg(&key).arg(&line.group.0).arg(consumer);
                self.send(&key, &mut commands).await?;
            }
        }
        Ok(())
    }

    async fn fill_pending(&mut self, from: &Stored) -> Result<()> {
        let mut lines = Lines::of(PENDING, from.open(PENDING)?);
        let mut gone = 0;
        let mut more = true;
        while more {
            let (mut commands, mut claims) = (redis::pipe(), 0);
            let mut key = String::new();
            while claims < TOGETHER {
                let Some((line, _)) = lines.next::<PendingLine>()? else {
                    more = false;
                    break;
                };
                key = self.key(Source::Facts(line.stream.0));
                commands.cmd("XCLAIM").arg(&key).arg(&line.group.0).arg(&line.consumer.0).arg(0);
                commands.arg(line.id.to_string()).arg("TIME").arg(line.delivered);
                commands.arg("RETRYCOUNT").arg(line.deliveries).arg("FORCE").arg("JUSTID");
                claims += 1;
            }
            if claims > 0 {
                let answers = self.send(&key, &mut commands).await?;
                gone += answers.iter().filter(|answer| reply::parts(answer).is_some_and(<[_]>::is_empty)).count();
            }
        }
        if gone > 0 {
            let what = if gone == 1 { "1 entry was".to_owned() } else { format!("{gone} entries were") };
            self.notes.push(format!("{what} pending and no longer in the log: nothing is pending of them here"));
        }
        Ok(())
    }

    /// What was filled is looked at as a log. Findings are told of the names that it will have.
    async fn look(&self, report: ScanReport) -> Result<ScanReport> {
        let mut scan = pass(&self.own, How::default(), report, None).await?.report;
        for anomaly in &mut scan.anomalies {
            let at = Stream::ALL.iter().find(|stream| anomaly.path.as_os_str() == self.own.keys().stream(**stream));
            if let Some(stream) = at {
                anomaly.path = self.server.keys().stream(*stream).into();
            }
        }
        Ok(scan)
    }

    /// Gives the log its names.
    async fn put(&mut self) -> Result<()> {
        let (own, theirs) = (names(&self.own), names(self.server));
        let marks: Vec<_> = std::mem::take(&mut self.marks).end().collect();
        let mut command = redis::cmd("EVAL");
        command.arg(PUT).arg(own.len() + theirs.len() + marks.len());
        for (own, theirs) in own.iter().zip(&theirs) {
            command.arg(own).arg(theirs);
        }
        for (writer, _) in &marks {
            command.arg(self.server.keys().mark(Lane::Whole, writer));
        }
        command.arg(own.len());
        for (_, mark) in &marks {
            command.arg(mark.to_string());
        }
        match self.connection.send(&command).await {
            Ok(_) => Ok(()),
            Err(error) => match error.code() {
                Some("TAKEN") => Err(taken(error.detail().unwrap_or("of the log"))),
                _ => Err(Trouble::of(&error, "restore", self.server.address()).into_error()),
            },
        }
    }

    /// Sends a command with members that older servers do not know; if it is not understood, without.
    async fn try_newer(&mut self, whole: Cmd, plain: Cmd) -> Result<Value> {
        let failed = |error, log: &str| Trouble::of(&error, "restore", log).into_error();
        match self.connection.send(&whole).await {
            Err(error) if says_syntax(&error) => {
                self.connection.send(&plain).await.map_err(|error| failed(error, self.server.address()))
            }
            answer => answer.map_err(|error| failed(error, self.server.address())),
        }
    }

    /// Takes away what was filled aside, if the server still lets us; else it expires.
    async fn forget(&mut self) {
        let mut command = redis::cmd("DEL");
        for key in names(&self.own) {
            command.arg(key);
        }
        let _ = self.connection.send(&command).await;
    }
}

fn says_syntax(error: &redis::RedisError) -> bool {
    let text = error.to_string().to_ascii_lowercase();
    text.contains("syntax error") || text.contains("wrong number of arguments")
}

fn has(from: &Stored, piece: &str) -> bool {
    from.pieces.iter().any(|name| name == piece)
}

/// What was filled was looked at: it must be what the backup said it is, before it becomes a log.
fn must_be_as_said(from: &Stored, scan: &ScanReport) -> Result<()> {
    let figures = Figures::of(scan);
    if figures == from.figures && from.anomalies.is_none_or(|anomalies| anomalies == scan.anomalies_total) {
        return Ok(());
    }
    let message = format!(
        "the restored log would have {} facts and {} findings, the backup says {} and {}; nothing was put in place",
        figures.entries,
        scan.anomalies_total,
        from.figures.entries,
        from.anomalies.unwrap_or(0)
    );
    Err(Error::new(ErrorKind::Mismatch, message).with_cure("verify the backup; take another one if it does not match"))
}
