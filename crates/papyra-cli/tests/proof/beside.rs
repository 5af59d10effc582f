//! Compaction from another process beside a writer, readers and a follower: no reader sees an error or a hole.

use std::{
    io::{BufRead as _, BufReader},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    effort::{HANG, count},
    feeder::{Feeder, Pace},
    lab::{FIRST_SECOND, Kind, LOG, Lab, Process, events},
    ledger::{self, Ledger},
};

/// At least so many of the facts that the follower has seen are kept by every compaction, and all that it has not seen.
const KEPT: u64 = 1000;

/// What the threads tell each other.
#[derive(Default)]
struct Course {
    over: AtomicBool,
    /// The number of the last fact that the follower has seen.
    followed: AtomicU64,
    compactions: AtomicU64,
    reads: AtomicU64,
    /// Reads that were told that a compaction was faster than they.
    overtaken: AtomicU64,
    refusals: AtomicU64,
}

impl Course {
    fn until_over(&self, mut work: impl FnMut()) {
        while !self.over.load(Ordering::Relaxed) {
            work();
        }
    }
}

/// However a test ends, the follower ends with it: nobody waits for what it says next.
struct Ends(u32);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = std::process::Command::new("kill").args(["-KILL", &self.0.to_string()]).output();
    }
}

/// Whatever a reader gets is a whole stretch of the log, in order.
#[track_caller]
fn must_be_a_stretch(facts: &[(u64, u64)], whose: &str) {
    for pair in facts.windows(2) {
        assert!(
            pair[0].1 < pair[1].1 && pair[0].0 + 1 == pair[1].0,
            "{whose}: {:?} comes before {:?}",
            pair[0],
            pair[1]
        );
    }
}

fn follow(lab: &Lab, course: &Course, follower: &mut Process, from: u64) -> u64 {
    let mut expected = from;
    for line in BufReader::new(follower.0.stdout.take().unwrap()).lines() {
        for (n, _) in ledger::parse(&line.unwrap()) {
            assert_eq!(n, expected, "the follower missed or doubled a fact of {}", lab.log().display());
            expected += 1;
            course.followed.store(n, Ordering::Relaxed);
        }
    }
    expected
}

fn compact(lab: &Lab, course: &Course) {
    // A follower looks ten times a second; what it has not seen must not go, however much is appended meanwhile. A fact's number tells
    // its time, so that an age can say it; what passes until the compaction looks at the clock is far less than what is kept beside.
    let oldest = FIRST_SECOND + course.followed.load(Ordering::Relaxed) - 2 * KEPT;
    let now = papyra::Timestamp::now().seconds() as u64;
    lab.on_log(&["persistence", "compact", "--max-age", &format!("{}s", now - oldest)]).ended(0);
    course.compactions.fetch_add(1, Ordering::Relaxed);
    std::thread::sleep(Duration::from_millis(20));
}

fn read(lab: &Lab, course: &Course, args: &[&str]) {
    let list = [&["inspect", "events", "-o", "ndjson"], args].concat();
    let run = lab.on_log(&list).ended(0);
    let mut facts = ledger::parse(&run.stdout);
    if args.contains(&"--reverse") {
        facts.reverse();
    }
    if run.stderr.contains("was compacted while it was read") && lab.kind() != Kind::File {
        // On a machine that is busy the log may have grown to more segments than a reader holds.
        let rising = facts.windows(2).all(|pair| pair[0].1 < pair[1].1);
        assert!(rising, "a reader got facts out of order");
        course.overtaken.fetch_add(1, Ordering::Relaxed);
        return;
    }
    assert_eq!(run.stderr, "", "a reader met damage");
    must_be_a_stretch(&facts, "a reader");
    course.reads.fetch_add(1, Ordering::Relaxed);
}

