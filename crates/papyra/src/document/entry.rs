//! An entry as a JSON object: the stored members without checksum, and the position.

use std::fmt::Write as _;

use super::safe;
use crate::Entry;

/// The stored object on one line, with `seq` where positions are numbers, and `position` as every command takes it back.
pub fn entry(stored: &Entry) -> String {
    let mut json = stored.fact.to_json();
    // The closing brace comes again behind the position.
    json.pop();
    if let Some(seq) = stored.position.seq() {
        // Writing to memory cannot fail.
        let _ = write!(json, ",\"seq\":{seq}");
    }
    let _ = write!(json, ",\"position\":\"{}\"}}", stored.position);
    safe::json(&json).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, Fact, Payload, Position, Timestamp};

    #[test]
    fn the_position_stands_behind_the_stored_members() {
        let event = Event::new("a://b", "X")
            .with_payload(Payload::from_json(r#"{"a":{"b":{}}}"#).unwrap())
            .at(Timestamp::from_seconds(1.5).unwrap());
        let stored = Fact::from(event.clone()).to_json();
        let object = |position| entry(&Entry::new(position, event.clone().into(), 0));
        let head = &stored[..stored.len() - 1];
        assert_eq!(object(Position::from_seq(7)), format!(r#"{head},"seq":7,"position":"7"}}"#));
        assert_eq!(object(Position::from_pair(7, 1)), format!(r#"{head},"position":"7-1"}}"#));
    }
}
