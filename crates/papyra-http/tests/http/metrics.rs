//! What collectors of metrics get.

use std::time::Duration;

use papyra::{Event, Log, Recorder, metrics::table};
use papyra_http::Service;

use crate::lab::{Lab, event};

fn names(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

#[tokio::test]
async fn a_hundred_thousand_actors_have_no_more_series_than_none() {
    let log = Log::memory();
    let lab = Lab::of(&log).await;
    let before = lab.get("/metrics").await;
    assert_eq!(before.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    let facts: Vec<_> = (0..100_000).map(|n| Event::new(format!("t://{n}"), format!("Type{n}")).into()).collect();
    log.append(&facts).await.unwrap();
    let after = lab.get("/metrics").await;
    assert!(after.body.contains("papyra_records_written_total{log=\"papyra\",backend=\"memory\"} 100000\n"));
    assert_eq!(names(&before.body), names(&after.body));
    assert_eq!(names(&after.body).iter().filter(|name| name.contains("t://")).count(), 0);
    lab.end().await;
}

#[tokio::test]
async fn every_metric_of_the_table_has_the_value_of_the_recorders_snapshot() {
    let recorder = Recorder::start(Log::memory()).unwrap();
    (1..=7).for_each(|n| recorder.record(event(n)));
    recorder.flush().await.unwrap();
    let lab = Lab::serve(Service::of(recorder.clone()).with_name("orders")).await;
    let (text, snapshot) = (lab.get("/metrics").await.body, recorder.metrics());
    let value = |name: &str| {
        let line = text.lines().find(|line| line.split('{').next() == Some(name)).unwrap_or_else(|| panic!("{name}"));
        assert!(line.contains("{log=\"orders\",backend=\"memory\"}"), "{line}");
        line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()
    };
    for metric in table() {
        let series = metric.series();
        match metric.value(&snapshot) {
            Some(papyra::metrics::Value::Count(count)) => assert_eq!(value(&series), count as f64, "{series}"),
            Some(papyra::metrics::Value::Level(level)) => assert_eq!(value(&series), level, "{series}"),
            Some(papyra::metrics::Value::Times(times)) => {
                assert_eq!(value(&format!("{series}_count")), times.count() as f64, "{series}");
                assert_eq!(value(&format!("{series}_sum")), times.sum_seconds(), "{series}");
            }
            // This log has nothing of the kind: a spool, say.
            None => assert!(!text.contains(&format!("{series}{{")), "{series}"),
            other => panic!("{series}: {other:?}"),
        }
    }
    lab.end().await;
    recorder.shutdown(Duration::from_secs(30)).await;
}
