//! How costs grow with the size of a log.

use std::fs;

use crate::{Settings, material, measured::Measured};

pub(crate) fn run(settings: &Settings) -> Result<(), String> {
    println!(
        "| size | append, buffered | scan | newest 50 | since the newest hundredth | compact to nine tenths | reopen after a kill |"
    );
    println!("|---|---|---|---|---|---|---|");
    for size in &settings.sizes {
        let log = settings.dir.join("growth.ndjson");
        let _ = fs::remove_file(&log);
        let made = material::log(&log, *size)?;
        let seconds = |words: &[&str]| -> Result<f64, String> {
            let program = settings.papyra.to_string_lossy().into_owned();
            let path = log.to_string_lossy().into_owned();
            let words = [&[program.as_str()], words, &["--path", path.as_str()]].concat();
            let mut walls = Vec::new();
            for _ in 0..settings.runs.min(3) {
                walls.push(Measured::new("growth", &words).run()?.wall);
            }
            walls.sort_by(f64::total_cmp);
            Ok(walls[walls.len() / 2])
        };
        let since = material::time_of(made.facts * 99 / 100).to_string();
        let keep = (made.facts * 9 / 10).to_string();
        let scan = seconds(&["persistence", "scan"])?;
        let newest = seconds(&["inspect", "events", "--limit", "50"])?;
        let recent = seconds(&["inspect", "events", "--since", &since])?;
        let file = fs::OpenOptions::new().append(true).open(&log);
        file.and_then(|mut file| std::io::Write::write_all(&mut file, b"{\"kind\":\"ev"))
            .map_err(|error| error.to_string())?;
        let reopen = Measured::new(
            "append",
            [settings.papyra.as_os_str(), "append".as_ref(), "--path".as_ref(), log.as_os_str()],
        )
        .run()?
        .wall;
        let compact = Measured::new(
            "compact",
            [
                settings.papyra.as_os_str(),
                "persistence".as_ref(),
                "compact".as_ref(),
                "--max-records".as_ref(),
                keep.as_ref(),
                "--path".as_ref(),
                log.as_os_str(),
            ],
        )
        .run()?
        .wall;
        println!(
            "| {} | {:.2} million facts/s | {scan:.3} s | {:.1} ms | {:.1} ms | {compact:.2} s | {:.1} ms |",
            papyra::units::format_size(*size),
            made.facts as f64 / made.seconds / 1e6,
            newest * 1e3,
            recent * 1e3,
            reopen * 1e3,
        );
        let _ = fs::remove_file(&log);
    }
    Ok(())
}
