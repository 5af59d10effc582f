//! `persistence compact`: make retention physical.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use papyra::{
    CompactionConfig, CompactionReport, ErrorKind, Log, ReadOptions, Retention,
    units::{parse_duration, parse_size},
};
use serde::Serialize;

use crate::{console::Out, exit::ExitCode, failure::Failure, parts, report, session::Session};

/// What to drop.
#[derive(Debug, Args)]
pub(crate) struct CompactArgs {
    /// Keep at most so many facts, the newest [default: the log's retention]
    #[arg(long, value_name = "N")]
    max_records: Option<u64>,
    /// Keep facts that are at most so old, such as 30d [default: the log's retention]
    #[arg(long, value_name = "D", value_parser = parse_duration)]
    max_age: Option<Duration>,
    /// Keep at most so many bytes of facts, such as 2GiB, the newest [default: the log's retention]
    #[arg(long, value_name = "B", value_parser = parse_size)]
    max_bytes: Option<u64>,
    /// Say what would be dropped; change nothing
    #[arg(long)]
    dry_run: bool,
    /// Go on even if nothing would remain
    #[arg(long)]
    allow_empty: bool,
    /// Drop also what consumer groups have not read, or not acknowledged
    #[arg(long)]
    ignore_groups: bool,
    /// Write the report as JSON into this file as well
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

const SCHEMA: &str = "papyra.compact/1";

/// What is said to whoever believes to have a retention.
pub(super) const NOTHING_CONFIGURED: &str =
    "nothing is configured to drop: give --max-records, --max-age or --max-bytes, or set [retention]";

/// The report as it is printed in JSON.
#[derive(Serialize)]
struct Compacted {
    log: String,
    dry_run: bool,
    /// Whether there is a retention at all; without one nothing was even looked at.
    configured: bool,
    #[serde(flatten)]
    report: Option<CompactionReport>,
}

pub(super) async fn run(args: CompactArgs, mut session: Session) -> Result<ExitCode, Failure> {
    let settings = session.config()?;
    report::must_be_possible(args.report.as_deref(), &settings)?;
    let log = session.open_configured(&settings).await?;
    let configured = !each_is_unlimited(&log, |log| args.over(*log.retention()));
    let report = if configured {
        let bar = session.notes.bar("compacting");
        let config = |log: &Log| {
            let config = CompactionConfig::new(args.over(*log.retention()), log.now()).with_progress(bar.progress());
            config.allow_empty(args.allow_empty).dry_run(args.dry_run).ignore_groups(args.ignore_groups)
        };
        Some(each(&log, config).await?)
    } else {
        must_exist(&log).await?;
        None
    };
    let compacted = Compacted { log: log.address(), dry_run: args.dry_run, configured, report };
    let parts = compacted.report.as_ref().map_or(&[] as &[_], |report| &report.parts);
    let verdict = parts::verdict(parts, ExitCode::Done);
    let delivered = report::deliver(&mut session, SCHEMA, verdict, &compacted, args.report.as_deref(), |out| {
        match &compacted.report {
            Some(report) => print_all(report, args.dry_run, out),
            None => out.headline(NOTHING_CONFIGURED),
        }
    });
    parts::tell(parts, &session.notes);
    delivered
}

/// Compacts a log, or each of its parts under a configuration of its own.
pub(super) async fn each(log: &Log, config: impl Fn(&Log) -> CompactionConfig) -> papyra::Result<CompactionReport> {
    match log.parts().next() {
        None => log.compact_as(&config(log)).await,
        Some(_) => log.compact_parts(config).await,
    }
}

/// Whether nothing is to be dropped of a log, or of any of its parts.
pub(super) fn each_is_unlimited(log: &Log, retention: impl Fn(&Log) -> Retention) -> bool {
    match log.parts().next() {
        None => retention(log).is_unlimited(),
        Some(_) => log.parts().all(|(_, part)| retention(part).is_unlimited()),
    }
}

impl CompactArgs {
    /// A flag stands in the place of the same limit of the log; the others stay, and so do the rules of kinds.
    fn over(&self, mut retention: Retention) -> Retention {
        let all = &mut retention.all;
        all.max_records = self.max_records.or(all.max_records);
        all.max_age = self.max_age.or(all.max_age);
        all.max_bytes = self.max_bytes.or(all.max_bytes);
        retention
    }
}

/// Nothing is to be dropped, but the name of a log that does not exist is a mistake all the same.
async fn must_exist(log: &Log) -> Result<(), Failure> {
    match log.read(ReadOptions::newest_first()).next().await {
        Some(Err(error)) if error.kind() != ErrorKind::Unsupported => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints what became of the log, or of each of its parts.
pub(super) fn print_all(report: &CompactionReport, dry_run: bool, out: &mut Out) -> Result<(), Failure> {
    match &*report.parts {
        [] => print(report, dry_run, out),
        parts => parts::print(parts, out, |report, out| print(report, dry_run, out)),
    }
}

/// Prints the figures under the names that existing scripts know.
fn print(report: &CompactionReport, dry_run: bool, out: &mut Out) -> Result<(), Failure> {
    out.headline(if dry_run { "Compaction planned, nothing was changed" } else { "Compaction completed" })?;
    for (name, figure) in [
        ("before_records", report.before_records),
        ("after_records", report.after_records),
        ("before_bytes", report.before_bytes),
        ("after_bytes", report.after_bytes),
    ] {
        out.line(&format!("  {name}: {figure}"))?;
    }
    if report.held_by_groups > 0 {
        out.line(&format!("  held_by_groups: {}", report.held_by_groups))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use papyra::{Kind, Rule};

    use super::*;

    #[test]
    fn a_flag_replaces_its_own_limit_only() {
        let own = Retention::all(Rule::default().with_max_records(9).with_max_bytes(7))
            .with_kind(Kind::Audit, Rule::default().with_max_records(3));
        let args = CompactArgs {
            max_records: Some(5),
            max_age: Some(Duration::from_secs(60)),
            max_bytes: None,
            dry_run: false,
            allow_empty: false,
            ignore_groups: false,
            report: None,
        };
        let all = Rule::default().with_max_records(5).with_max_age(Duration::from_secs(60)).with_max_bytes(7);
        let expected = Retention::all(all).with_kind(Kind::Audit, own.audit);
        assert_eq!(args.over(own), expected);
    }
}
