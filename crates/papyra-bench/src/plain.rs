//! The plain way to read a log: every line parsed with serde_json into the type that it has.

use std::{
    io::{BufRead, BufReader},
    process::ExitCode,
};

use serde::Deserialize;

/// The word by which this program calls itself.
pub(crate) const PARSE: &str = "parse-plainly";

#[derive(Deserialize)]
#[allow(dead_code, reason = "the peer must build every member, as a program that uses them would")]
struct Line {
    kind: String,
    #[serde(default)]
    system_id: String,
    #[serde(default)]
    actor_address: Option<String>,
    #[serde(default)]
    target: Option<String>,
    #[serde(default)]
    event_type: Option<String>,
    #[serde(default)]
    message_type: Option<String>,
    #[serde(default)]
    payload: serde_json::Value,
    timestamp: f64,
}

/// Parses each line of a file and counts those that are facts.
pub(crate) fn parse(words: &[String]) -> ExitCode {
    let Some(file) = words.first().and_then(|path| std::fs::File::open(path).ok()) else { return ExitCode::FAILURE };
    let mut reader = BufReader::with_capacity(256 << 10, file);
    let mut line = Vec::new();
    let (mut facts, mut newest) = (0_u64, 0.0_f64);
    while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        if let Ok(line) = serde_json::from_slice::<Line>(&line) {
            facts += 1;
            newest = newest.max(line.timestamp);
        }
        line.clear();
    }
    println!("{facts} {newest}");
    ExitCode::SUCCESS
}
