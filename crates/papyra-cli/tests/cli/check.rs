//! `papyra doctor check`.

use papyra::Timestamp;

use crate::lab::{Lab, Run};

/// A service that crashed twice a minute ago, was restarted, and lost 40 messages; an hour ago it lost many more.
fn facts() -> String {
    let now = Timestamp::now().seconds();
    let event = |event_type: &str, ago: f64| {
        format!(
            r#"{{"kind":"event","actor_address":"t://a","event_type":"{event_type}","payload":{{"n":3}},"timestamp":{}}}"#,
            now - ago
        ) + "\n"
    };
    let letter = |count: u64, ago: f64| {
        format!(
            r#"{{"kind":"dead_letter","target":"t://a","message_type":"M","count":{count},"timestamp":{}}}"#,
            now - ago
        ) + "\n"
    };
    [
        letter(1_000, 7_000.0),
        event("ActorCrashed", 61.0),
        event("ActorRestarted", 60.5),
        event("ActorCrashed", 60.0),
        letter(40, 50.0),
        event("FactsDropped", 45.0),
    ]
    .concat()
}

#[track_caller]
fn check(lab: &Lab, flags: &[&str]) -> Run {
    lab.on_log(&[&["doctor", "check"], flags].concat())
}

#[test]
fn a_limit_that_is_kept_is_0_and_one_that_is_exceeded_is_7() {
    let lab = Lab::with(&facts());
    for (flag, kept, exceeded) in [
        ("--max-dead-letters", "40/1h", "39/1h"),
        ("--max-dead-letters", "1040/3h", "1039/3h"),
        ("--max-crashes", "2/1h", "1/1h"),
        ("--max-restarts", "1/1h", "0/1h"),
        ("--max-dropped", "3/1h", "2/1h"),
        ("--max-age-of-last", "1h", "1s"),
    ] {
        assert_eq!(check(&lab, &[flag, kept]).code, Some(0), "{flag} {kept}");
        let run = check(&lab, &[flag, exceeded]);
        assert_eq!(run.code, Some(7), "{run:?}");
        assert!(run.stdout.starts_with("exceeded: ") && run.stdout.lines().count() == 1, "{run:?}");
    }
    let run = check(&lab, &["--max-crashes", "5/1h", "--max-dead-letters", "39/1h", "--max-anomalies", "0"]);
    let expected = [
        "exceeded: 40 dead letters in 1h (at most 39)",
        "ok: 2 crashes in 1h (at most 5)",
        "ok: 0 anomalies (at most 0)",
    ];
    assert_eq!((run.code, run.stdout.lines().collect::<Vec<_>>()), (Some(7), expected.to_vec()));
}

#[test]
fn damage_is_counted_by_a_scan_and_passed_over_by_the_other_limits() {
    let lab = Lab::damaged();
    assert_eq!(check(&lab, &["--max-anomalies", "1"]).code, Some(0));
    assert_eq!(check(&lab, &["--max-anomalies", "0"]).code, Some(7));
    let run = check(&lab, &["--max-crashes", "0/10000d"]);
    assert_eq!(run.lines(), ["ok: 0 crashes in 10000d (at most 0)"]);
    assert!(run.stderr.contains("skipped 1 damaged lines"), "{run:?}");
}

#[test]
fn a_log_that_is_not_there_has_no_last_fact_and_nothing_else_either() {
    let lab = Lab::new();
    let run = check(&lab, &["--max-crashes", "0/1h", "--max-anomalies", "0"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), "no log yet\n"), "{run:?}");
    let run = check(&lab, &["--max-age-of-last", "1d"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(7), "exceeded: there is no fact (at most 1d ago)\n"), "{run:?}");
    assert!(lab.names().is_empty(), "{:?}", lab.names());
    assert_eq!(check(&Lab::with(""), &["--max-age-of-last", "1d"]).code, Some(7));
}

