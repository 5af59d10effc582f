//! The targets of care: scan, compaction, recovery, and the reads of an engineer at three in the morning.

use std::{fs, path::Path};

use crate::{
    Settings, material,
    measured::{Measured, Taken, in_turn},
    plain,
    table::{self, Must, Row},
};

const NEWEST: usize = 50;
/// The bytes of a log of a million facts.
const MILLION: u64 = 250_000_000;
/// What a process may take that reads the newest entries of the large log.
const QUICK: f64 = 0.005;

pub(crate) fn run(settings: &Settings) -> Result<(), String> {
    let mut rows = Vec::new();
    let dir = &settings.dir;
    let (log, legacy) = (dir.join("sealed.ndjson"), dir.join("legacy.ndjson"));
    let made = material::log(&log, settings.size)?;
    material::legacy(&log, &legacy)?;
    println!(
        "a log of {} facts and {} bytes; each figure is the middle of {} runs",
        made.facts, made.bytes, settings.runs
    );
    scanning(settings, &log, &legacy, &mut rows)?;
    maintaining(settings, &log, made, &mut rows)?;
    looking(settings, &log, made, &mut rows)?;
    if settings.large > 0 {
        large(settings, &mut rows)?;
    }
    table::print(&rows)
}

pub(crate) fn papyra(settings: &Settings, words: &[&str], log: &Path) -> Measured {
    let program = settings.papyra.to_string_lossy().into_owned();
    let path = log.to_string_lossy().into_owned();
    let all = [&[program.as_str()], words, &["--path", path.as_str()]].concat();
    Measured::new(&words.join(" "), all)
}

pub(crate) fn show(name: &str, taken: &Taken) {
    println!(
        "{name:<44} {:>9.4} s  {:>9.4} s cpu  {:>7.1} MiB",
        taken.wall,
        taken.cpu,
        taken.memory as f64 / f64::from(1 << 20)
    );
}

fn compare(commands: &[Measured], runs: usize) -> Result<Vec<Taken>, String> {
    let taken = in_turn(commands, runs, |_| Ok(()))?;
    for (command, taken) in commands.iter().zip(&taken) {
        show(&command.name, taken);
    }
    Ok(taken)
}

fn scanning(settings: &Settings, log: &Path, legacy: &Path, rows: &mut Vec<Row>) -> Result<(), String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let scan = papyra(settings, &["persistence", "scan"], log);
    let one = scan.clone().on_one_core();
    let commands = [
        scan,
        one,
        Measured::new("wc -l", [Path::new("wc"), Path::new("-l"), log]),
        papyra(settings, &["persistence", "scan", "--deep"], log),
        papyra(settings, &["persistence", "scan"], legacy),
        Measured::new("serde_json, typed", [own.as_os_str(), plain::PARSE.as_ref(), log.as_os_str()]),
    ];
    let taken = compare(&commands, settings.runs)?;
    let jq = Measured::new("jq -c .", [Path::new("jq"), Path::new("-c"), Path::new("."), log]);
    let jq = compare(&[jq], 1)?[0];
    let [scan, one, wc, deep, legacy, typed] = taken.as_slice() else { return Err("six commands, six figures".into()) };
    let mut row = |number, what: &str, reached, must| {
        rows.push(Row { number, what: what.into(), reached, must: Must::AtLeast(must), unit: "x" });
    };
    row("P6", "scan on one core, against wc -l", wc.wall / one.wall, 0.35);
    row("P6", "scan, against wc -l (to aim for: 0.6)", wc.wall / scan.wall, 0.35);
    row("P6", "scan on one core, against jq -c .", jq.wall / one.wall, 60.0);
    row("P7", "scan --deep, against jq -c .", jq.wall / deep.wall, 25.0);
    row("P7", "scan of a legacy log, against jq -c .", jq.wall / legacy.wall, 25.0);
    row("P7", "scan --deep, against serde_json typed", typed.wall / deep.wall, 1.0);
    row("P7", "scan of a legacy log, against serde_json typed", typed.wall / legacy.wall, 1.0);
    memory(rows, "scan", scan.memory.max(deep.memory).max(legacy.memory));
    Ok(())
}

fn memory(rows: &mut Vec<Row>, what: &str, bytes: u64) {
    let what = format!("most memory of {what}");
    rows.push(Row {
        number: "P11",
        what,
        reached: bytes as f64 / f64::from(1 << 20),
        must: Must::AtMost(32.0),
        unit: " MiB",
    });
}

/// Damages one line in the middle, so that all others are to be kept.
fn damage(log: &Path, bytes: u64) -> std::io::Result<()> {
    let file = fs::OpenOptions::new().write(true).open(log)?;
    std::os::unix::fs::FileExt::write_all_at(&file, b"#", bytes / 2)?;
    file.sync_all()
}

