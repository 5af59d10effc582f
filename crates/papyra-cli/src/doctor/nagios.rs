//! A check as Nagios, Icinga and their kin read it: one line, and exit codes of their own.
//!
//! Those codes, 0 to 3, have other meanings here. Who asks for `--nagios` asks for a plugin's; the numbers are the only thing
//! that the published codes lend (docs/decisions/0029-limits-have-one-code-and-nagios-its-own.md).

use super::finding::{Finding, State, Value};
use crate::{exit::ExitCode, safe};

/// A plugin's verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    Critical,
    Unknown,
}

impl Verdict {
    pub(super) fn of(findings: &[Finding]) -> Self {
        let any = |state| findings.iter().any(|finding| finding.state == state);
        match (any(State::Exceeded), any(State::Unsupported)) {
            (true, _) => Verdict::Critical,
            (_, true) => Verdict::Unknown,
            _ => Verdict::Ok,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Verdict::Ok => "OK",
            Verdict::Critical => "CRITICAL",
            Verdict::Unknown => "UNKNOWN",
        }
    }

    /// 0, 2 or 3.
    pub(super) fn exit(self) -> ExitCode {
        match self {
            Verdict::Ok => ExitCode::Done,
            Verdict::Critical => ExitCode::Anomalies,
            Verdict::Unknown => ExitCode::NotRecovered,
        }
    }
}

/// The line of a check: what is exceeded comes first, and the figures behind the bar.
pub(super) fn line(findings: &[Finding]) -> String {
    let worst_first = [State::Exceeded, State::Unsupported, State::Ok];
    let words = worst_first.into_iter().flat_map(|state| findings.iter().filter(move |finding| finding.state == state));
    let words: Vec<&str> = words.map(|finding| finding.words.as_str()).collect();
    let figures: Vec<String> = findings.iter().filter_map(figure).collect();
    let verdict = Verdict::of(findings).as_str();
    format!("PAPYRA {verdict}: {} | {}", words.join(", "), figures.join(" ")).trim_end_matches([' ', '|']).to_owned()
}

/// The line of a check that could not be made.
pub(super) fn failed(message: &str) -> String {
    // What stands behind a bar is figures.
    format!("PAPYRA UNKNOWN: {}", safe::text(message).replace('|', "/"))
}

/// `name=value[unit];warning;critical;least`: critical is what lies above the limit.
fn figure(finding: &Finding) -> Option<String> {
    let (name, limit) = (finding.check.trim_end_matches("_seconds"), finding.limit);
    let limit = match limit {
        Value::Count(most) => most.to_string(),
        Value::Seconds(most) => most.to_string(),
        Value::None => String::new(),
    };
    match finding.value {
        Value::Count(count) => Some(format!("{name}={count};;{limit};0")),
        Value::Seconds(seconds) => Some(format!("{name}={seconds:.3}s;;{limit};0")),
        Value::None => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_worst_comes_first_and_the_figures_stand_behind_the_bar() {
        let limit = "100/1h".parse().unwrap();
        let findings = [
            Finding::counted("crashes", 3, &limit),
            Finding::counted("dead_letters", 101, &limit),
            Finding::age_of_last(Some(61.5), Duration::from_secs(90)),
            Finding::anomalies(Some(0), 0),
        ];
        assert_eq!(
            line(&findings),
            "PAPYRA CRITICAL: 101 dead letters in 1h (at most 100), 3 crashes in 1h (at most 100), the last fact is 61s \
             old (at most 90s), 0 anomalies (at most 0) | crashes=3;;100;0 dead_letters=101;;100;0 \
             age_of_last=61.500s;;90;0 anomalies=0;;0;0"
        );
        assert_eq!(Verdict::of(&findings).exit().code(), 2);
        assert_eq!(Verdict::of(&findings[..1]).exit().code(), 0);
    }

    #[test]
    fn what_cannot_be_known_is_unknown_and_has_no_figure() {
        let findings = [Finding::anomalies(None, 0)];
        assert_eq!(line(&findings), "PAPYRA UNKNOWN: the backend does not support scan: no anomaly can be found");
        assert_eq!(Verdict::of(&findings).exit().code(), 3);
        assert_eq!(failed("a | b\nc"), "PAPYRA UNKNOWN: a / b\\u{a}c");
    }
}
