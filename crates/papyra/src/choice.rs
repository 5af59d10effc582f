//! Settings that are one word out of a few. Case does not count, and `-` is `_`.

use std::{fmt, str::FromStr};

use crate::{Durability, Error, ErrorKind, RecoveryMode, Result, StartupMode, nearest::nearest, quoted::quoted};

/// Finds the value that a word stands for.
fn choose<T: Copy>(what: &str, text: &str, choices: &[(&'static str, T)]) -> Result<T> {
    let word = text.trim().to_ascii_lowercase().replace('-', "_");
    if let Some((_, value)) = choices.iter().find(|(name, _)| *name == word) {
        return Ok(*value);
    }
    let names = choices.iter().map(|(name, _)| *name);
    let known = names.clone().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let meant = match nearest(&word, names) {
        Some(name) => format!("did you mean `{name}`? known are {known}"),
        None => format!("known are {known}"),
    };
    Err(Error::new(ErrorKind::Config, format!("{} is no {what}: {meant}", quoted(text))))
}

/// The word of a value.
fn word<T: PartialEq>(value: T, choices: &[(&'static str, T)]) -> &'static str {
    choices.iter().find(|(_, choice)| *choice == value).map_or("", |(name, _)| name)
}

const DURABILITIES: [(&str, Durability); 2] = [("synced", Durability::Synced), ("buffered", Durability::Buffered)];

const RECOVERY_MODES: [(&str, RecoveryMode); 3] =
    [("repair", RecoveryMode::Repair), ("quarantine", RecoveryMode::Quarantine), ("ignore", RecoveryMode::Ignore)];

const STARTUP_MODES: [(&str, StartupMode); 4] = [
    ("ignore", StartupMode::Ignore),
    ("scan_only", StartupMode::ScanOnly),
    ("fail_on_anomaly", StartupMode::FailOnAnomaly),
    ("recover", StartupMode::Recover),
];

impl FromStr for Durability {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        choose("durability", text, &DURABILITIES)
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(word(*self, &DURABILITIES))
    }
}

impl FromStr for RecoveryMode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        choose("recovery mode", text, &RECOVERY_MODES)
    }
}

impl fmt::Display for RecoveryMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(word(*self, &RECOVERY_MODES))
    }
}

impl FromStr for StartupMode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        choose("startup mode", text, &STARTUP_MODES)
    }
}

impl fmt::Display for StartupMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(word(*self, &STARTUP_MODES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_count_and_a_dash_is_an_underscore() {
        assert_eq!("Fail-On-Anomaly".parse::<StartupMode>().unwrap(), StartupMode::FailOnAnomaly);
        assert_eq!("QUARANTINE".parse::<RecoveryMode>().unwrap(), RecoveryMode::Quarantine);
        assert_eq!("Buffered".parse::<Durability>().unwrap(), Durability::Buffered);
    }

    #[test]
    fn every_word_reads_back_as_its_value() {
        for (name, mode) in STARTUP_MODES {
            assert_eq!((mode.to_string().as_str(), name.parse::<StartupMode>().unwrap()), (name, mode));
        }
        for (name, mode) in RECOVERY_MODES {
            assert_eq!((mode.to_string().as_str(), name.parse::<RecoveryMode>().unwrap()), (name, mode));
        }
        for (name, durability) in DURABILITIES {
            assert_eq!((durability.as_str(), name.parse::<Durability>().unwrap()), (name, durability));
        }
    }

    #[test]
    fn a_wrong_word_is_answered_with_the_nearest() {
        let error = "bufered".parse::<Durability>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`bufered` is no durability: did you mean `buffered`? known are `synced`, `buffered`"
        );
        assert_eq!(error.kind(), ErrorKind::Config);
    }
}
