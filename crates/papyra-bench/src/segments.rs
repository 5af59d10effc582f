//! A log of ten thousand segments: nobody must wait because there are so many.

use crate::{
    Settings, care, material,
    measured::in_turn,
    table::{self, Must, Row},
};

const SEGMENTS: u64 = 10_000;
/// A delay that nobody sees, in milliseconds, for a whole process.
const UNSEEN: f64 = 50.0;

pub(crate) fn run(settings: &Settings) -> Result<(), String> {
    let log = settings.dir.join("segments");
    let facts = material::segments(&log, SEGMENTS)?;
    let since = material::time_of(facts * 99 / 100).to_string();
    let commands = [
        care::papyra(settings, &["inspect", "events", "--limit", "50"], &log),
        care::papyra(settings, &["inspect", "events", "--since", &since], &log),
        care::papyra(settings, &["append"], &log),
    ];
    let taken = in_turn(&commands, settings.runs.max(11), |_| Ok(()))?;
    let mut rows = Vec::new();
    for (what, (command, taken)) in
        ["newest 50", "since the newest hundredth", "open for append"].into_iter().zip(commands.iter().zip(&taken))
    {
        care::show(&command.name, taken);
        if taken.exit != 0 {
            return Err(format!("{what} of {SEGMENTS} segments ended with {}", taken.exit));
        }
        rows.push(Row {
            number: "",
            what: format!("{what} of {SEGMENTS} segments, whole process"),
            reached: taken.wall * 1e3,
            must: Must::AtMost(UNSEEN),
            unit: " ms",
        });
    }
    table::print(&rows)
}
