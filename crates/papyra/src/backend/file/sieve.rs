//! What a look at a line tells before it is decoded: nearly everything that nobody asked for falls through here.

use memchr::memmem::Finder;

use crate::{ActorAddress, Kind, ReadOptions, codec::Head};

/// What was asked for, as far as a look can tell.
#[derive(Debug)]
pub(super) struct Sieve {
    kinds: Vec<Kind>,
    since: Option<f64>,
    /// Bytes that stand in every line about the actor.
    needle: Option<Finder<'static>>,
}

impl Sieve {
    pub(super) fn of(options: &ReadOptions) -> Self {
        let needle = options.about.as_ref().and_then(needle).map(|needle| Finder::new(needle.as_bytes()).into_owned());
        Sieve { kinds: options.kinds.clone(), since: options.since, needle }
    }

    /// Whether a sealed line may be among what was asked for.
    pub(super) fn lets_through(&self, line: &[u8], head: &Head) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&head.kind))
            && head.kind != Kind::Unknown
            && self.since.is_none_or(|since| head.timestamp >= since)
            // An escape may hide any character.
            && self.needle.as_ref().is_none_or(|needle| {
                needle.find(line).is_some() || memchr::memchr(b'\\', line).is_some()
            })
    }
}

/// What of an address stands in a line in every form that it was ever written in: of the Python Papyra's addresses only the
/// number, of all others the whole text.
fn needle(actor: &ActorAddress) -> Option<&str> {
    let text = actor.as_str()?;
    let number = text.split_once("://").map(|(_, id)| id).filter(|id| id.bytes().all(|b| b.is_ascii_digit()));
    let needle = number.unwrap_or(text);
    // What JSON must escape stands in no line as it is.
    let plain = !needle.is_empty() && needle.chars().all(|c| c != '"' && c != '\\' && !c.is_control());
    plain.then_some(needle)
}
