//! Where an actor lives, in the words of its own system.

use std::fmt;

/// The actor system of a fact that does not name one.
pub(crate) const DEFAULT_SYSTEM: &str = "local";

/// The address of an actor, such as `orders://worker/3`, or unknown.
///
/// The Python Papyra wrote addresses in several forms (`local:1`, `local://1`, an object); all of them read as
/// `local://1`, and two addresses are equal when these canonical texts are. What stands in the log is kept as it was.
#[derive(Clone, Default)]
pub struct ActorAddress {
    text: Option<Box<str>>,
    /// The JSON that stands in the log, where it is not simply the text as a string.
    stored: Option<Box<str>>,
}

impl ActorAddress {
    /// The address of a thing that has none, or whose address is not known. It is `null` in a log and `-` on a terminal.
    pub const UNKNOWN: ActorAddress = ActorAddress { text: None, stored: None };

    /// An address in the words of its system.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        match canonical(&text) {
            Some(canonical) => {
                let stored = serde_json::Value::String(text).to_string();
                ActorAddress { text: Some(canonical.into()), stored: Some(stored.into()) }
            }
            None => ActorAddress { text: Some(text.into()), stored: None },
        }
    }

    /// An address whose form in the log is this JSON (an object of the Python Papyra, say).
    pub(crate) fn with_stored(text: Option<String>, stored: &str) -> Self {
        let text = text.map(|text| canonical(&text).unwrap_or(text).into());
        ActorAddress { text, stored: Some(stored.into()) }
    }

    /// The canonical text; `None` if the address is not known.
    pub fn as_str(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// The part before `://`, the actor system, if the address has one.
    pub fn system(&self) -> Option<&str> {
        let text = self.text.as_deref()?;
        // A search for one character is the quicker one, and each event of an actor asks for this.
        let (end, _) = text.match_indices(':').find(|(at, _)| text[*at..].starts_with("://"))?;
        Some(&text[..end]).filter(|system| !system.is_empty())
    }

    /// The JSON of a form that the canonical text does not tell.
    pub(crate) fn stored(&self) -> Option<&str> {
        self.stored.as_deref()
    }
}

/// `system:digits` is the Python Papyra's short form of `system://digits`.
fn canonical(text: &str) -> Option<String> {
    let (system, id) = text.split_once(':')?;
    let short = !system.is_empty() && !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit());
    short.then(|| format!("{system}://{id}"))
}

impl fmt::Display for ActorAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text.as_deref().unwrap_or("-"))
    }
}

impl fmt::Debug for ActorAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => write!(f, "{text:?}"),
            None => f.write_str("unknown"),
        }
    }
}

impl PartialEq for ActorAddress {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for ActorAddress {}

impl std::hash::Hash for ActorAddress {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl From<&str> for ActorAddress {
    fn from(text: &str) -> Self {
        ActorAddress::new(text)
    }
}

impl From<String> for ActorAddress {
    fn from(text: String) -> Self {
        ActorAddress::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_form_is_the_same_actor() {
        assert_eq!(ActorAddress::new("local:1"), ActorAddress::new("local://1"));
        assert_eq!(ActorAddress::new("local:1").to_string(), "local://1");
        assert_eq!(ActorAddress::new("local:1").stored(), Some("\"local:1\""));
        assert_ne!(ActorAddress::new("local:x"), ActorAddress::new("local://x"));
    }

    #[test]
    fn the_system_is_the_part_before_the_slashes() {
        assert_eq!(ActorAddress::new("orders://worker/3").system(), Some("orders"));
        assert_eq!(ActorAddress::new("worker").system(), None);
        assert_eq!(ActorAddress::UNKNOWN.system(), None);
    }
}