#[test]
fn the_report_tells_each_limit() {
    let lab = Lab::with(&facts());
    let report = check(&lab, &["--max-dead-letters", "39/1h", "--max-age-of-last", "1h", "-o", "json"]).json();
    assert_eq!(
        (&report["schema"], &report["ok"], &report["exit"]),
        (&"papyra.check/1".into(), &false.into(), &7.into())
    );
    let checks = report["checks"].as_array().unwrap();
    assert_eq!((&checks[0]["check"], &checks[0]["state"]), (&"dead_letters".into(), &"exceeded".into()));
    assert_eq!((&checks[0]["value"], &checks[0]["limit"]), (&40.into(), &39.into()));
    assert_eq!(
        (&checks[0]["window_seconds"], &checks[1]["window_seconds"]),
        (&3_600.0.into(), &serde_json::Value::Null)
    );
    assert_eq!((&checks[1]["check"], &checks[1]["state"]), (&"age_of_last_seconds".into(), &"ok".into()));
    assert!((40.0..3_600.0).contains(&checks[1]["value"].as_f64().unwrap()), "{report}");
}

#[test]
fn nagios_has_one_line_and_its_own_codes() {
    let lab = Lab::with(&facts());
    let run = check(&lab, &["--max-crashes", "5/1h", "--max-dropped", "9/1h", "--nagios"]);
    let line = "PAPYRA OK: 2 crashes in 1h (at most 5), 3 dropped facts in 1h (at most 9) | crashes=2;;5;0 dropped_facts=3;;9;0";
    assert_eq!(run.lines(), [line]);
    let run = check(&lab, &["--max-crashes", "1/1h", "--nagios"]);
    assert_eq!((run.code, run.stdout.lines().count()), (Some(2), 1), "{run:?}");
    assert!(run.stdout.starts_with("PAPYRA CRITICAL: 2 crashes in 1h"), "{run:?}");
    // What cannot be looked at is not well.
    let run = lab.run(&["doctor", "check", "--max-crashes", "1/1h", "--nagios", "--url", "json:facts.ndjson?x=1"], "");
    assert_eq!((run.code, run.stdout.lines().count()), (Some(3), 1), "{run:?}");
    assert!(run.stdout.starts_with("PAPYRA UNKNOWN: "), "{run:?}");
    assert_eq!(check(&lab, &["--max-crashes", "1/1h", "--nagios", "-o", "json"]).code, Some(64));
}

#[test]
fn without_a_limit_there_is_nothing_to_check() {
    let lab = Lab::with(&facts());
    for flags in [
        &[][..],
        &["--nagios"],
        &["--max-crashes", "5"],
        &["--max-crashes", "5/0"],
        &["--max-dead-letters", "many/1h"],
        &["--max-anomalies", "-1"],
        &["--max-age-of-last", "60"],
    ] {
        let run = check(&lab, flags);
        assert_eq!(run.code, Some(64), "{flags:?} {run:?}");
        assert!(run.stdout.is_empty(), "{run:?}");
    }
}

#[test]
fn parts_of_a_log_are_checked_together_and_one_that_cannot_be_read_is_no_good_news() {
    let lab = Lab::new();
    lab.write("papyra.toml", "url = \"json:facts.ndjson\"\n[kind.dead_letter]\nurl = \"json:dead.ndjson\"\n");
    lab.run(&["append"], facts()).lines();
    let flags = ["doctor", "check", "--max-crashes", "2/1h", "--max-dead-letters", "40/1h", "--max-age-of-last", "1h"];
    assert_eq!(lab.run(&flags, "").lines().len(), 3);
    std::fs::remove_file(lab.path("dead.ndjson")).unwrap();
    std::fs::create_dir(lab.path("dead.ndjson")).unwrap();
    let run = lab.run(&flags, "");
    assert!(![Some(0), Some(7)].contains(&run.code), "{run:?}");
    let run = lab.run(&[&flags[..], &["--nagios"]].concat(), "");
    assert_eq!(run.code, Some(3), "{run:?}");
}
