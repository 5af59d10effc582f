//! Durations: `30s`, `15m`, `1h 30m`, `30d`.

use std::time::Duration;

use super::number::Decimal;
use crate::{Error, ErrorKind, Result, quoted::quoted};

/// Every accepted unit with its nanoseconds.
const UNITS: [(&[&str], u64); 8] = [
    (&["ns"], 1),
    (&["us", "µs"], 1_000),
    (&["ms"], 1_000_000),
    (&["s", "sec", "secs", "second", "seconds"], SECOND),
    (&["m", "min", "mins", "minute", "minutes"], 60 * SECOND),
    (&["h", "hr", "hrs", "hour", "hours"], 3_600 * SECOND),
    (&["d", "day", "days"], 86_400 * SECOND),
    (&["w", "week", "weeks"], 7 * 86_400 * SECOND),
];

const SECOND: u64 = 1_000_000_000;

/// Reads a duration such as `500ms`, `30s`, `10min`, `15m`, `2h`, `1h 30m`, `30d` or `1w`. A day has 24 hours; `m` is a
/// minute; only `0` needs no unit. At most some 584 years.
///
/// # Errors
/// `Config` for anything else; the message says how to write it.
pub fn parse_duration(text: &str) -> Result<Duration> {
    let mut rest = text.trim();
    if let Some((number, "")) = Decimal::take(rest) {
        if number.is_zero() {
            return Ok(Duration::ZERO);
        }
        return Err(refused(format!("{} has no unit: write `{rest}s` for seconds", quoted(text))));
    }
    let mut nanos = 0u64;
    while !rest.is_empty() {
        let (number, after) = Decimal::take(rest).ok_or_else(|| no_duration(text))?;
        let after = after.trim_start();
        let end = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        let Some((_, unit)) = UNITS.iter().find(|(names, _)| names.contains(&name)) else {
            return Err(unknown_unit(text, name));
        };
        nanos = number
            .times(*unit)
            .and_then(|more| nanos.checked_add(more))
            .ok_or_else(|| refused(format!("{} is longer than any duration can be", quoted(text))))?;
        rest = after.trim_start();
    }
    if text.trim().is_empty() {
        return Err(no_duration(text));
    }
    Ok(Duration::from_nanos(nanos))
}

/// Writes a duration in the largest unit that is exact: what [`parse_duration`] reads back as the same.
pub fn format_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    let exact = [("d", 86_400 * SECOND), ("h", 3_600 * SECOND), ("m", 60 * SECOND), ("s", SECOND), ("ms", 1_000_000)]
        .into_iter()
        .find(|(_, unit)| nanos.is_multiple_of(u128::from(*unit)));
    match exact {
        Some((name, unit)) => format!("{}{name}", nanos / u128::from(unit)),
        None => format!("{nanos}ns"),
    }
}

fn unknown_unit(text: &str, name: &str) -> Error {
    match name {
        "mo" | "mon" | "month" | "months" | "y" | "yr" | "year" | "years" => refused(format!(
            "{} counts months or years, which are not always as long: write days, such as `30d` or `365d`",
            quoted(text)
        )),
        _ => no_duration(text),
    }
}

fn no_duration(text: &str) -> Error {
    refused(format!("{} is no duration: write `500ms`, `30s`, `15m`, `2h`, `30d` or `1w`", quoted(text)))
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::Config, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_mean_them() {
        for (text, millis) in [
            ("0", 0),
            ("0s", 0),
            ("500ms", 500),
            ("30s", 30_000),
            ("1.5s", 1_500),
            ("10min", 600_000),
            ("15m", 900_000),
            ("2h", 7_200_000),
            ("1h30m", 5_400_000),
            (" 1 hour 30 minutes ", 5_400_000),
            ("30d", 30 * 86_400_000),
            ("1w", 7 * 86_400_000),
        ] {
            assert_eq!(parse_duration(text).unwrap(), Duration::from_millis(millis), "{text}");
        }
    }

    #[test]
    fn what_is_not_clear_is_refused_with_the_cure() {
        for (text, hint) in [
            ("30", "`30s`"),
            ("1mo", "`30d`"),
            ("1y", "`365d`"),
            ("", "is no duration"),
            ("-5s", "is no duration"),
            ("5 parsecs", "is no duration"),
            ("10M", "is no duration"),
            ("s", "is no duration"),
            ("1..5s", "is no duration"),
            ("1e3s", "is no duration"),
            ("30s;password=x", "is no duration"),
            ("9999999999999w", "longer than any"),
            ("1w 99999999999999999999ns", "longer than any"),
        ] {
            let error = parse_duration(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(hint), "{text}: {error}");
        }
    }

    #[test]
    fn a_written_duration_reads_back_as_the_same() {
        let mut nanos = 1u64;
        for step in 0..4_000u64 {
            nanos = nanos.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // From single nanoseconds to centuries, exact and crooked.
            let duration = Duration::from_nanos((nanos >> (step % 64)) / 1_000 * 1_000 + step % 2);
            assert_eq!(parse_duration(&format_duration(duration)).unwrap(), duration);
        }
    }
}
