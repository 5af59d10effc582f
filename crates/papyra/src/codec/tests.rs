use super::*;
use crate::{ActorAddress, Event, Kind, Payload};

const VECTORS: [(&str, &str); 3] = [
    ("format-1", include_str!("../../tests/vectors/format-1.ndjson")),
    ("format-1-compacted", include_str!("../../tests/vectors/format-1-compacted.ndjson")),
    ("format-1-dropped", include_str!("../../tests/vectors/format-1-dropped.ndjson")),
];
const LEGACY: &str = include_str!("../../tests/vectors/legacy-python.ndjson");

/// Writes a sealed line anew from what was read of it.
fn rewritten(line: &str) -> String {
    let mut out = Vec::new();
    match Header::decode(line.as_bytes()) {
        Some(HeaderLine::Header(header)) => header.encode(&mut out),
        Some(other) => panic!("{other:?}"),
        None => {
            let (tail, _) = tail_and_head(line.as_bytes()).unwrap();
            encode_body(&decode(line, Form::Lenient).unwrap(), &mut out);
            stamp(&mut out, 0, Stamp { seq: tail.seq, skew: tail.skew, ..Stamp::default() });
        }
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn every_vector_is_sealed_and_written_again_to_the_byte() {
    for (name, text) in VECTORS {
        for line in text.lines() {
            assert!(is_sealed(line.as_bytes()).is_some(), "{name}: {line}");
            assert_eq!(rewritten(line), format!("{line}\n"), "{name}");
        }
    }
}

#[test]
fn a_redis_entry_is_sealed_and_reads_as_a_fact() {
    let data = include_str!("../../tests/vectors/redis-data.json").trim_end();
    assert!(is_sealed(data.as_bytes()).is_some());
    assert_eq!(tail_and_head(data.as_bytes()).unwrap().0.seq, 1);
    let fact = decode(data, Form::Lenient).unwrap();
    assert_eq!(fact.kind(), Kind::Event);
    let signed = signature(data.as_bytes()).unwrap();
    assert_eq!((signed.writer, signed.seq), ("0199f0c2-7a44-7e51-9d0b-3a4f6b1f2c77", 1));
    assert_eq!(signed.head, Head { kind: Kind::Event, timestamp: fact.timestamp().seconds() });
    let mut out = Vec::new();
    encode_body(&fact, &mut out);
    sign(&mut out, signed.writer, signed.seq);
    assert_eq!(String::from_utf8(out).unwrap(), data);
}

#[test]
fn a_line_of_a_file_becomes_that_of_a_writer_and_keeps_its_fact() {
    for line in VECTORS.iter().flat_map(|(_, text)| text.lines().filter(|line| !line.contains("\"log\""))) {
        let (tail, head) = tail_and_head(line.as_bytes()).unwrap();
        let signed = signed_copy(line.as_bytes(), "w").unwrap();
        assert!(is_sealed(&signed).is_some());
        let signature = signature(&signed).unwrap();
        assert_eq!((signature.writer, signature.seq, signature.head), ("w", tail.seq, head));
        let fact = |text: &[u8]| decode(std::str::from_utf8(text).unwrap(), Form::Lenient).unwrap();
        assert_eq!(fact(&signed), fact(line.as_bytes()));
        assert!(signed_copy(line.replacen("timestamp", "Timestamp", 1).as_bytes(), "w").is_none());
    }
    let mut late = Vec::new();
    encode_body(&Event::new("a://b", "E").into(), &mut late);
    let body = late.len();
    stamp(&mut late, 0, Stamp { seq: 7, skew: Some(99.5), writer: None });
    late.pop();
    let signed = signed_copy(&late, "w").unwrap();
    assert_eq!(signed[..body], late[..body]);
    assert!(!String::from_utf8(signed).unwrap().contains("skew"));
}

#[test]
fn every_bit_flip_breaks_the_seal() {
    for line in VECTORS[0].1.lines() {
        for bit in 0..line.len() * 8 {
            let mut bytes = line.as_bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(is_sealed(&bytes).is_none(), "bit {bit} of {line}");
        }
    }
}

#[test]
fn the_head_of_a_line_is_what_decoding_it_gives() {
    for (_, text) in VECTORS {
        for line in text.lines().skip(1) {
            let fact = decode(line, Form::Lenient).unwrap();
            let (_, head) = tail_and_head(line.as_bytes()).unwrap();
            assert_eq!(head, Head { kind: fact.kind(), timestamp: fact.timestamp().seconds() });
        }
    }
}

#[test]
fn legacy_lines_read_as_the_format_says() {
    let facts: Vec<Fact> = LEGACY.lines().map(|line| decode(line, Form::Lenient).unwrap()).collect();
    let actors: Vec<String> =
        facts.iter().map(|fact| fact.actor().map_or("none".into(), ToString::to_string)).collect();
    assert_eq!(actors, ["local://1", "local://1", "none", "local://2", "local://1", "local://7", "-", "none"]);
    let Fact::Event(event) = &facts[0] else { panic!() };
    assert_eq!(event.payload.as_json(), r#"{"u":"héllo 😀","n":{"a":[1,2.5,null,true]},"f":1e+22}"#);
    let Fact::Event(bare) = &facts[6] else { panic!() };
    assert_eq!((bare.system_id.as_str(), bare.event_type.as_str(), bare.payload.as_json()), ("local", "", "{}"));
    assert_eq!(facts[7].kind(), Kind::Unknown);
}

#[test]
fn what_python_writes_beyond_json_is_read() {
    let line = r#"{"kind": "event", "event_type": "a\ud800b", "payload": {"x": NaN, "y": [-Infinity, Infinity], "s": "NaN \\ud800 \ud83d\ude00"}, "timestamp": 1}"#;
    let Fact::Event(event) = decode(line, Form::Lenient).unwrap() else { panic!() };
    assert_eq!(event.event_type, "a\u{fffd}b");
    assert_eq!(event.payload.as_json(), r#"{"x":null,"y":[null,null],"s":"NaN \\ud800 \ud83d\ude00"}"#);
    assert!(decode(line, Form::Strict).is_err());
}

#[test]
fn the_head_of_any_line_is_what_decoding_it_gives_or_no_verdict() {
    let odd = [
        r#"{"kind": "event", "timestamp": 1, "kind": "audit", "timestamp": 2}"#,
        r#"{"kind": "ev\u0065nt", "timestamp": 1}"#,
        r#"{"kind": "log", "timestamp": 1}"#,
        r#"{"kind": "event", "timestamp": NaN}"#,
        r#"{"kind": "event", "timestamp": 1e999}"#,
        r#"{"kind": "event", "timestamp": "1"}"#,
        r#"{"kind": "event", "timestamp": 1} x"#,
        r#"{"kind": 1, "timestamp": 1}"#,
        r#"{"kind": "metric", "timestamp": 5}"#,
        "[]",
        "5",
        "",
    ];
    for line in LEGACY.lines().chain(odd) {
        let fact = decode(line, Form::Lenient).ok();
        match (decode_head(line), fact) {
            (Some(head), Some(fact)) => {
                assert_eq!(head, Head { kind: fact.kind(), timestamp: fact.timestamp().seconds() }, "{line}");
            }
            (Some(head), None) => panic!("{head:?} of {line}"),
            (None, _) => {}
        }
    }
    assert!(LEGACY.lines().all(|line| decode_head(line).is_some()));
}

#[test]
fn unknown_members_and_kinds_are_kept() {
    for text in [
        r#"{"kind":"event","system_id":"s","actor_address":"s://1","event_type":"E","payload":{},"trace":"x","timestamp":1.5}"#,
        r#"{"kind":"metric","records_written":10,"timestamp":1700000003.0}"#,
        r#"{"kind":"dead_letter","system_id":"s","target":{"system":"local","actor_id":1},"message_type":"M","payload":null,"why":"odd","count":3,"timestamp":1}"#,
    ] {
        assert_eq!(Fact::from_json(text).unwrap().to_json(), text);
    }
    let fact =
        Fact::from_json(r#"{"kind":"event","timestamp":1,"seq":9,"crc":"00000000","writer":"w","skew":5}"#).unwrap();
    assert!(!fact.to_json().contains("seq"));
}

#[test]
fn strict_input_must_have_its_types() {
    for bad in [
        "[]",
        "5",
        "{}",
        "{\"kind\":\"event\"}",
        "{\"timestamp\":1}",
        "{\"kind\":5,\"timestamp\":1}",
        "{\"kind\":\"event\",\"timestamp\":\"1\"}",
        "{\"kind\":\"event\",\"timestamp\":1e999}",
        "{\"kind\":\"event\",\"timestamp\":1,\"system_id\":5}",
        "{\"kind\":\"audit\",\"timestamp\":1,\"total_actors\":-1}",
        "{\"kind\":\"log\",\"timestamp\":1}",
        "{\"kind\":\"event\",\"timestamp\":1} x",
    ] {
        assert!(Fact::from_json(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_line_whose_newline_was_damaged_is_found_again() {
    let mut bytes = VECTORS[0].1.lines().nth(1).unwrap().as_bytes().to_vec();
    let first = bytes.len();
    bytes.push(0x0b);
    bytes.extend_from_slice(VECTORS[0].1.lines().nth(2).unwrap().as_bytes());
    assert_eq!(sealed_prefix(&bytes), Some(first));
    assert_eq!(sealed_prefix(&bytes[1..]), None);
}

#[test]
fn a_checksum_inside_a_payload_is_no_trailer() {
    let fact =
        Event::new(ActorAddress::UNKNOWN, "E").with_payload(Payload::from_json(r#"{"a":1,"crc":"00000000"}"#).unwrap());
    let mut out = Vec::new();
    encode_body(&fact.into(), &mut out);
    stamp(&mut out, 0, Stamp { seq: 1, ..Stamp::default() });
    out.pop();
    assert_eq!(sealed_prefix(&out), Some(out.len()));
}
