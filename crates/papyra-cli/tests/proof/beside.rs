//! Compaction from another process beside a writer, readers and a follower.

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
    lab::{LOG, Lab, Process, events},
    ledger::{self, Ledger},
};

/// So many of the newest facts are kept by every compaction, and all that the follower has not seen yet.
const KEPT: u64 = 1000;

/// What the threads tell each other.
#[derive(Default)]
struct Course {
    over: AtomicBool,
    /// The number of the last fact that the follower has seen.
    followed: AtomicU64,
    compactions: AtomicU64,
    reads: AtomicU64,
    refusals: AtomicU64,
}

impl Course {
    fn until_over(&self, mut work: impl FnMut()) {
        while !self.over.load(Ordering::Relaxed) {
            work();
        }
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
    // A follower looks ten times a second; what it has not seen must not go.
    let last = ledger::listed(lab).last().map_or(0, |(n, _)| *n);
    let unseen = last.saturating_sub(course.followed.load(Ordering::Relaxed));
    // What is appended from here on makes room for itself.
    let kept = (KEPT + unseen + 10_000 * u64::from(unseen > KEPT)).to_string();
    lab.on_log(&["persistence", "compact", "--max-records", &kept]).ended(0);
    course.compactions.fetch_add(1, Ordering::Relaxed);
    std::thread::sleep(Duration::from_millis(20));
}

fn read(lab: &Lab, course: &Course, args: &[&str]) {
    let list = [&["inspect", "events", "-o", "ndjson"], args].concat();
    let run = lab.on_log(&list).ended(0);
    assert_eq!(run.stderr, "", "a reader met damage");
    let mut facts = ledger::parse(&run.stdout);
    if args.contains(&"--reverse") {
        facts.reverse();
    }
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
    let lab = Lab::new();
    let mut ledger = Ledger { next: 1, ..Ledger::default() };
    let run = lab.run(&["append", "--ack", "--path", LOG], events([0])).ended(0);
    ledger.take(0, &run.stdout);
    let course = Arc::new(Course::default());
    let follow_args = ["inspect", "events", "--follow", "-o", "ndjson", "--path", LOG];
    let mut follower = Process(lab.command(&follow_args).spawn().unwrap());
    let follower_pid = follower.0.id();
    let command = lab.command(&["append", "--ack", "--path", LOG]);
    let mut writer = Feeder::start(command, &ledger, 5, Pace::Pause(Duration::from_millis(1)));
    writer.wait_for(1);
    let pid = writer.process.0.id();
    let seen = std::thread::scope(|scope| {
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
    must_be_a_stretch(&ledger::listed(&lab), "the end");
    lab.must_be_clean();
    assert_eq!(lab.names(), [LOG]);
    let figure = |number: &AtomicU64| number.load(Ordering::Relaxed);
    let (compactions, reads) = (figure(&course.compactions), figure(&course.reads));
    println!("{seen} facts, {compactions} compactions, {reads} reads, {} refused recoveries", figure(&course.refusals));
    assert!(compactions > 2 && reads > 2, "too little happened to prove anything");
}
