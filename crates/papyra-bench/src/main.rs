//! Side-by-side benchmarks: each figure is a ratio to a peer that ran in the same minute on the same machine.
//!
//! `scripts/bench` builds what is compared and calls this. docs/performance.md says what the rows mean.

mod care;
mod growth;
mod material;
mod measured;
mod observing;
mod plain;
mod redis;
mod scrape;
mod segments;
mod table;

use std::{path::PathBuf, process::ExitCode};

const USAGE: &str = "usage: papyra-bench care [--size 1GiB] [--large 10GiB] [--runs 5] [--dir DIR] [--papyra FILE]
       papyra-bench growth [--sizes 10MiB,100MiB,1GiB,10GiB] [--dir DIR] [--papyra FILE]
       papyra-bench segments [--runs 11] [--dir DIR] [--papyra FILE]
       papyra-bench scrape [--runs 5] [--dir DIR]
       papyra-bench observe
       papyra-bench redis [--dir DIR]";

/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The program under test.
    papyra: PathBuf,
    /// Where logs are made: tens of gigabytes may be needed.
    dir: PathBuf,
    size: u64,
    large: u64,
    runs: usize,
    sizes: Vec<u64>,
}

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    // This program measures others by running them as the only child of a fresh process: it calls itself for that.
    match arguments.first().map(String::as_str) {
        Some(measured::INSIDE) => return measured::inside(&arguments[1..]),
        Some(plain::PARSE) => return plain::parse(&arguments[1..]),
        _ => {}
    }
    let command = if arguments.is_empty() { String::new() } else { arguments.remove(0) };
    let done = settings(&arguments).and_then(|settings| match command.as_str() {
        "care" => care::run(&settings),
        "growth" => growth::run(&settings),
        "segments" => segments::run(&settings),
        "scrape" => scrape::run(&settings),
        "observe" => observing::run(),
        "redis" => redis::run(&settings.dir),
        _ => Err(USAGE.to_owned()),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn settings(arguments: &[String]) -> Result<Settings, String> {
    let mut settings = Settings {
        papyra: "target/release/papyra".into(),
        dir: "target/bench".into(),
        size: 1 << 30,
        large: 10 << 30,
        runs: 5,
        sizes: vec![10 << 20, 100 << 20, 1 << 30, 10 << 30],
    };
    for pair in arguments.chunks(2) {
        let [name, value] = pair else { return Err(USAGE.to_owned()) };
        let size = |text: &str| papyra::units::parse_size(text).map_err(|error| error.to_string());
        match name.as_str() {
            "--papyra" => settings.papyra = value.into(),
            "--dir" => settings.dir = value.into(),
            "--size" => settings.size = size(value)?,
            "--large" => settings.large = size(value)?,
            "--runs" => settings.runs = value.parse().map_err(|_| USAGE.to_owned())?,
            "--sizes" => settings.sizes = value.split(',').map(size).collect::<Result<_, _>>()?,
            _ => return Err(USAGE.to_owned()),
        }
    }
    std::fs::create_dir_all(&settings.dir).map_err(|error| format!("{}: {error}", settings.dir.display()))?;
    Ok(settings)
}
