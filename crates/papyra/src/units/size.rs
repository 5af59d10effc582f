//! Sizes in bytes: `4096`, `64MiB`, `2GB`.

use super::number::Decimal;
use crate::{Error, ErrorKind, Result, quoted::quoted};

/// The units with their bytes, larger ones first and of equal rank the binary one: names are read ignoring case.
const UNITS: [(&str, u64); 8] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
];

/// Reads a size in bytes: a plain number, or with a unit `kB`, `MB`, `GB`, `TB` (powers of 1000) or `KiB`, `MiB`,
/// `GiB`, `TiB` (powers of 1024).
///
/// # Errors
/// `Config` for anything else; also for `10m` or `10k`, which are read as 1000 by some programs and as 1024 by others.
pub fn parse_size(text: &str) -> Result<u64> {
    let no_size =
        || Error::new(ErrorKind::Config, format!("{} is no size: write `4096`, `64MiB` or `2GB`", quoted(text)));
    let (number, rest) = Decimal::take(text.trim()).ok_or_else(no_size)?;
    let name = rest.trim_start();
    let bytes = if name.is_empty() || name.eq_ignore_ascii_case("B") {
        1
    } else if let Some((_, bytes)) = UNITS.iter().find(|(unit, _)| unit.eq_ignore_ascii_case(name)) {
        *bytes
    } else {
        return Err(ambiguous(text, name).unwrap_or_else(no_size));
    };
    number
        .times(bytes)
        .ok_or_else(|| Error::new(ErrorKind::Config, format!("{} is larger than any size can be", quoted(text))))
}

/// `10m` and its like: the message shows both things that it may mean.
fn ambiguous(text: &str, name: &str) -> Option<Error> {
    let letter = match name {
        "k" | "K" => 'K',
        "m" | "M" => 'M',
        "g" | "G" => 'G',
        "t" | "T" => 'T',
        _ => return None,
    };
    let number = text.trim().trim_end_matches(|c: char| !c.is_ascii_digit());
    Some(Error::new(
        ErrorKind::Config,
        format!(
            "the size {} is ambiguous: write `{number}{letter}iB` (powers of 1024) or `{number}{letter}B` (powers of 1000)",
            quoted(text)
        ),
    ))
}

/// Writes a size in the largest unit that is exact: what [`parse_size`] reads back as the same.
pub fn format_size(bytes: u64) -> String {
    match UNITS.iter().find(|(_, unit)| bytes != 0 && bytes.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_mean_them() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("12B", 12),
            ("64MiB", 64 << 20),
            ("64 mib", 64 << 20),
            ("1GiB", 1 << 30),
            ("2GB", 2_000_000_000),
            ("1.5kB", 1_500),
            ("1.5GiB", 3 << 29),
            ("3TiB", 3 << 40),
        ] {
            assert_eq!(parse_size(text).unwrap(), bytes, "{text}");
        }
    }

    #[test]
    fn what_is_not_clear_is_refused_with_the_cure() {
        for (text, hint) in [
            ("10m", "`10MiB` (powers of 1024) or `10MB`"),
            ("10k", "`10KiB`"),
            ("1.5 G", "`1.5GiB`"),
            ("", "is no size"),
            ("MiB", "is no size"),
            ("-1", "is no size"),
            ("1e6", "is no size"),
            ("1_000", "is no size"),
            ("99999999999TiB", "larger than any"),
        ] {
            let error = parse_size(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(hint), "{text}: {error}");
        }
    }

    #[test]
    fn a_written_size_reads_back_as_the_same() {
        for shift in 0..64 {
            for bytes in [1u64 << shift, (1u64 << shift) - 1, (1u64 << shift) / 1_000 * 1_000, u64::MAX >> shift] {
                assert_eq!(parse_size(&format_size(bytes)).unwrap(), bytes);
            }
        }
    }
}
