//! The log that a check is about, in the words that checks are written in.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::harness::{PassedOver, Scratch, offered};
use crate::{Appended, Backend, Entry, Fact, Kind, Log, ReadOptions, Result};

/// A log in a directory of its own.
pub(super) struct Subject {
    // The order matters: the log goes before its directory does.
    pub(super) log: Log,
    scratch: Scratch,
}

impl Subject {
    pub(super) fn new(log: Log, scratch: Scratch) -> Self {
        Subject { log, scratch }
    }

    pub(super) fn backend(&self) -> &dyn Backend {
        self.log.backend()
    }

    pub(super) fn dir(&self) -> &Path {
        self.scratch.path()
    }

    /// Appends a batch that must be accepted, and gives the entries that must now be there. How many bytes each takes is
    /// the backend's secret: it is 0 here and never compared.
    pub(super) async fn append(&self, facts: &[Fact]) -> Vec<Entry> {
        let appended = self.backend().append(facts).await;
        placed(facts, appended.unwrap_or_else(|error| panic!("appending {} facts failed: {error:?}", facts.len())))
    }

    /// What a read gives, remarks of Papyra itself aside.
    pub(super) async fn read(&self, options: ReadOptions) -> Result<Vec<Entry>, PassedOver> {
        let (entries, skipped) = offered(collect(self.backend(), options.clone()).await, "reading")?;
        assert_eq!(skipped, 0, "entries were skipped as damaged, though only `append` has written: {options:?}");
        Ok(entries)
    }

    /// The kinds that have one order and one count of positions, the unknown ones with the events: all, unless the log says
    /// that it is made of [parts](Backend::parts). What is said of order and positions holds in each lane for itself.
    pub(super) fn lanes(&self) -> Vec<Vec<Kind>> {
        let with_unknown = |mut kinds: Vec<Kind>| {
            if kinds.contains(&Kind::Event) {
                kinds.push(Kind::Unknown);
            }
            kinds
        };
        match self.backend().parts() {
            [] => vec![with_unknown(Kind::KNOWN.to_vec())],
            parts => parts.iter().map(|part| with_unknown(part.kinds.clone())).collect(),
        }
    }

    /// The lane of a fact.
    pub(super) fn lane(&self, fact: &Fact) -> Vec<Kind> {
        let lane = self.lanes().into_iter().find(|lane| lane.contains(&fact.kind()));
        lane.unwrap_or_else(|| panic!("facts of the kind {} live nowhere", fact.kind()))
    }

    /// Reads what stands behind an entry, in its lane.
    pub(super) fn behind(&self, entry: &Entry) -> ReadOptions {
        let options = ReadOptions::oldest_first().after(entry.position);
        match self.backend().parts() {
            [] => options,
            _ => self.lane(&entry.fact).into_iter().fold(options, ReadOptions::kind),
        }
    }

    /// Asserts that a read gave exactly these entries: same positions, same facts to the letter, and in each lane the same
    /// order.
    pub(super) fn assert_same<'a>(&self, got: &[Entry], want: impl IntoIterator<Item = &'a Entry>, about: &str) {
        let want: Vec<&Entry> = want.into_iter().collect();
        for lane in self.lanes() {
            let is_in = |entry: &&Entry| lane.contains(&entry.fact.kind());
            assert_same(got.iter().filter(is_in), want.iter().copied().filter(is_in), about);
        }
    }

    /// The whole log, oldest first.
    pub(super) async fn entries(&self) -> Result<Vec<Entry>, PassedOver> {
        self.read(ReadOptions::oldest_first()).await
    }

    /// Every file of the log with its content.
    pub(super) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        gather(self.dir(), &mut files);
        files
    }
}

/// All entries of a read and how many were skipped.
pub(super) async fn collect(backend: &dyn Backend, options: ReadOptions) -> Result<(Vec<Entry>, u64)> {
    let mut stream = backend.read(options);
    let mut entries = Vec::new();
    while let Some(entry) = stream.next().await {
        entries.push(entry?);
    }
    // What Papyra itself had to say may stand between the facts, and is no fact of ours.
    entries.retain(|entry: &Entry| entry.fact.actor().and_then(|actor| actor.as_str()) != Some("papyra://log"));
    Ok((entries, stream.skipped()))
}

/// The entries that an append promises.
pub(super) fn placed(facts: &[Fact], appended: Appended) -> Vec<Entry> {
    assert_eq!(appended.positions.len(), facts.len(), "there must be one position per fact");
    facts.iter().zip(appended.positions).map(|(fact, position)| Entry::new(position, fact.clone(), 0)).collect()
}

fn assert_same<'a>(got: impl IntoIterator<Item = &'a Entry>, want: impl IntoIterator<Item = &'a Entry>, about: &str) {
    let show = |entry: &Entry| format!("{} {}", entry.position, entry.fact.to_json());
    let got: Vec<String> = got.into_iter().map(show).collect();
    let want: Vec<String> = want.into_iter().map(show).collect();
    if got != want {
        let at = got.iter().zip(&want).take_while(|(got, want)| got == want).count();
        panic!(
            "{about}: got {} entries, want {}; entry {at} (from 0) is\n  {}\nand must be\n  {}",
            got.len(),
            want.len(),
            got.get(at).map_or("missing", String::as_str),
            want.get(at).map_or("absent", String::as_str),
        );
    }
}

fn gather(dir: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for item in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = item.path();
        if path.is_dir() {
            gather(&path, files);
        } else {
            let content = std::fs::read(&path).unwrap_or_default();
            files.insert(path, content);
        }
    }
}
