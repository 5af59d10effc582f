//! Logs are damaged at random, many times over; whatever comes out must be found, read, recovered and written on by the rules.
//!
//! A round is short in CI; `PAPYRA_PROVE_LONG=1` goes on for minutes, `PAPYRA_SEED=n` repeats one round. The seed of a
//! round that fails is printed.

mod damage;
mod laws;
mod random;
mod samples;
mod sets;

use std::time::{Duration, Instant};

use random::Random;

const SHORT: u64 = 40;
const LONG: Duration = Duration::from_secs(240);

#[test]
fn no_damage_breaks_a_law() {
    rounds(round);
}

#[test]
fn no_damage_to_the_files_of_a_set_breaks_a_law() {
    rounds(|seed| {
        let told = Told(seed);
        sets::round(&mut Random::new(seed));
        std::mem::forget(told);
    });
}

fn rounds(round: impl Fn(u64)) {
    if let Some(seed) = std::env::var("PAPYRA_SEED").ok().and_then(|seed| seed.parse().ok()) {
        return round(seed);
    }
    let long = std::env::var_os("PAPYRA_PROVE_LONG").is_some();
    let first = if long { random::fresh_seed() } else { 1 };
    let began = Instant::now();
    let mut rounds = 0;
    while if long { began.elapsed() < LONG } else { rounds < SHORT } {
        round(first + rounds);
        rounds += 1;
    }
    println!("{rounds} rounds from seed {first} on");
}

fn round(seed: u64) {
    let told = Told(seed);
    let mut random = Random::new(seed);
    let sound = samples::log(&mut random);
    laws::of_a_sound_log(&sound, false, &mut random);
    let foreign = samples::foreign(&mut random);
    let (damaged, mixed) = damage::of(&sound, &foreign, &mut random);
    laws::of_a_damaged_log(&damaged, mixed, &mut random);
    std::mem::forget(told);
}

/// Says which seed failed, and with which bytes.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        eprintln!("to repeat this round: PAPYRA_SEED={}", self.0);
    }
}
