//! Scanning and recovering the spool and the remote log as one.

use std::sync::Arc;

use super::{shared::Shared, waiting};
use crate::{Backend, ErrorKind, RecoveryConfig, RecoveryReport, Result, ScanOptions, ScanReport};

/// Looks at both. What was shipped counts where it was shipped to. A remote log that is away is no reason not to start: a note
/// says that it was not looked at.
pub(super) async fn scan(shared: &Arc<Shared>, name: &str, log: &str, options: ScanOptions) -> Result<ScanReport> {
    let mut report = ScanReport::new(name, log);
    let local = match shared.edition()? {
        Some((edition, _)) => found(edition.log.scan(options.clone()).await)?,
        None => None,
    };
    let is_new = local.is_none();
    if let Some(local) = local {
        add_findings(&mut report, local);
    }
    let reachable = match shared.remote.scan(options).await {
        Ok(remote) => {
            add_facts(&mut report, &remote);
            add_findings(&mut report, remote);
            true
        }
        Err(error) => {
            let away = error.kind() == ErrorKind::Unavailable;
            report.notes.push(match error.kind() {
                ErrorKind::Unavailable => format!("the remote log was not looked at: {error}"),
                ErrorKind::Unsupported => format!("the remote log was not looked at: {error}"),
                ErrorKind::NotFound if is_new => return Err(error),
                ErrorKind::NotFound => "nothing was shipped to the remote log yet".to_owned(),
                _ => return Err(error),
            });
            !away
        }
    };
    let backlog = waiting::count(shared, reachable, |head| {
        report.count(head.kind);
        report.time(head.timestamp);
    })
    .await?;
    report.notes.extend(waiting::in_words(shared, &backlog));
    if backlog.lost > 0 {
        report.notes.push(waiting::lost_in_words(&backlog));
    }
    report.backlog = Some(backlog);
    Ok(report)
}

/// Recovers both: the spool first, which has what the other does not.
pub(super) async fn recover(
    shared: &Arc<Shared>,
    name: &str,
    log: &str,
    config: &RecoveryConfig,
) -> Result<RecoveryReport> {
    let mut parts = Vec::new();
    let mut notes = Vec::new();
    if let Some((edition, _)) = shared.edition()? {
        parts.extend(found(edition.log.recover(config).await)?);
    }
    match shared.remote.recover(config).await {
        Ok(remote) => parts.push(remote),
        Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Unsupported) => {
            notes.push(format!("the remote log was not recovered: {error}"));
        }
        Err(error) if error.kind() == ErrorKind::NotFound && !parts.is_empty() => {}
        Err(error) => return Err(error),
    }
    let changed = parts.iter().any(|part| part.after.is_some());
    let mut report = RecoveryReport {
        before: ScanReport::new(name, log),
        after: changed.then(|| ScanReport::new(name, log)),
        proven: parts.iter().all(|part| part.proven || part.after.is_none()),
        ..RecoveryReport::default()
    };
    report.before.notes = notes;
    for part in parts {
        if let Some(after) = &mut report.after {
            let now = part.after.unwrap_or_else(|| part.before.clone());
            add_facts(after, &now);
            add_findings(after, now);
        }
        add_facts(&mut report.before, &part.before);
        add_findings(&mut report.before, part.before);
        report.repaired.extend(part.repaired);
        report.quarantined.extend(part.quarantined);
        report.lost += part.lost;
    }
    Ok(report)
}

/// A log that is not there yet has nothing to report.
fn found<T>(done: Result<T>) -> Result<Option<T>> {
    match done {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        done => done.map(Some),
    }
}

fn add_findings(report: &mut ScanReport, part: ScanReport) {
    let listed = part.anomalies.len() as u64;
    part.anomalies.into_iter().for_each(|anomaly| report.add(anomaly));
    report.anomalies_total += part.anomalies_total - listed;
    report.bytes += part.bytes;
    report.legacy_lines += part.legacy_lines;
    report.live_writer |= part.live_writer;
    report.deep |= part.deep;
    report.notes.extend(part.notes);
}

fn add_facts(report: &mut ScanReport, part: &ScanReport) {
    for (kind, count) in &part.entries {
        *report.entries.entry(kind).or_default() += count;
    }
    if let Some((oldest, newest)) = part.timestamps {
        report.time(oldest);
        report.time(newest);
    }
}
