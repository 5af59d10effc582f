//! Writers that are killed at any moment.

use std::time::Duration;

use crate::{
    chance::Chance,
    effort::count,
    feeder::{Feeder, Pace},
    lab::{Kind, Lab},
    ledger::Ledger,
};

fn killed_at_any_moment(kind: Kind, durability: &str, rounds: u32) {
    let mut chance = Chance::begin(&format!("kill::{kind:?}, {durability}"));
    let lab = Lab::of(kind);
    let mut ledger = Ledger::default();
    let url = match kind {
        Kind::File => format!("json:facts.ndjson?durability={durability}"),
        // So that there are some hundreds of rotations with the small counts, and not a hundred thousand with the long ones.
        _ => format!("rotating:facts?durability={durability}&segment_bytes={}", count("8KiB", "32KiB")),
    };
    let mut settled = 0;
    for round in 0..rounds {
        let portion = [1, 3, 40, 300][chance.below(4)];
        let pace = Pace::Pause(Duration::from_micros(chance.below(1500) as u64));
        let mut writer = Feeder::start(lab.command(&["append", "--ack", "--url", &url]), &ledger, portion, pace);
        if chance.below(5) > 0 {
            // The next append works at once: it needs no patience for the lock, and no repair.
            writer.wait_for(1);
        }
        std::thread::sleep(Duration::from_micros(chance.below(25_000) as u64));
        settled += u32::from(writer.kill(&mut ledger).contains("unfinished line"));
        if round % 50 == 49 {
            ledger.check(&lab);
        }
    }
    ledger.check(&lab);
    let url = ["append", "--ack", "--url", &url];
    lab.run(&url, crate::lab::events([ledger.next])).ended(0);
    lab.must_be_clean();
    let acknowledged = ledger.acknowledged.len();
    let segments = lab.segments().len();
    println!(
        "{kind:?}, {durability}: {rounds} kills, {segments} segments, {} sent, {acknowledged} acknowledged, {settled} torn tails settled",
        ledger.next
    );
    assert!(kind == Kind::File || segments > rounds as usize, "too few rotations to prove anything: {segments}");
    assert!(acknowledged > rounds as usize, "too little was acknowledged to prove anything");
}

#[test]
fn a_synced_writer_killed_at_any_moment_loses_and_doubles_nothing_acknowledged() {
    killed_at_any_moment(Kind::File, "synced", count(60, 1000));
}

#[test]
fn a_buffered_writer_killed_at_any_moment_loses_and_doubles_nothing_acknowledged() {
    killed_at_any_moment(Kind::File, "buffered", count(60, 1000));
}

#[test]
fn rotations_under_a_synced_writer_that_is_killed_lose_and_double_nothing_acknowledged() {
    killed_at_any_moment(Kind::Segments, "synced", count(30, 1000));
}

#[test]
fn rotations_under_a_buffered_writer_that_is_killed_lose_and_double_nothing_acknowledged() {
    killed_at_any_moment(Kind::Segments, "buffered", count(30, 1000));
}
