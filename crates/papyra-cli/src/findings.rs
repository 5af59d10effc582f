//! Findings as people read them, and as existing scripts know them.

use papyra::{Anomaly, ScanReport};

use crate::{
    console::{Notes, Out},
    failure::Failure,
    safe,
};

/// What is said of a log without findings.
pub(crate) const HEALTHY: &str = "Persistence is healthy";

/// Prints every finding of a report that has some.
pub(crate) fn print(found: &ScanReport, out: &mut Out) -> Result<(), Failure> {
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

/// Remarks that are no findings.
pub(crate) fn tell_notes(found: &ScanReport, notes: &Notes) {
    for note in &found.notes {
        notes.note(&format!("note: {note}"));
    }
}

/// `- TYPE: path (line 3, byte 512: what is wrong)`.
fn line(anomaly: &Anomaly) -> String {
    let place = [("line", anomaly.line), ("byte", anomaly.offset)];
    let place: Vec<String> = place.iter().filter_map(|(name, number)| Some(format!("{name} {}", (*number)?))).collect();
    let place = place.join(", ");
    // The file engine's own sentence begins with the place, or says that something is missing before it.
    let detail = anomaly.detail.strip_prefix("before ").unwrap_or(&anomaly.detail);
    let names_lines =
        anomaly.offset.is_some_and(|at| detail.starts_with("lines ") && detail.contains(&format!("byte {at},")));
    let named = place.is_empty() || detail.starts_with(&place) || names_lines;
    let place = if named { String::new() } else { format!("{place}: ") };
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
        anomaly.detail = "lines 3 to 4, byte 512, 80 bytes: it is blank".to_owned();
        assert_eq!(line(&anomaly), "- CORRUPTED_LINE: logs/a\\u{a}b (lines 3 to 4, byte 512, 80 bytes: it is blank)");
        anomaly.detail = "before line 3, byte 512: entry 2 is missing".to_owned();
        assert_eq!(line(&anomaly), "- CORRUPTED_LINE: logs/a\\u{a}b (before line 3, byte 512: entry 2 is missing)");
    }
}
