//! The options that every log has, whatever keeps it.

use std::time::Duration;

use crate::{
    Durability, Error, ErrorKind, Result, Retention, Rule,
    quoted::quoted,
    units::{format_duration, format_size, parse_duration, parse_size},
};

/// The options that every log has: in a log address (`?durability=buffered&retention.max_age=30d`) and, under the same
/// names, in `papyra.toml`. What is `None` was not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogOptions {
    /// What stays visible.
    pub retention: Retention,
    /// What an acknowledgement promises.
    pub durability: Option<Durability>,
    /// How long to wait for another process that holds the log.
    pub lock_timeout: Option<Duration>,
    /// How long an append keeps trying while the log's server is away.
    pub timeout: Option<Duration>,
}

impl LogOptions {
    /// The names, as they stand in log addresses and, with dots for tables, in `papyra.toml`.
    pub const NAMES: [&'static str; 15] = [
        "durability",
        "lock_timeout",
        "timeout",
        "retention.max_records",
        "retention.max_age",
        "retention.max_bytes",
        "retention.event.max_records",
        "retention.event.max_age",
        "retention.event.max_bytes",
        "retention.audit.max_records",
        "retention.audit.max_age",
        "retention.audit.max_bytes",
        "retention.dead_letter.max_records",
        "retention.dead_letter.max_age",
        "retention.dead_letter.max_bytes",
    ];

    /// Sets one option from its text; `false` if it is not one of [`NAMES`](Self::NAMES).
    ///
    /// # Errors
    /// `Config` for a value that the option cannot take, without the option's name: the caller knows where it stood.
    pub fn set(&mut self, name: &str, value: &str) -> Result<bool> {
        match name {
            "durability" => self.durability = Some(value.parse()?),
            "lock_timeout" => self.lock_timeout = Some(parse_duration(value)?),
            "timeout" => self.timeout = Some(parse_duration(value)?),
            _ => match self.rule(name) {
                Some((rule, "max_records")) => rule.max_records = Some(parse_count(value)?),
                Some((rule, "max_age")) => rule.max_age = Some(parse_duration(value)?),
                Some((rule, "max_bytes")) => rule.max_bytes = Some(parse_size(value)?),
                _ => return Ok(false),
            },
        }
        Ok(true)
    }

    /// The value of one option as it would be written; `None` if it was not said or has no such name.
    pub fn get(&self, name: &str) -> Option<String> {
        let mut copy = *self;
        match name {
            "durability" => self.durability.map(|durability| durability.to_string()),
            "lock_timeout" => self.lock_timeout.map(format_duration),
            "timeout" => self.timeout.map(format_duration),
            _ => match copy.rule(name)? {
                (rule, "max_records") => rule.max_records.map(|records| records.to_string()),
                (rule, "max_age") => rule.max_age.map(format_duration),
                (rule, "max_bytes") => rule.max_bytes.map(format_size),
                _ => None,
            },
        }
    }

    /// The rule that a name such as `retention.audit.max_age` speaks of, and the limit in it.
    fn rule<'a>(&mut self, name: &'a str) -> Option<(&mut Rule, &'a str)> {
        let name = name.strip_prefix("retention.")?;
        Some(match name.split_once('.') {
            None => (&mut self.retention.all, name),
            Some(("event", limit)) => (&mut self.retention.event, limit),
            Some(("audit", limit)) => (&mut self.retention.audit, limit),
            Some(("dead_letter", limit)) => (&mut self.retention.dead_letter, limit),
            Some(_) => return None,
        })
    }
}

pub(crate) fn parse_count(text: &str) -> Result<u64> {
    text.trim()
        .parse()
        .map_err(|_| Error::new(ErrorKind::Config, format!("{} is no number: write `1000000`", quoted(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_set_and_read_back() {
        for name in LogOptions::NAMES {
            let value = match name.rsplit('.').next().unwrap() {
                "durability" => "buffered",
                "max_records" => "1000",
                "max_bytes" => "2GiB",
                _ => "30d",
            };
            let mut options = LogOptions::default();
            assert_eq!(options.get(name), None);
            assert!(options.set(name, value).unwrap(), "{name}");
            assert_eq!(options.get(name).as_deref(), Some(value), "{name}");
            assert_eq!(LogOptions::NAMES.iter().filter(|name| options.get(name).is_some()).count(), 1, "{name}");
        }
    }

    #[test]
    fn other_names_are_not_taken() {
        for name in ["", "retention", "retention.", "retention.unknown.max_age", "retention.event.x", "max_age"] {
            assert!(!LogOptions::default().set(name, "1").unwrap(), "{name}");
        }
    }
}
