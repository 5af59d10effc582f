//! `persistence scan`: look for damage, change nothing.

use std::path::PathBuf;

use clap::Args;
use papyra::{ScanOptions, ScanReport};

use crate::{console::Out, exit::ExitCode, failure::Failure, findings, parts, report, session::Session};

/// How to scan.
#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    /// Decode every fact, too, not only its checksum and head
    #[arg(long)]
    deep: bool,
    /// Look only at the newest N entries of each stream of a log on a server [default: all]
    #[arg(long, value_name = "N")]
    sample: Option<u64>,
    /// Write the report as JSON into this file as well
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

const SCHEMA: &str = "papyra.scan/1";

pub(super) async fn run(args: ScanArgs, mut session: Session) -> Result<ExitCode, Failure> {
    let settings = session.config()?;
    report::must_be_possible(args.report.as_deref(), &settings)?;
    let log = session.open_configured(&settings).await?;
    let mut options = if args.deep { ScanOptions::deep() } else { ScanOptions::default() };
    options.sample = args.sample;
    let bar = session.notes.bar("scanning");
    let found = log.scan(options.with_progress(bar.progress())).await?;
    drop(bar);
    let verdict = if found.anomalies_total == 0 { ExitCode::Done } else { ExitCode::Anomalies };
    let verdict = parts::verdict(&found.parts, verdict);
    let printed = report::deliver(&mut session, SCHEMA, verdict, &found, args.report.as_deref(), |out| {
        if found.parts.is_empty() { print(&found, out) } else { parts::print(&found.parts, out, print) }
    });
    findings::tell_notes(&found, &session.notes);
    parts::tell(&found.parts, &session.notes);
    printed
}

fn print(found: &ScanReport, out: &mut Out) -> Result<(), Failure> {
    if found.is_clean() { out.headline(findings::HEALTHY) } else { findings::print(found, out) }
}

#[cfg(test)]
mod tests {
    use papyra::{Anomaly, AnomalyKind, ScanReport};

    use super::*;

    #[test]
    fn the_report_names_its_schema_and_verdict() {
        let mut found = ScanReport::new("json", "json:a");
        found.add(Anomaly::new(AnomalyKind::TruncatedLine, "a", "torn").at(5, 2));
        let json = report::document(SCHEMA, ExitCode::Anomalies, &found).unwrap();
        assert!(json.starts_with(r#"{"schema":"papyra.scan/1","ok":false,"exit":2,"backend":"json","#), "{json}");
        assert!(json.contains(r#""kind":"TRUNCATED_LINE","path":"a","offset":5,"length":2,"#), "{json}");
    }
}
