//! Lines that no memory should have to hold.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    effort::{HANG, count, skip, tool},
    lab::{Kind, Lab, Process, event, events},
    ledger,
};

/// The most memory that any command may take, whatever stands in the log.
const MAX_PEAK: u64 = 64 << 20;

/// Runs the program with its output in a file, and gives its exit code and the peak of its memory in bytes. The system gives
/// it no more than may be taken; the peak is what was seen of it.
fn peak(lab: &Lab, prlimit: &str, args: &[&str]) -> (Option<i32>, String, u64) {
    let out = lab.path("out");
    let mut command = lab.program(prlimit);
    command.arg(format!("--data={MAX_PEAK}")).arg(env!("CARGO_BIN_EXE_papyra")).args(args);
    command.args(["--url", lab.kind().url()]);
    fs::write(lab.path("in"), events([900])).unwrap();
    command.stdin(File::open(lab.path("in")).unwrap());
    command.stdout(File::create(&out).unwrap()).stderr(File::create(lab.path("err")).unwrap());
    let mut process = Process(command.spawn().unwrap());
    let status = format!("/proc/{}/status", process.0.id());
    let (began, mut highest) = (Instant::now(), 0);
    let code = loop {
        // The kernel remembers the peak, so only what is taken in the last instant is missed.
        highest = high_water(Path::new(&status)).max(highest);
        if let Some(ended) = process.0.try_wait().unwrap() {
            break ended.code();
        }
        assert!(began.elapsed() < 4 * HANG, "{args:?} hangs");
        std::thread::sleep(Duration::from_micros(200));
    };
    (code, fs::read_to_string(out).unwrap() + &fs::read_to_string(lab.path("err")).unwrap(), highest)
}

fn high_water(status: &Path) -> u64 {
    let text = fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok()).unwrap_or(0) << 10
}

/// The bytes of all files of a log.
fn size(lab: &Lab) -> u64 {
    let files = if lab.kind() == Kind::File { vec![lab.log()] } else { lab.segments() };
    files.iter().map(|path| fs::metadata(path).unwrap().len()).sum()
}

/// Every command reads over what stands in the middle of the log, and scan names it. Behind it a log that rotates begins the next
/// segment: then it stands at the end of one that nobody writes to any more.
fn is_a_finding_in_little_memory(kind: Kind, what: &str, write: impl Fn(&mut File)) {
    let Some(prlimit) = tool("prlimit") else { return skip("prlimit is not there") };
    let lab = Lab::of(kind);
    lab.append(&events(0..3)).ended(0);
    let mut file = OpenOptions::new().append(true).open(lab.log()).unwrap();
    let damaged_from = file.metadata().unwrap().len();
    write(&mut file);
    let damaged_to = file.metadata().unwrap().len();
    drop(file);
    let mut highest = 0;
    let mut must = |args: &[&str], expected: i32| {
        let (code, output, peak) = peak(&lab, &prlimit, args);
        assert_eq!(code, Some(expected), "{args:?}: {output}");
        assert!(peak < MAX_PEAK, "{args:?} took {peak} bytes of memory");
        highest = peak.max(highest);
        output
    };
    let found = must(&["persistence", "scan"], 2);
    let place = format!("byte {damaged_from}, {} bytes", damaged_to - damaged_from);
    assert!(found.contains("CORRUPTED_LINE") && found.contains(&place), "{found}");
    must(&["append"], 0);
    assert!(kind == Kind::File || lab.segments().len() == 2, "the next segment begins behind what is too long");
    for args in [&[][..], &["--limit", "9"], &["--since", "1970-01-02"], &["--after", "1"], &["--reverse"]] {
        let list = [&["inspect", "events", "-o", "ndjson"], args].concat();
        assert!(must(&list, 0).contains("skipped 1 damaged lines"), "{args:?}");
    }
    let numbers: Vec<u64> = ledger::listed(&lab).iter().map(|(n, _)| *n).collect();
    assert_eq!(numbers, [0, 1, 2, 900]);
    must(&["persistence", "compact", "--max-records", "2"], 2);
    // The damaged log is backed up as it is.
    assert!(must(&["backup", "create", "--to", "backups"], 0).contains("1 anomalies"));
    must(&["backup", "verify", "backups"], 0);
    let place = lab.path("new");
    let new = Lab::at(&place, kind);
    must(&["backup", "restore", "backups", "--to", new.home().to_str().unwrap()], 0);
    assert_eq!(size(&new), size(&lab));
    fs::remove_dir_all(lab.path("backups")).unwrap();
    fs::remove_dir_all(place).unwrap();
    must(&["persistence", "recover"], 0);
    assert_eq!(must(&["persistence", "scan"], 0), "Persistence is healthy\n");
    // The same as a torn tail: opening for append settles it.
    write(&mut OpenOptions::new().append(true).open(lab.log()).unwrap());
    let size = fs::metadata(lab.log()).unwrap().len();
    OpenOptions::new().write(true).open(lab.log()).unwrap().set_len(size - 1).unwrap();
    let said = must(&["backup", "create", "--to", "backups"], 0);
    assert!(said.contains("a torn tail") && !said.contains("anomalies"), "{said}");
    must(&["append"], 0);
    must(&["persistence", "scan"], 0);
    println!("{kind:?}, {what}: at most {} MiB", highest >> 20);
}

fn a_giant_line(kind: Kind) {
    let mebibytes = count(80, 1024);
    is_a_finding_in_little_memory(kind, &format!("a line of {mebibytes} MiB"), |file| {
        let block = vec![b'x'; 1 << 20];
        for _ in 0..mebibytes {
            file.write_all(&block).unwrap();
        }
        file.write_all(b"\n").unwrap();
    });
}

fn deep_nesting(kind: Kind) {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        is_a_finding_in_little_memory(kind, &format!("100,000 times {open}"), |file| {
            let payload = open.repeat(100_000) + "1" + &close.repeat(100_000);
            let fact = event(7).replace(r#""payload":"""#, &format!(r#""payload":{payload}"#));
            assert!(fact.contains(&payload));
            file.write_all((fact + "\n").as_bytes()).unwrap();
        });
    }
}

#[test]
fn a_giant_line_is_a_finding_in_constant_memory() {
    a_giant_line(Kind::File);
}

#[test]
fn a_giant_line_in_a_segment_is_a_finding_in_constant_memory() {
    a_giant_line(Kind::Segments);
}

#[test]
fn deep_nesting_is_a_finding_in_constant_memory() {
    deep_nesting(Kind::File);
}

#[test]
fn deep_nesting_in_a_segment_is_a_finding_in_constant_memory() {
    deep_nesting(Kind::Segments);
}
