//! The alert rules and the dashboard: whatever they ask for is in the table of metrics.

use std::{collections::BTreeSet, process::Command};

use papyra::metrics::{Instrument, LABELS, table};
use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

use crate::{
    path, read,
    tool::{find, run},
};

/// The names of all samples.
fn samples() -> BTreeSet<String> {
    let names = table().flat_map(|metric| {
        let series = metric.series();
        match metric.instrument {
            Instrument::Histogram => ["_bucket", "_sum", "_count"].map(|suffix| format!("{series}{suffix}")).to_vec(),
            _ => vec![series],
        }
    });
    names.collect()
}

/// The words of a query that look like metrics of ours.
fn named(query: &str) -> Vec<&str> {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("papyra_")).collect()
}

/// The labels that a query groups by or selects.
fn labels(query: &str) -> Vec<&str> {
    let grouped = query.split("by (").skip(1).flat_map(|rest| rest.split_once(')').unwrap().0.split(", "));
    let selected = query.split('{').skip(1).map(|rest| rest.split_once(['=', '!']).unwrap().0);
    grouped.chain(selected).collect()
}

#[track_caller]
fn check(query: &str, samples: &BTreeSet<String>) {
    let names = named(query);
    assert!(!names.is_empty(), "{query}");
    for name in names {
        assert!(samples.contains(name), "there is no {name}: {query}");
    }
    for label in labels(query) {
        // `le` is what Prometheus calls the end of a bucket.
        assert!(label == "le" || LABELS.iter().any(|known| known.name == label), "there is no label {label}: {query}");
    }
}

fn yaml(file: &str) -> Yaml {
    YamlLoader::load_from_str(&read(file)).unwrap_or_else(|error| panic!("{file}: {error}")).remove(0)
}

const RULES: &str = "prometheus/papyra.rules.yaml";
const RULE_TESTS: &str = "prometheus/papyra.rules.test.yaml";

#[test]
fn alerts_ask_for_metrics_that_there_are() {
    let (rules, samples) = (yaml(RULES), samples());
    let rules = rules["groups"][0]["rules"].as_vec().unwrap();
    let mut names = BTreeSet::new();
    for rule in rules {
        check(rule["expr"].as_str().unwrap(), &samples);
        assert!(names.insert(rule["alert"].as_str().unwrap()), "{rule:?}");
        assert!(["warning", "critical"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{rule:?}");
        for text in ["summary", "description"] {
            assert!(rule["annotations"][text].as_str().is_some_and(|text| text.len() > 15), "{rule:?}");
        }
    }
    let tests = yaml(RULE_TESTS);
    let tests = tests["tests"].as_vec().unwrap().iter().flat_map(|test| test["alert_rule_test"].as_vec().unwrap());
    let fires = |test: &&Yaml| test["exp_alerts"].as_vec().is_some_and(|alerts| !alerts.is_empty());
    let fired: BTreeSet<&str> = tests.filter(fires).map(|test| test["alertname"].as_str().unwrap()).collect();
    assert_eq!(fired, names, "each has a test in which it fires");
}

#[test]
fn tests_of_alerts_feed_metrics_that_there_are() {
    let (tests, samples) = (yaml(RULE_TESTS), samples());
    for test in tests["tests"].as_vec().unwrap() {
        for series in test["input_series"].as_vec().unwrap() {
            check(series["series"].as_str().unwrap(), &samples);
        }
    }
}

#[test]
fn prometheus_understands_the_alerts_and_they_fire_when_they_should() {
    let Some(promtool) = find("PAPYRA_PROMTOOL", "promtool") else { return };
    let rules = yaml(RULES)["groups"][0]["rules"].as_vec().unwrap().len();
    let said = run(Command::new(&promtool).args(["check", "rules"]).arg(path(RULES)));
    assert!(said.contains(&format!("{rules} rules found")), "{said}");
    run(Command::new(&promtool).args(["test", "rules"]).arg(path(RULE_TESTS)));
}

#[test]
fn the_dashboard_asks_for_metrics_that_there_are_and_shows_every_one() {
    let dashboard: Value = serde_json::from_str(&read("grafana/papyra.json")).unwrap();
    let samples = samples();
    let (mut shown, mut ids, mut taken) = (String::new(), BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        for target in panel["targets"].as_array().unwrap() {
            let query = target["expr"].as_str().unwrap();
            check(query, &samples);
            shown.push_str(query);
        }
        // No panel lies upon another, and none leaves the grid.
        let grid = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(grid("x") + grid("w") <= 24, "{panel}");
        for cell in
            (grid("x")..grid("x") + grid("w")).flat_map(|x| (grid("y")..grid("y") + grid("h")).map(move |y| (x, y)))
        {
            assert!(taken.insert(cell), "{panel}");
        }
    }
    for metric in table() {
        assert!(shown.contains(&metric.series()), "nobody sees {}", metric.series());
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        if let Some(query) = variable["query"]["query"].as_str() {
            assert!(samples.contains(named(query)[0]), "{query}");
        }
    }
}
