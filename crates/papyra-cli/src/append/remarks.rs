//! What the log itself had to say when it was written to, in words.

use papyra::{Entry, Event, Fact};
use serde::Deserialize;

use crate::console::Notes;

/// Tells all remarks.
pub(super) fn tell(remarks: &[Entry], notes: &Notes) {
    for remark in remarks {
        if let Fact::Event(event) = &remark.fact {
            notes.warning(&format!("note: {}", words(event)));
        }
    }
}

fn words(event: &Event) -> String {
    let known =
        match event.event_type.as_str() {
            "TailSettled" => event.payload.decode().ok().map(|Settled { offset, bytes }| {
                format!("the log ended in {bytes} bytes of an unfinished line, at byte {offset}; they were cut off")
            }),
            "LogReplaced" => Some("the log's file was replaced or removed; it was opened anew".to_owned()),
            "SegmentsDropped" => event.payload.decode().ok().map(|Span { first, last }| {
                format!("the facts {first} to {last} were dropped with their segment, as `max_segments` says")
            }),
            "FactsDropped" => event.payload.decode().ok().map(|Dropped { n }| format!("{n} facts were dropped before")),
            "SyncFailed" => event.payload.decode().ok().map(|Suspect { suspect_from, suspect_to }| {
                format!("the system failed to sync; the facts {suspect_from} to {suspect_to} may be lost")
            }),
            "ServerSetBack" => event.payload.decode().ok().map(|SetBack { resent, lost }| {
                format!("the server went backwards: {resent} facts were sent again, {lost} acknowledged facts are lost")
            }),
            "StreamReset" => event.payload.decode().ok().map(|Reset { stream }| {
                format!("the stream `{stream}` was deleted or set back: what stood in it is gone")
            }),
            _ => None,
        };
    known.unwrap_or_else(|| format!("the log says: {} {}", event.event_type, event.payload))
}

#[derive(Deserialize)]
struct Settled {
    offset: u64,
    bytes: u64,
}

#[derive(Deserialize)]
struct Span {
    first: u64,
    last: u64,
}

#[derive(Deserialize)]
struct Dropped {
    n: u64,
}

#[derive(Deserialize)]
struct SetBack {
    resent: u64,
    lost: u64,
}

#[derive(Deserialize)]
struct Reset {
    stream: String,
}

#[derive(Deserialize)]
struct Suspect {
    suspect_from: u64,
    suspect_to: u64,
}

#[cfg(test)]
mod tests {
    use papyra::Payload;

    use super::*;

    fn told(event_type: &str, payload: &str) -> String {
        words(&Event::new("papyra://log", event_type).with_payload(Payload::from_json(payload).unwrap()))
    }

    #[test]
    fn remarks_are_told_in_words() {
        let settled = told("TailSettled", r#"{"offset":512,"bytes":17}"#);
        assert_eq!(settled, "the log ended in 17 bytes of an unfinished line, at byte 512; they were cut off");
        assert!(told("LogReplaced", "{}").contains("replaced"));
        assert!(told("SegmentsDropped", r#"{"first":1,"last":9}"#).starts_with("the facts 1 to 9 were dropped"));
        let set_back = told("ServerSetBack", r#"{"resent":3,"lost":1,"was":"5-0"}"#);
        assert_eq!(set_back, "the server went backwards: 3 facts were sent again, 1 acknowledged facts are lost");
        assert!(told("StreamReset", r#"{"stream":"papyra:local:events"}"#).contains("papyra:local:events"));
        assert!(told("SyncFailed", r#"{"suspect_from":3,"suspect_to":9}"#).contains("3 to 9"));
    }

    #[test]
    fn a_remark_that_this_version_does_not_know_is_told_as_it_is() {
        assert_eq!(told("Moved", r#"{"to":"x"}"#), r#"the log says: Moved {"to":"x"}"#);
        assert_eq!(told("TailSettled", "{}"), "the log says: TailSettled {}");
    }
}
