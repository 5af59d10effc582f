//! The last words of a program that ends with its first panic:
//! `cargo run -p papyra --profile abort --example last_words -- json:facts.ndjson`

use std::{env, error::Error};

use papyra::{
    Recorder,
    observe::{Observation, PanicHook},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let recorder = Recorder::open(env::args().nth(1).as_deref().unwrap_or("memory:")).await?;
    let observation = Observation::of(&recorder).system("orders").start();
    // Built with `panic = "abort"`, it waits until the log has acknowledged where and why the program ends.
    PanicHook::of(&observation).install();
    let importer = observation.spawn("importer", async { panic!("a file without an end") });
    importer.await?;
    Ok(())
}