fn maintaining(settings: &Settings, log: &Path, made: material::Made, rows: &mut Vec<Row>) -> Result<(), String> {
    let told = |error: std::io::Error| error.to_string();
    let work = settings.dir.join("work.ndjson");
    let damaged = settings.dir.join("damaged.ndjson");
    let copy = settings.dir.join("copy.ndjson");
    fs::copy(log, &damaged).map_err(told)?;
    damage(&damaged, made.bytes).map_err(told)?;
    let keep = (made.facts * 9 / 10).to_string();
    let commands = [
        papyra(settings, &["persistence", "compact", "--max-records", &keep], &work),
        papyra(settings, &["persistence", "recover"], &work),
        Measured::shell("cp and sync", &format!("cp '{}' '{1}' && sync '{1}'", log.display(), copy.display())),
    ];
    let taken = in_turn(&commands, settings.runs, |at| {
        let _ = fs::remove_file(&copy);
        if at < 2 {
            fs::copy(if at == 0 { log } else { &damaged }, &work).map_err(told)?;
            fs::File::open(&work).and_then(|file| file.sync_all()).map_err(told)?;
        }
        Ok(())
    })?;
    for (command, taken) in commands.iter().zip(&taken) {
        show(&command.name, taken);
    }
    let [compact, recover, cp] = taken.as_slice() else { return Err("three commands, three figures".into()) };
    if (compact.exit, recover.exit) != (0, 0) {
        return Err(format!("compact ended with {}, recover with {}", compact.exit, recover.exit));
    }
    for (what, own) in [("compact, keeping nine tenths", compact), ("recover, one damaged line", recover)] {
        let what = format!("{what}, against cp and sync");
        rows.push(Row { number: "P8", what, reached: cp.wall / own.wall, must: Must::AtLeast(0.5), unit: "x" });
    }
    memory(rows, "compact and recover", compact.memory.max(recover.memory));
    for path in [work, damaged, copy] {
        let _ = fs::remove_file(path);
    }
    Ok(())
}

fn looking(settings: &Settings, log: &Path, made: material::Made, rows: &mut Vec<Row>) -> Result<(), String> {
    let since = material::time_of(made.facts * 99 / 100).to_string();
    let torn = settings.dir.join("torn.ndjson");
    // Synced, or the first to open it would pay for the copy.
    fs::copy(log, &torn).and_then(|_| fs::File::open(&torn)?.sync_all()).map_err(|error| error.to_string())?;
    let commands = [
        papyra(settings, &["inspect", "events", "--since", &since], log),
        papyra(settings, &["inspect", "events"], log),
        papyra(settings, &["append"], &torn),
    ];
    let taken = in_turn(&commands, settings.runs, |at| {
        if at == 2 {
            // What a killed writer leaves.
            let file = fs::OpenOptions::new().append(true).open(&torn);
            file.and_then(|mut file| std::io::Write::write_all(&mut file, b"{\"kind\":\"ev"))
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    })?;
    for (command, taken) in commands.iter().zip(&taken) {
        show(&command.name, taken);
    }
    let _ = fs::remove_file(torn);
    let [newest, all, open] = taken.as_slice() else { return Err("three commands, three figures".into()) };
    rows.push(Row {
        number: "P10",
        what: "since the newest hundredth, against reading all".into(),
        reached: all.wall / newest.wall,
        must: Must::AtLeast(20.0),
        unit: "x",
    });
    memory(rows, "inspect", all.memory.max(newest.memory));
    let million = settings.dir.join("million.ndjson");
    material::log(&million, MILLION)?;
    let timeline = compare(&[papyra(settings, &["timeline", "orders://worker/7"], &million)], settings.runs)?[0];
    let what = "timeline of one actor among a million facts".into();
    rows.push(Row { number: "", what, reached: timeline.wall, must: Must::AtMost(1.0), unit: " s" });
    rows.push(Row {
        number: "P12",
        what: "open after a kill, whole process".into(),
        reached: open.wall * 1e3,
        must: Must::AtMost(5.0),
        unit: " ms",
    });
    Ok(())
}

fn large(settings: &Settings, rows: &mut Vec<Row>) -> Result<(), String> {
    let (small, large) = (settings.dir.join("100MiB.ndjson"), settings.dir.join("large.ndjson"));
    material::log(&small, 100 << 20)?;
    let made = material::log(&large, settings.large)?;
    println!("a large log of {} bytes", made.bytes);
    let limit = NEWEST.to_string();
    let words = ["inspect", "events", "--limit", &limit];
    let commands = [papyra(settings, &words, &small), papyra(settings, &words, &large)];
    let taken = compare(&commands, settings.runs.max(21))?;
    let what = "newest 50 of the large log, against 100 MiB".into();
    rows.push(Row { number: "P9", what, reached: taken[1].wall / taken[0].wall, must: Must::AtMost(1.5), unit: "x" });
    let what = "newest 50 of the large log, whole process".into();
    rows.push(Row { number: "P9", what, reached: taken[1].wall * 1e3, must: Must::AtMost(QUICK * 1e3), unit: " ms" });
    let keep = (made.facts * 9 / 10).to_string();
    let commands = [
        papyra(settings, &["persistence", "scan"], &large),
        papyra(settings, &["persistence", "inspect"], &large),
        papyra(settings, &["inspect", "summary"], &large),
        papyra(settings, &["inspect", "events", "--limit", "1000000"], &large),
        papyra(settings, &["timeline", "orders://worker/7"], &large),
        papyra(settings, &["persistence", "compact", "--dry-run", "--max-records", &keep], &large),
    ];
    let mut taken = compare(&commands, 1)?;
    damage(&large, made.bytes).map_err(|error| error.to_string())?;
    let commands = [
        papyra(settings, &["persistence", "recover"], &large),
        papyra(settings, &["persistence", "compact", "--max-records", &keep], &large),
    ];
    taken.extend(compare(&commands, 1)?);
    if let Some(failed) = taken.iter().find(|taken| taken.exit != 0) {
        return Err(format!("a command on the large log ended with {}", failed.exit));
    }
    memory(rows, "any command on the large log", taken.iter().map(|taken| taken.memory).max().unwrap_or(0));
    let _ = fs::remove_file(large);
    Ok(())
}
