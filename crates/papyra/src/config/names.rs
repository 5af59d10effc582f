//! Every known key, and the variables that go with them.

use crate::{Kind, LogOptions};

/// The keys besides those that every log has.
const OWN: [&str; 9] = [
    "url",
    "startup.mode",
    "startup.recovery",
    "startup.quarantine_dir",
    "kind.event.url",
    "kind.audit.url",
    "kind.dead_letter.url",
    "spool.path",
    "spool.max_bytes",
];

/// Variables that are no settings of their own: where the file is, and what backends take as secrets.
pub(super) const OTHER_VARIABLES: [&str; 4] =
    ["PAPYRA_CONFIG", "PAPYRA_REDIS_USERNAME", "PAPYRA_REDIS_PASSWORD", "PAPYRA_REDIS_PASSWORD_FILE"];

/// All keys, in the order in which they are shown.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    let (url, rest) = OWN.split_at(1);
    url.iter().copied().chain(LogOptions::NAMES).chain(rest.iter().copied())
}

/// The key that is spelled like this.
pub(super) fn find(name: &str) -> Option<&'static str> {
    all().find(|known| *known == name)
}

/// The key of a kind's own address.
pub(super) fn kind_url(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Event => Some("kind.event.url"),
        Kind::Audit => Some("kind.audit.url"),
        Kind::DeadLetter => Some("kind.dead_letter.url"),
        Kind::Unknown => None,
    }
}

/// The variable of a key.
pub(super) fn variable(name: &str) -> String {
    format!("PAPYRA_{}", name.replace('.', "_").to_ascii_uppercase())
}

/// Whether a whole number may stand there without quotes.
pub(super) fn takes_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    matches!(last, "max_records" | "max_bytes" | "max_age" | "lock_timeout" | "timeout")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_variable_of_its_own() {
        let variables: std::collections::BTreeSet<_> = all().map(variable).collect();
        assert_eq!(variables.len(), all().count());
        assert!(variables.contains("PAPYRA_RETENTION_DEAD_LETTER_MAX_AGE"));
    }
}
