//! What keeps a spool sound and small: scan, recover, compact.
//!
//! Each step leaves a spool that reads the same, whenever a crash comes: a rewritten batch takes the place of the old one
//! in one rename, and `FIRST-LAST.dropped` stands before what it speaks of is removed.

use std::{
    fs,
    io::ErrorKind as Io,
    path::{Path, PathBuf},
};

use papyra::{
    Anomaly, AnomalyKind, CompactionConfig, CompactionReport, Error, ErrorKind, RecoveryConfig, RecoveryMode,
    RecoveryReport, Result, ScanReport,
};

use super::files::{self, Line, Listing};

/// Looks at every line of every batch.
pub(crate) fn scan(dir: &Path, mut report: ScanReport) -> Result<ScanReport> {
    // Every scan decodes every fact.
    report.deep = true;
    let listing = Listing::of(dir)?;
    for (first, last) in missing(&listing)? {
        let path = dir.join(files::batch_name(first));
        let detail = format!("the positions {first} to {last} are missing");
        report.add(Anomaly::new(AnomalyKind::MissingEntries, path, detail).for_seqs(first, last));
    }
    for (first, path) in listing.batches {
        for (number, line) in (1..).zip(files::lines(first, &path)?) {
            match line {
                Line::Fact(entry) => {
                    report.count(entry.fact.kind());
                    report.bytes += entry.bytes;
                }
                Line::Dropped => {}
                Line::Damaged => {
                    let anomaly = Anomaly::new(AnomalyKind::CorruptedLine, &path, "the line is not a fact");
                    report.add(anomaly.on_line(number));
                }
            }
        }
    }
    Ok(report)
}

/// The positions that nobody dropped and that are not there.
fn missing(listing: &Listing) -> Result<Vec<(u64, u64)>> {
    let mut there = listing.dropped.clone();
    for (first, path) in &listing.batches {
        there.push((*first, first + files::lines(*first, path)?.len() as u64 - 1));
    }
    there.sort();
    let (mut missing, mut next) = (Vec::new(), 1);
    for (first, last) in there {
        if first > next {
            missing.push((next, first - 1));
        }
        next = next.max(last + 1);
    }
    Ok(missing)
}

/// Makes a damaged spool sound. Whoever calls holds the lock, unless nothing is to be changed.
pub(crate) fn recover(dir: &Path, config: &RecoveryConfig, empty: &ScanReport) -> Result<RecoveryReport> {
    if config.mode == RecoveryMode::Quarantine && config.quarantine_dir.is_none() {
        return Err(Error::new(ErrorKind::Config, "quarantine needs a directory for the originals"));
    }
    let mut report = RecoveryReport::default();
    report.before = scan(dir, empty.clone())?;
    if report.before.is_clean() {
        return Ok(report);
    }
    let listing = Listing::of(dir)?;
    let missing = missing(&listing)?;
    report.lost = missing.iter().map(|(first, last)| last - first + 1).sum();
    let changes = !config.dry_run && config.mode != RecoveryMode::Ignore;
    for (first, path) in &listing.batches {
        let lines = files::lines(*first, path)?;
        let damaged = lines.iter().filter(|line| matches!(line, Line::Damaged)).count() as u64;
        report.lost += damaged;
        if damaged == 0 || !changes {
            continue;
        }
        if let (RecoveryMode::Quarantine, Some(quarantine)) = (config.mode, &config.quarantine_dir) {
            report.quarantined.push(keep_original(path, quarantine)?);
        }
        rewrite(dir, *first, path, |line| matches!(line, Line::Fact(_)))?;
        report.repaired.push(path.clone());
    }
    if !changes {
        return Ok(report);
    }
    for range in missing {
        let name = files::dropped_name(range);
        files::put(dir, &name, b"")?;
        report.repaired.push(dir.join(name));
    }
    files::sync_dir(dir)?;
    report.after = Some(scan(dir, empty.clone())?);
    Ok(report)
}

