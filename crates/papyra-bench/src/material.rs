//! The logs that are measured on: facts of several kinds and of usual size, about 250 bytes a line.

use std::path::Path;

use papyra::{Backend, DeadLetter, Durability, Event, Fact, FileConfig, FileLog, Payload, Timestamp, Why};

/// The time of the first fact; each next one is a tenth of a second later.
pub(crate) const BEGIN: f64 = 1_763_620_000.0;
const STEP: f64 = 0.1;
const BATCH: u64 = 4096;

fn fact(n: u64) -> Result<Fact, papyra::Error> {
    let at = Timestamp::from_seconds(time_of(n))?;
    let actor = format!("orders://worker/{}", n % 1000);
    Ok(if n % 10 == 3 {
        let order = serde_json::json!({ "order": n, "note": "left at the back door, twice" });
        DeadLetter::new(actor, "orders::Place").with_why(Why::Stopped).with_payload(Payload::of(&order)).at(at).into()
    } else {
        let about =
            serde_json::json!({ "error": "the upstream closed the connection", "generation": n % 7, "order": n });
        Event::new(actor, "ActorCrashed").with_payload(Payload::of(&about)).at(at).into()
    })
}

/// When the n-th fact happened.
pub(crate) fn time_of(n: u64) -> f64 {
    BEGIN + (n as f64) * STEP
}

/// A log that was made: how many facts, how many bytes, and how long the appending took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    pub(crate) facts: u64,
    pub(crate) bytes: u64,
    pub(crate) seconds: f64,
}

/// Makes a log of about this size; one that is there already is used again.
pub(crate) fn log(path: &Path, size: u64) -> Result<Made, String> {
    let told = |error: papyra::Error| error.to_string();
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
    let log = FileLog::new(FileConfig::new(path).with_durability(Durability::Buffered));
    let length = || std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let began = std::time::Instant::now();
    let mut facts = 0;
    if length() > 0 {
        let last = runtime.block_on(papyra::Log::new(log).last_position()).map_err(told)?;
        facts = last.and_then(papyra::Position::seq).unwrap_or(0);
        return Ok(Made { facts, bytes: length(), seconds: f64::NAN });
    }
    let mut encoding = 0.0;
    while length() < size {
        let began = std::time::Instant::now();
        let batch: Vec<Fact> = (facts..facts + BATCH).map(fact).collect::<Result<_, _>>().map_err(told)?;
        encoding += began.elapsed().as_secs_f64();
        runtime.block_on(log.append(&batch)).map_err(told)?;
        facts += BATCH;
    }
    runtime.block_on(log.close()).map_err(told)?;
    Ok(Made { facts, bytes: length(), seconds: began.elapsed().as_secs_f64() - encoding })
}

/// The same facts without header, numbers and checksums, as the Python Papyra would have written them.
pub(crate) fn legacy(from: &Path, to: &Path) -> Result<(), String> {
    use std::io::{BufRead, Write};
    let told = |error: std::io::Error| error.to_string();
    if to.exists() {
        return Ok(());
    }
    let mut out = std::io::BufWriter::new(std::fs::File::create(to).map_err(told)?);
    let lines = std::io::BufReader::new(std::fs::File::open(from).map_err(told)?).lines();
    for line in lines.skip(1) {
        let line = line.map_err(told)?;
        let end = line.rfind(",\"seq\":").unwrap_or(line.len());
        writeln!(out, "{}}}", &line[..end]).map_err(told)?;
    }
    out.flush().map_err(told)
}
