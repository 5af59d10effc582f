//! `papyra timeline`.

use crate::lab::Lab;

const LIFE: &str = r#"{"kind":"event","system_id":"orders","actor_address":"orders://a","event_type":"ActorStarted","payload":{"generation":1},"timestamp":1700000000}
{"kind":"event","system_id":"orders","actor_address":"orders://b","event_type":"ActorStarted","payload":{"generation":1},"timestamp":1700000001}
{"kind":"event","system_id":"orders","actor_address":"orders://a","event_type":"ActorCrashed","payload":{"generation":1,"error":"boom"},"timestamp":1700000002}
{"kind":"dead_letter","system_id":"orders","target":"orders://a","message_type":"Place","payload":null,"why":"stopped","count":3,"timestamp":1700000002.5}
{"kind":"event","system_id":"orders","actor_address":"orders://a","event_type":"ActorRestarted","payload":{"generation":2},"timestamp":1700000003}
"#;

#[test]
fn a_life_is_told_with_its_gaps_and_summed_up() {
    let lab = Lab::with(LIFE);
    let expected = [
        "[1700000000.000]           ActorStarted generation=1",
        "[1700000002.000]     +2.0s ActorCrashed generation=1 error=\"boom\"",
        "[1700000002.500]    +500ms DeadLetter Place why=stopped count=3",
        "[1700000003.000]    +500ms ActorRestarted generation=2",
        "orders://a: 1 start, 1 crash, 1 restart, 3 dead letters from 2023-11-14T22:13:20.000Z to 2023-11-14T22:13:23.000Z",
    ];
    assert_eq!(lab.on_log(&["timeline", "orders://a"]).lines(), expected);
    assert_eq!(lab.on_log(&["timeline", "orders://a", "--limit", "1"]).lines(), expected[3..]);
}

#[test]
fn as_json_a_life_is_one_document_whatever_its_length() {
    let lab = Lab::with(LIFE);
    for (words, moments) in [
        (&["timeline", "orders://a", "-o", "json"][..], 4),
        (&["timeline", "orders://a", "-o", "json", "--limit", "2"], 2),
        (&["timeline", "orders://nobody", "-o", "json"], 0),
    ] {
        let life = lab.on_log(words).json();
        assert_eq!((life["schema"].as_str(), life["exit"].as_u64()), (Some("papyra.timeline/1"), Some(0)), "{words:?}");
        assert_eq!(life["moments"].as_array().unwrap().len(), moments, "{words:?}");
        assert_eq!(life["crashes"].as_u64(), Some(u64::from(moments > 0)), "{words:?}");
    }
    let lines = lab.on_log(&["timeline", "orders://a", "-o", "ndjson"]);
    assert!(lines.lines().iter().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    assert_eq!(lines.lines().len(), 4);
}
