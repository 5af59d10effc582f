//! `persistence scan`: look for damage, change nothing.

use std::path::PathBuf;

use clap::Args;
use papyra::{Anomaly, ScanOptions, ScanReport};

use crate::{args::Output, console::Out, exit::ExitCode, failure::Failure, report, safe, session::Session};

/// How to scan.
#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    /// Decode every fact, too, not only its checksum and head
    #[arg(long)]
    deep: bool,
    /// Write the report as JSON into this file as well
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

const SCHEMA: &str = "papyra.scan/1";

pub(super) async fn run(args: ScanArgs, mut session: Session) -> Result<ExitCode, Failure> {
    let log = session.open().await?;
    let options = if args.deep { ScanOptions::deep() } else { ScanOptions::default() };
    let found = log.scan(options).await?;
    let verdict = if found.is_clean() { ExitCode::Done } else { ExitCode::Anomalies };
    // The file first: it is wanted even if nobody reads the output to its end.
    let reported = match &args.report {
        Some(path) => report::document(SCHEMA, verdict, &found).and_then(|json| report::write(path, &json)),
        None => Ok(()),
    };
    let printed = match session.output() {
        Some(Output::Json | Output::Ndjson) => {
            report::document(SCHEMA, verdict, &found).and_then(|json| session.out.line(&json))
        }
        Some(Output::Table) | None => print(&found, &mut session.out),
    };
    let printed = printed.and_then(|()| session.out.flush());
    for note in &found.notes {
        session.notes.note(&format!("note: {note}"));
    }
    // A gate must not open because the findings could not be printed, or nobody read them.
    for failure in [reported, printed].into_iter().filter_map(Result::err) {
        if verdict == ExitCode::Done {
            return Err(failure);
        }
        session.notes.failure(&failure);
    }
    Ok(verdict)
}

fn print(found: &ScanReport, out: &mut Out) -> Result<(), Failure> {
    if found.is_clean() {
        return out.headline("Persistence is healthy");
    }
    out.headline(&format!("Found {} persistence anomalies:", found.anomalies_total))?;
    for anomaly in &found.anomalies {
        out.line(&line(anomaly))?;
    }
    let more = found.anomalies_total.saturating_sub(found.anomalies.len() as u64);
    if more > 0 {
        out.line(&format!("- and {more} more"))?;
    }
    Ok(())
}

/// `- TYPE: path (line 3, byte 512: what is wrong)`.
fn line(anomaly: &Anomaly) -> String {
    let place = [("line", anomaly.line), ("byte", anomaly.offset)];
    let place: Vec<String> = place.iter().filter_map(|(name, number)| Some(format!("{name} {}", (*number)?))).collect();
    let place = place.join(", ");
    // The file engine's own sentence begins with the place.
    let place =
        if place.is_empty() || anomaly.detail.starts_with(&place) { String::new() } else { format!("{place}: ") };
    let path = anomaly.path.display().to_string();
    format!("- {}: {} ({place}{})", anomaly.kind, safe::text(&path), safe::text(&anomaly.detail))
}

#[cfg(test)]
mod tests {
    use papyra::AnomalyKind;

    use super::*;

    #[test]
    fn a_finding_names_its_place() {
        let anomaly = Anomaly::new(AnomalyKind::CorruptedLine, "logs/a\nb", "the checksum is wrong");
        assert_eq!(line(&anomaly), "- CORRUPTED_LINE: logs/a\\u{a}b (the checksum is wrong)");
        let expected = "- CORRUPTED_LINE: logs/a\\u{a}b (line 3, byte 512: the checksum is wrong)";
        let mut anomaly = anomaly.at(512, 80).on_line(3);
        assert_eq!(line(&anomaly), expected);
        anomaly.detail = format!("line 3, byte 512: {}", anomaly.detail);
        assert_eq!(line(&anomaly), expected);
    }

    #[test]
    fn the_report_names_its_schema_and_verdict() {
        let mut found = ScanReport::new("json", "json:a");
        found.add(Anomaly::new(AnomalyKind::TruncatedLine, "a", "torn").at(5, 2));
        let json = report::document(SCHEMA, ExitCode::Anomalies, &found).unwrap();
        assert!(json.starts_with(r#"{"schema":"papyra.scan/1","ok":false,"exit":2,"backend":"json","#), "{json}");
        assert!(json.contains(r#""kind":"TRUNCATED_LINE","path":"a","offset":5,"length":2,"#), "{json}");
    }
}