fn recover(lab: &Lab, course: &Course, writer: u32) {
    let run = lab.on_log(&["persistence", "recover"]).ended(75);
    assert!(run.stderr.contains(&format!("process {writer} ")), "{run:?}");
    let scan = lab.on_log(&["persistence", "scan"]).ended(0);
    assert!(scan.stdout.contains("healthy"), "{scan:?}");
    course.refusals.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn compaction_beside_a_writer_readers_and_a_follower_disturbs_none_of_them() {
    compacted_beside_everybody(Kind::File);
}

#[test]
fn compaction_of_segments_beside_a_writer_readers_and_a_follower_disturbs_none_of_them() {
    compacted_beside_everybody(Kind::Segments);
}

fn compacted_beside_everybody(kind: Kind) {
    let lab = Lab::of(kind);
    let mut ledger = Ledger { next: 1, ..Ledger::default() };
    let run = lab.run(&lab.appending(), events([0])).ended(0);
    ledger.take(0, &run.stdout);
    let course = Arc::new(Course::default());
    let follow_args = ["inspect", "events", "--follow", "-o", "ndjson", "--url", kind.url()];
    let mut follower = Process(lab.command(&follow_args).spawn().unwrap());
    let follower_pid = follower.0.id();
    // So that a reader can hold all segments that stay.
    let large = "rotating:facts?lock_timeout=0&segment_bytes=64KiB";
    let command = lab.command(&["append", "--ack", "--url", if kind == Kind::File { kind.url() } else { large }]);
    let mut writer = Feeder::start(command, &ledger, 5, Pace::Pause(Duration::from_millis(1)));
    writer.wait_for(1);
    let pid = writer.process.0.id();
    let seen = std::thread::scope(|scope| {
        let _ends = Ends(follower_pid);
        let following = scope.spawn(|| follow(&lab, &course, &mut follower, 0));
        std::thread::scope(|scope| {
            scope.spawn(|| course.until_over(|| compact(&lab, &course)));
            for args in [&[][..], &["--reverse", "--limit", "700"]] {
                let (lab, course) = (&lab, &course);
                scope.spawn(move || course.until_over(|| read(lab, course, args)));
            }
            scope.spawn(|| course.until_over(|| recover(&lab, &course, pid)));
            std::thread::sleep(Duration::from_secs(count(5, 60)));
            course.over.store(true, Ordering::Relaxed);
        });
        let (code, words) = writer.end(&mut ledger);
        assert_eq!(code, Some(0), "{words}");
        assert!(!words.contains("replaced or removed"), "compaction is no foreign hand: {words}");
        let began = Instant::now();
        while course.followed.load(Ordering::Relaxed) + 1 < ledger.next && !following.is_finished() {
            assert!(began.elapsed() < HANG, "the follower does not get to the end");
            std::thread::sleep(Duration::from_millis(5));
        }
        let interrupted = std::process::Command::new("kill").args(["-INT", &follower_pid.to_string()]).status();
        assert!(interrupted.unwrap().success());
        following.join().unwrap()
    });
    assert_eq!(follower.0.wait().unwrap().code(), Some(130));
    assert_eq!(seen, ledger.next, "the follower saw every fact");
    assert_eq!(ledger.acknowledged.len() as u64, ledger.next, "everything was acknowledged");
    ledger.check_kept(&lab, KEPT);
    let kept = ledger::listed(&lab);
    must_be_a_stretch(&kept, "the end");
    assert!(kept[0].0 > 0, "no compaction has dropped a fact");
    lab.must_be_clean();
    let strange: Vec<String> = lab.names().into_iter().filter(|name| !name.ends_with(".ndjson")).collect();
    assert!(strange.is_empty() && (kind != Kind::File || lab.names() == [LOG]), "{strange:?}");
    let figure = |number: &AtomicU64| number.load(Ordering::Relaxed);
    let (compactions, reads) = (figure(&course.compactions), figure(&course.reads));
    let overtaken = figure(&course.overtaken);
    println!(
        "{kind:?}: {seen} facts, {compactions} compactions, {reads} reads and {overtaken} that were overtaken, {} refused recoveries",
        figure(&course.refusals)
    );
    assert!(compactions > 2 && reads > 2, "too little happened to prove anything");
}
