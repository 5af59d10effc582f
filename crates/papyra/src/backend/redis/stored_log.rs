//! The pieces of a backup as a log that can be scanned, and nothing else: no server is needed for that.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use async_trait::async_trait;

use super::{
    findings::Findings,
    id::Id,
    keys::Stream,
    page::Raw,
    stored::{EntryLine, Lines, STREAMS, Source, StreamLine},
};
use crate::{Appended, Backend, Error, Fact, Progress, Result, ScanOptions, ScanReport, blocking, disk};

/// The pieces of a backup.
#[derive(Debug)]
pub(crate) struct StoredLog {
    directory: PathBuf,
    pieces: Vec<String>,
}

impl StoredLog {
    pub(crate) fn new(directory: &Path, pieces: &[&str]) -> Self {
        StoredLog { directory: directory.to_owned(), pieces: pieces.iter().map(ToString::to_string).collect() }
    }
}

#[async_trait]
impl Backend for StoredLog {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn address(&self) -> String {
        self.directory.display().to_string()
    }

    async fn append(&self, _: &[Fact]) -> Result<Appended> {
        Err(Error::unsupported("redis", "appending to a backup"))
    }

    async fn scan(&self, options: ScanOptions) -> Result<ScanReport> {
        let report = ScanReport { deep: options.deep, ..ScanReport::new(self.name(), self.address()) };
        let (directory, pieces) = (self.directory.clone(), self.pieces.clone());
        blocking::run("papyra-scan", move || scan(&directory, &pieces, &options, report)).await
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

/// One stream on its way.
struct Part {
    stream: Stream,
    lines: Lines<File>,
    next: Option<Raw>,
    /// How many entries came, and the id of the first.
    count: u64,
    first: Option<Id>,
}

impl Part {
    fn advance(&mut self, progress: Option<&Progress>) -> Result<Option<Raw>> {
        let next = self.lines.next::<EntryLine>()?;
        if let (Some((_, bytes)), Some(progress)) = (&next, progress) {
            progress.add(*bytes);
        }
        let before = std::mem::replace(&mut self.next, next.map(|(line, _)| line.into()));
        if let Some(raw) = &before {
            self.count += 1;
            self.first.get_or_insert(raw.id);
        }
        Ok(before)
    }
}

fn scan(directory: &Path, pieces: &[String], options: &ScanOptions, report: ScanReport) -> Result<ScanReport> {
    let open = |piece: &str| {
        let path = directory.join(piece);
        disk::open_file(&path).map_err(|error| Error::io("open", &path, error))
    };
    let has = |piece: &str| pieces.iter().any(|name| name == piece);
    let mut known = Vec::new();
    if has(STREAMS) {
        let mut lines = Lines::of(STREAMS, open(STREAMS)?);
        while let Some((line, _)) = lines.next::<StreamLine>()? {
            known.push(line);
        }
    }
    let piece = |stream| Source::Facts(stream).piece();
    let mut parts = Vec::new();
    for stream in Stream::ALL.into_iter().filter(|stream| has(&piece(*stream))) {
        let lines = Lines::of(piece(stream), open(&piece(stream))?);
        let mut part = Part { stream, lines, next: None, count: 0, first: None };
        part.advance(options.progress.as_ref())?;
        parts.push(part);
    }
    let mut findings = Findings::new(report, Stream::ALL.map(|stream| directory.join(piece(stream))), options.deep);
    // As a server would give them: by their ids, and of equal ones by the order of the streams.
    while let Some(part) = parts.iter_mut().filter(|part| part.next.is_some()).min_by_key(|part| id_of(part)) {
        if let Some(raw) = part.advance(options.progress.as_ref())? {
            findings.see(part.stream, raw);
        }
    }
    let mut explained = Id::default();
    for line in &known {
        let part = parts.iter().find(|part| part.stream == line.stream.0);
        let is_whole = part.is_some_and(|part| line.added == Some(part.count));
        let front = if is_whole { Id::default() } else { part.and_then(|part| part.first).unwrap_or(line.last) };
        explained = explained.max(front).max(line.gaps_through.unwrap_or_default());
    }
    Ok(findings.end(|_| explained).0)
}

fn id_of(part: &Part) -> Id {
    part.next.as_ref().map_or(Id::MAX, |raw| raw.id)
}
