//! The counters of a running service, as its `/metrics` tells them.

use std::collections::BTreeMap;

use papyra::metrics::{Instrument, Metric, table};
use papyra_http::client::Client;
use serde::Serialize;

use crate::{failure::Failure, safe};

/// What a service told.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    /// Where the figures come from: `service`.
    source: &'static str,
    service: String,
    backend: Option<String>,
    log: Option<String>,
    metrics: BTreeMap<&'static str, Figure>,
}

/// A metric's value. A service of another version may lack some.
#[derive(Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Figure {
    Count(u64),
    Level(f64),
    Times { count: u64, sum_seconds: f64, p50_seconds: Option<f64>, p99_seconds: Option<f64> },
}

impl Told {
    pub(crate) async fn by(client: &Client) -> Result<Told, Failure> {
        Ok(Told::read(client.address(), &client.metrics().await?))
    }

    fn read(service: String, text: &str) -> Told {
        let samples: Vec<Sample<'_>> = text.lines().filter_map(Sample::read).collect();
        let label = |name| samples.iter().find(|sample| sample.name.starts_with("papyra_"))?.label(name);
        let metrics = table().filter_map(|metric| Some((metric.name, figure(metric, &samples)?))).collect();
        Told { source: "service", service, backend: label("backend"), log: label("log"), metrics }
    }

    /// Whether anything of it is ours.
    pub(crate) fn is_empty(&self) -> bool {
        self.metrics.is_empty()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("source: {} (the counters of {})", self.source, safe::text(&self.service))];
        for (name, value) in [("backend", &self.backend), ("log", &self.log)] {
            lines.extend(value.iter().map(|value| format!("{name}: {}", safe::text(value))));
        }
        for metric in table() {
            let Some(figure) = self.metrics.get(metric.name) else { continue };
            let name = metric.name;
            match figure {
                Figure::Count(count) => lines.push(format!("{name}: {count}")),
                Figure::Level(level) => lines.push(format!("{name}: {level}")),
                Figure::Times { count, sum_seconds, p50_seconds, p99_seconds } => {
                    let quantile = |name, seconds: &Option<f64>| {
                        seconds.map_or_else(String::new, |seconds| format!(" {name}={seconds}"))
                    };
                    let quantiles = quantile("p50", p50_seconds) + &quantile("p99", p99_seconds);
                    lines.push(format!("{name}: count={count} sum={sum_seconds}{quantiles}"));
                }
            }
        }
        lines
    }
}

fn figure(metric: &Metric, samples: &[Sample<'_>]) -> Option<Figure> {
    let series = metric.series();
    let value = |name: &str| samples.iter().find(|sample| sample.name == name).map(|sample| sample.value);
    match metric.instrument {
        Instrument::Counter => value(&series)?.parse().ok().map(Figure::Count),
        Instrument::Histogram => {
            let count = value(&format!("{series}_count"))?.parse().ok()?;
            let sum_seconds = value(&format!("{series}_sum"))?.parse().ok()?;
            let bucket = format!("{series}_bucket");
            let buckets: Vec<(f64, u64)> = samples
                .iter()
                .filter(|sample| sample.name == bucket)
                .filter_map(|sample| Some((sample.label("le")?.parse().ok()?, sample.value.parse().ok()?)))
                .collect();
            let quantile = |share: f64| {
                let wanted = (count as f64 * share).ceil().max(1.0);
                let found = buckets.iter().find(|(_, below)| *below as f64 >= wanted);
                found.map(|(end, _)| *end).filter(|end| end.is_finite())
            };
            Some(Figure::Times { count, sum_seconds, p50_seconds: quantile(0.5), p99_seconds: quantile(0.99) })
        }
        _ => value(&series)?.parse().ok().map(Figure::Level),
    }
}

/// One line of OpenMetrics text.
#[derive(Debug)]
struct Sample<'a> {
    name: &'a str,
    labels: &'a str,
    value: &'a str,
}

impl<'a> Sample<'a> {
    fn read(line: &'a str) -> Option<Self> {
        if line.starts_with('#') {
            return None;
        }
        let at = line.find(['{', ' '])?;
        let (name, rest) = line.split_at(at);
        let (labels, rest) = match rest.strip_prefix('{') {
            // A value of a label may hold a brace, but never a quote that is not escaped.
            Some(rest) => rest.split_at(end_of_labels(rest)?),
            None => ("", rest),
        };
        let value = rest.trim_start_matches('}').split_whitespace().next()?;
        Some(Sample { name, labels, value })
    }

    fn label(&self, wanted: &str) -> Option<String> {
        let mut rest = self.labels;
        while let Some((name, behind)) = rest.split_once("=\"") {
            let (value, length) = quoted(behind)?;
            if name == wanted {
                return Some(value);
            }
            rest = behind[length..].trim_start_matches(',');
        }
        None
    }
}

/// Where the brace is that closes the labels.
fn end_of_labels(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    text.char_indices().find_map(|(at, c)| {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '}' if !quoted => return Some(at),
            _ => {}
        }
        None
    })
}

/// The text up to the closing quote, and how long it is with it.
fn quoted(text: &str) -> Option<(String, usize)> {
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in text.char_indices() {
        match c {
            'n' if escaped => value.push('\n'),
            c if escaped => value.push(c),
            '\\' => {
                escaped = true;
                continue;
            }
            '"' => return Some((value, at + 1)),
            c => value.push(c),
        }
        escaped = false;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_whatever_stands_in_the_labels() {
        let labels = r#"log="a\"}=,\\\n b",backend="json""#;
        let text = format!(
            "# TYPE papyra_scans counter\npapyra_scans_total{{{labels}}} 3\npapyra_queued{{{labels}}} 2.0\n\
             papyra_sync_seconds_sum{{{labels}}} 0.5\npapyra_sync_seconds_count{{{labels}}} 3\n\
             papyra_sync_seconds_bucket{{le=\"0.25\",{labels}}} 2\npapyra_sync_seconds_bucket{{le=\"+Inf\",{labels}}} 3\n\
             other_total 7\nnonsense\n{{\n# EOF\n"
        );
        let told = Told::read("http://x:1".to_owned(), &text);
        assert_eq!((told.log.as_deref(), told.backend.as_deref()), (Some("a\"}=,\\\n b"), Some("json")));
        assert_eq!(told.metrics["scans"], Figure::Count(3));
        assert_eq!(told.metrics["queued"], Figure::Level(2.0));
        let times = Figure::Times { count: 3, sum_seconds: 0.5, p50_seconds: Some(0.25), p99_seconds: None };
        assert_eq!(told.metrics["sync_seconds"], times);
        assert!(told.lines().iter().all(|line| !line.contains('\n')));
        assert!(Told::read(String::new(), "<html>").is_empty());
    }
}
