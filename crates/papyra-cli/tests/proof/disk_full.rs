//! A disk that is full in the middle of a line, and then has room again.

use std::fs;

use crate::{
    effort::{count, skip, tool},
    feeder::{Feeder, Pace},
    lab::{Kind, Lab, event, padded},
    ledger::Ledger,
    tmpfs::Tmpfs,
};

/// A little more than two lines of the log: the disk is full at each of their bytes, by step.
const WINDOW: usize = 420;

/// Feeds a writer until the disk refuses, and checks what it says.
fn until_full(lab: &Lab, command: std::process::Command, ledger: &mut Ledger, portion: u64) {
    let writer = Feeder::start(command, ledger, portion, Pace::Acknowledged);
    let (code, words) = writer.end_by_itself(ledger);
    assert_eq!(code, Some(74), "{words}");
    assert!(words.contains("facts") && words.contains("safely written"), "{words}");
    // Nobody cleaned up: what is there is whole.
    assert!(lab.bytes().ends_with(b"\n"), "a failed write was not cut back: {words}");
    ledger.check(lab);
    lab.must_be_clean();
}

/// There is room again: the next append works at once.
fn go_on(lab: &Lab, ledger: &mut Ledger) {
    let next = ledger.next;
    let run = lab.run(&lab.appending(), event(next)).ended(0);
    ledger.next += 1;
    ledger.take(next, &run.stdout);
    assert!(ledger.acknowledged.contains_key(&next));
    ledger.check(lab);
    lab.must_be_clean();
}

fn begin(lab: &Lab, padding: usize) -> Ledger {
    let mut ledger = Ledger { next: 1, ..Ledger::default() };
    let run = lab.run(&lab.appending(), padded(0, padding)).ended(0);
    ledger.take(0, &run.stdout);
    ledger
}

#[test]
fn a_full_disk_costs_nothing_acknowledged_and_glues_nothing() {
    full_disks(Kind::File);
}

#[test]
fn a_full_disk_under_a_writer_that_rotates_costs_nothing_acknowledged() {
    full_disks(Kind::Segments);
}

fn full_disks(kind: Kind) {
    let disk = match Tmpfs::mount("128k") {
        Ok(disk) => disk,
        Err(why) => return skip(&why),
    };
    let (mut tried, mut acknowledged) = (0, 0);
    for padding in (0..WINDOW).step_by(count(7, 1)) {
        let directory = disk.path().join("log");
        let lab = Lab::at(&directory, kind);
        // Pages are the smallest room there is: the padding decides at which byte of a line the last one ends.
        let mut ledger = begin(&lab, padding);
        {
            let _filler = disk.fill();
            until_full(&lab, lab.command(&lab.appending()), &mut ledger, [1, 2, 7][tried % 3]);
        }
        go_on(&lab, &mut ledger);
        acknowledged += ledger.acknowledged.len();
        tried += 1;
        fs::remove_dir_all(&directory).unwrap();
    }
    println!("{tried} full disks, {acknowledged} facts acknowledged");
    assert!(acknowledged > 3 * tried, "the disk was full before anything was acknowledged");
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_in_words_and_no_signal() {
    let Some(prlimit) = tool("prlimit") else { return skip("prlimit is not there") };
    let mut tried = 0;
    for more in (1..WINDOW).step_by(count(7, 1)) {
        let lab = Lab::new();
        let mut ledger = begin(&lab, 0);
        let limit = lab.bytes().len() + 300 + more;
        let mut command = lab.program(&prlimit);
        command.arg(format!("--fsize={limit}")).arg(env!("CARGO_BIN_EXE_papyra"));
        command.args(lab.appending());
        until_full(&lab, command, &mut ledger, [1, 2, 7][tried % 3]);
        go_on(&lab, &mut ledger);
        tried += 1;
    }
    println!("{tried} limits");
}