/// Copies a batch aside, so that nothing is lost by a repair. A copy that an interrupted recovery left is as good.
fn keep_original(path: &Path, quarantine: &Path) -> Result<PathBuf> {
    let content = fs::read(path).map_err(|e| Error::io("read", path, e))?;
    files::create_dir(quarantine)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut number = 1;
    let name = loop {
        let name = format!("{name}.quarantine.{number}");
        match fs::read(quarantine.join(&name)) {
            Ok(copy) if copy != content => number += 1,
            Err(error) if error.kind() != Io::NotFound => {
                return Err(Error::io("read", &quarantine.join(name), error));
            }
            _ => break name,
        }
    };
    files::put(quarantine, &name, &content)?;
    // On the disk before the original changes.
    files::sync_dir(quarantine)?;
    Ok(quarantine.join(name))
}

/// Writes a batch anew, with a blank line for each that does not stay: positions are counted by lines.
fn rewrite(dir: &Path, first: u64, path: &Path, mut stays: impl FnMut(&Line) -> bool) -> Result<()> {
    let content = fs::read(path).map_err(|e| Error::io("read", path, e))?;
    let mut kept = Vec::with_capacity(content.len());
    for (bytes, line) in content.split_inclusive(|byte| *byte == b'\n').zip(files::lines(first, path)?) {
        kept.extend_from_slice(if stays(&line) { bytes } else { b"\n" });
    }
    files::put(dir, &files::batch_name(first), &kept)
}

/// Makes a retention physical. Whoever calls holds the lock, unless it is a dry run.
pub(crate) fn compact(dir: &Path, config: &CompactionConfig, empty: &ScanReport) -> Result<CompactionReport> {
    let found = scan(dir, empty.clone())?;
    if !found.is_clean() {
        let message =
            format!("the log `{}` has {} anomalies; nothing was changed", dir.display(), found.anomalies_total);
        return Err(Error::new(ErrorKind::Corrupt, message).with_cure("recover it first"));
    }
    let listing = Listing::of(dir)?;
    let mut report = CompactionReport::default();
    report.backend = empty.backend.clone();
    let mut cut = config.retention.cut(config.now);
    let (mut emptied, mut thinned) = (Vec::new(), Vec::new());
    // From the newest fact back, one batch in memory at a time.
    for (first, path) in listing.batches.iter().rev() {
        let lines = files::lines(*first, path)?;
        let (mut before, mut after) = (0, 0);
        for line in lines.iter().rev() {
            let Line::Fact(entry) = line else { continue };
            before += 1;
            report.before_bytes += entry.bytes;
            if cut.keeps(entry) {
                after += 1;
                report.after_bytes += entry.bytes;
            }
        }
        report.before_records += before;
        report.after_records += after;
        if after == 0 && !lines.is_empty() {
            emptied.push((*first, first + lines.len() as u64 - 1));
        } else if after < before {
            thinned.push((*first, path));
        }
    }
    if report.after_records == 0 && report.before_records > 0 && !config.allow_empty {
        return Err(Error::nothing_would_remain(&format!("spool:{}", dir.display())));
    }
    if config.dry_run {
        return Ok(report);
    }
    for (first, path) in &thinned {
        rewrite(dir, *first, path, |line| matches!(line, Line::Fact(entry) if cut.stays(entry)))?;
    }
    for range in joined(listing.dropped.iter().copied().chain(emptied.iter().copied())) {
        if !listing.dropped.contains(&range) {
            files::put(dir, &files::dropped_name(range), b"")?;
        }
    }
    // What is said to be dropped must be on the disk before it goes.
    files::sync_dir(dir)?;
    for path in Listing::of(dir)?.leftovers {
        fs::remove_file(&path).map_err(|e| Error::io("remove", &path, e))?;
    }
    files::sync_dir(dir)?;
    report.changed = report.after_records < report.before_records;
    Ok(report)
}

/// Ranges in their order, those that touch made one.
fn joined(ranges: impl Iterator<Item = (u64, u64)>) -> Vec<(u64, u64)> {
    let mut ranges: Vec<_> = ranges.collect();
    ranges.sort();
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (first, last) in ranges {
        match joined.last_mut() {
            Some((_, end)) if first <= *end + 1 => *end = last.max(*end),
            _ => joined.push((first, last)),
        }
    }
    joined
}
