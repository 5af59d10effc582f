//! A log of ten thousand segments: nobody must wait because there are so many.

use std::{fs, path::Path};

use crate::{
    Settings, care, material,
    measured::{Measured, in_turn},
    table::{self, Must, Row},
};

const SEGMENTS: u64 = 10_000;
/// So many of the oldest are dropped.
const DROPPED: u64 = 5_000;
/// A delay that nobody sees, in milliseconds, for a whole process.
const UNSEEN: f64 = 50.0;
/// What whoever works at a terminal does not wait for, in milliseconds.
const SHORT: f64 = 300.0;
/// How often the compaction is measured: each needs a log of its own.
const FEW: usize = 3;

pub(crate) fn run(settings: &Settings) -> Result<(), String> {
    let log = settings.dir.join("segments");
    let facts = material::segments(&log, SEGMENTS)?;
    let mut rows = Vec::new();
    look(settings, &log, facts, &mut rows)?;
    drop_half(settings, &log, facts, &mut rows)?;
    table::print(&rows)
}

fn look(settings: &Settings, log: &Path, facts: u64, rows: &mut Vec<Row>) -> Result<(), String> {
    let since = material::time_of(facts * 99 / 100).to_string();
    let commands = [
        ("newest 50", care::papyra(settings, &["inspect", "events", "--limit", "50"], log), UNSEEN),
        ("since the newest hundredth", care::papyra(settings, &["inspect", "events", "--since", &since], log), UNSEEN),
        ("open for append after a kill", care::papyra(settings, &["append"], log), UNSEEN),
        ("all of one actor", care::papyra(settings, &["timeline", "orders://worker/7"], log), SHORT),
    ];
    let measured: Vec<Measured> = commands.iter().map(|(_, command, _)| command.clone()).collect();
    let newest = log.join(format!("facts.{SEGMENTS:06}.ndjson"));
    let taken = in_turn(&measured, settings.runs.max(11), |at| if at == 2 { tear(&newest) } else { Ok(()) })?;
    for ((what, command, must), taken) in commands.iter().zip(&taken) {
        care::show(&command.name, taken);
        if taken.exit != 0 {
            return Err(format!("{what} of {SEGMENTS} segments ended with {}", taken.exit));
        }
        rows.push(Row {
            number: "",
            what: format!("{what} of {SEGMENTS} segments, whole process"),
            reached: taken.wall * 1e3,
            must: Must::AtMost(*must),
            unit: " ms",
        });
    }
    Ok(())
}

/// What a killed writer leaves.
fn tear(segment: &Path) -> Result<(), String> {
    let file = fs::OpenOptions::new().append(true).open(segment);
    file.and_then(|mut file| std::io::Write::write_all(&mut file, b"{\"kind\":\"ev")).map_err(|error| error.to_string())
}

/// Half of the log goes, once by compaction and once by hand.
fn drop_half(settings: &Settings, log: &Path, facts: u64, rows: &mut Vec<Row>) -> Result<(), String> {
    let told = |error: std::io::Error| error.to_string();
    let work = settings.dir.join("segments-work");
    let keep = (facts - facts / SEGMENTS * DROPPED).to_string();
    let compact = care::papyra(settings, &["persistence", "compact", "--max-records", &keep], &work);
    let by_hand = format!("cd '{}' && seq -f 'facts.%06.0f.ndjson' 1 {DROPPED} | xargs rm && sync .", work.display());
    let scan = care::papyra(settings, &["persistence", "scan"], log);
    let commands = [compact, Measured::shell("rm of the same files, and sync", &by_hand), scan];
    let taken = in_turn(&commands, FEW, |at| {
        if at == 2 {
            return Ok(());
        }
        let _ = fs::remove_dir_all(&work);
        let copy = format!("cp -r '{}' '{}' && sync -f '{1}'", log.display(), work.display());
        std::process::Command::new("sh").args(["-c", &copy]).status().map_err(told).map(drop)
    })?;
    for (command, taken) in commands.iter().zip(&taken) {
        care::show(&command.name, taken);
        if taken.exit != 0 {
            return Err(format!("{} ended with {}", command.name, taken.exit));
        }
    }
    let _ = fs::remove_dir_all(&work);
    let [compact, rm, scan] = taken.as_slice() else { return Err("three commands, three figures".into()) };
    let ratio = Row {
        number: "P8",
        what: format!(
            "compact that drops {DROPPED} of {SEGMENTS} segments, against rm and sync of them and scan of the others"
        ),
        reached: (rm.wall + scan.wall / 2.0) / compact.wall,
        must: Must::AtLeast(0.5),
        unit: "x",
    };
    rows.push(ratio);
    Ok(())
}
