//! The log's own figures in words.

use papyra::{PartReport, Stats, document::Figures, units::When};

use crate::{console::Notes, exit::ExitCode, parts, safe};

/// How a command ends that shows these figures.
pub(crate) fn verdict(figures: &Figures) -> ExitCode {
    parts::verdict(&figures.stats.parts, ExitCode::Done)
}

/// Says of which parts there are no figures.
pub(crate) fn tell_failures(figures: &Figures, notes: &Notes) {
    parts::tell(&figures.stats.parts, notes);
}

/// The figures in words.
pub(crate) fn lines(figures: &Figures) -> Vec<String> {
    let mut lines = vec![
        format!("source: {} (the log itself; no running service was asked)", figures.source),
        format!("backend: {}", safe::text(&figures.backend)),
    ];
    lines.extend(of_stats(&figures.stats));
    for part in &figures.stats.parts {
        lines.push(format!("{}: {}", parts::name(part), safe::text(&part.log)));
        lines.extend(of_part(part).into_iter().map(|line| format!("  {line}")));
    }
    lines
}

fn of_part(part: &PartReport<Stats>) -> Vec<String> {
    match (&part.report, &part.error) {
        (Some(stats), _) => of_stats(stats),
        (None, Some(error)) => vec![format!("no figures: {}", safe::text(&error.message))],
        (None, None) => Vec::new(),
    }
}

fn of_stats(stats: &Stats) -> Vec<String> {
    let time = |seconds: Option<f64>| match (seconds, When::in_zone("UTC")) {
        (Some(seconds), Ok(utc)) => utc.rfc3339(seconds),
        (Some(seconds), Err(_)) => seconds.to_string(),
        (None, _) => "-".to_owned(),
    };
    let mut lines = vec![format!("entries: {}", stats.entries)];
    lines.extend(stats.by_kind.iter().map(|(kind, count)| format!("entries_{kind}: {count}")));
    lines.extend([
        format!("bytes: {}", stats.bytes),
        format!("oldest: {}", time(stats.oldest)),
        format!("newest: {}", time(stats.newest)),
        format!("anomalies: {}", stats.anomalies),
    ]);
    if let Some(waiting) = stats.backlog {
        lines.extend([
            format!("spool_facts: {}", waiting.facts),
            format!("spool_bytes: {}", waiting.bytes),
            format!("spool_oldest: {}", time(waiting.oldest)),
            format!("spool_shipped: {}", waiting.shipped),
            format!("spool_lost: {}", waiting.lost),
            format!("spool_stalled: {}", waiting.stalled),
        ]);
    }
    lines
}
