//! Power cuts of a real file system, during append and during compaction.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    chance::Chance,
    effort::{count, is_root, skip, tool},
    feeder::{Feeder, Pace},
    lab::{Kind, LOG, Lab, Process, events},
    ledger::Ledger,
};

const POWER_CUT: &str = include_str!("power_cut.py");
/// Nothing that is not synced survives.
const NO_FLUSH: &str = "2";
/// The journal is written, the data is not: names and lengths without their bytes.
const FLUSH_JOURNAL: &str = "1";
/// What every compaction keeps.
const KEPT: u64 = 300;

/// An ext4 in a file, mounted or not; nothing of it stays behind.
struct Disk {
    directory: TempDir,
    mounted: bool,
}

fn run(program: &str, args: &[&str]) -> Result<(), String> {
    let path = tool(program).ok_or_else(|| format!("{program} is not there"))?;
    let ran = Command::new(path).args(args).output().map_err(|error| format!("{program}: {error}"))?;
    if ran.status.success() {
        return Ok(());
    }
    Err(format!("{program} {args:?}: {}", String::from_utf8_lossy(&ran.stderr).trim()))
}

impl Disk {
    fn make() -> Result<Disk, String> {
        if !is_root() {
            return Err("mounting needs root".to_owned());
        }
        tool("python3").ok_or("python3 is not there")?;
        let directory = tempfile::tempdir().unwrap();
        let mut disk = Disk { directory, mounted: false };
        File::create(disk.image()).and_then(|image| image.set_len(48 << 20)).unwrap();
        std::fs::create_dir(disk.mount_point()).unwrap();
        run("mkfs.ext4", &["-q", "-F", "-J", "size=4", text(&disk.image())])?;
        disk.mount()?;
        Ok(disk)
    }

    fn image(&self) -> PathBuf {
        self.directory.path().join("image")
    }

    fn mount_point(&self) -> PathBuf {
        self.directory.path().join("disk")
    }

    fn mount(&mut self) -> Result<(), String> {
        // Mounting so frees the loop device with the mount.
        run("mount", &["-o", "loop", text(&self.image()), text(&self.mount_point())])?;
        self.mounted = true;
        Ok(())
    }

    /// Gets ready to cut the power.
    fn hand_on_the_switch(&self, mode: &str) -> Process {
        let mut command = Command::new(tool("python3").unwrap());
        command.args(["-c", POWER_CUT, text(&self.mount_point()), mode]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut switch = Process(command.spawn().unwrap());
        let mut ready = [0; 6];
        switch.0.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
        switch
    }

    fn unmount(&mut self) -> Result<(), String> {
        run("umount", &[text(&self.mount_point())])?;
        self.mounted = false;
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted
            && let Err(why) = self.unmount()
        {
            eprintln!("cannot unmount: {why}");
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// One life between two power cuts, and the look at what is left.
fn live_and_cut(disk: &mut Disk, kind: Kind, ledger: &mut Ledger, chance: &mut Chance, compacting: bool, name: &str) {
    let lab = Lab::at(&disk.mount_point().join("log"), kind);
    let portion = [1, 8, 60][chance.below(3)];
    let pace = Pace::Pause(Duration::from_micros(chance.below(2000) as u64));
    let over = AtomicBool::new(false);
    let mut switch = disk.hand_on_the_switch([NO_FLUSH, FLUSH_JOURNAL][chance.below(2)]);
    std::thread::scope(|scope| {
        let mut writer = Feeder::start(lab.command(&lab.appending()), ledger, portion, pace);
        writer.wait_for(1);
        if compacting {
            // It may end in any way: the disk is gone under it.
            scope.spawn({
                let (lab, over) = (&lab, &over);
                move || {
                    let kept = KEPT.to_string();
                    while !over.load(Ordering::Relaxed) {
                        lab.on_log(&["persistence", "compact", "--max-records", &kept]);
                    }
                }
            });
        }
        std::thread::sleep(Duration::from_micros(chance.below(120_000) as u64));
        // After a real cut nobody hears anything. Here a sync that is under way may still say that all is well: the kernel
        // loses the error of a write that ends while it shuts down. So what counts is what was heard before.
        writer.stop_counting();
        switch.0.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        assert!(switch.0.wait().unwrap().success(), "the power could not be cut");
        over.store(true, Ordering::Relaxed);
        // Without a disk it ends by itself or waits for more.
        writer.stop(ledger);
    });
    drop(lab);
    disk.unmount().unwrap();
    disk.mount().unwrap();
    look(&Lab::at(&disk.mount_point().join("log"), kind), ledger, if compacting { KEPT } else { 0 }, name);
}

/// The next start: the startup check, then an append.
fn look(lab: &Lab, ledger: &mut Ledger, kept: u64, name: &str) {
    let found = lab.on_log(&["doctor", "run", "--mode", "recover"]);
    assert_eq!(found.code, Some(0), "{name}: {found:?}");
    let next = ledger.next;
    ledger.next += 1;
    let run = lab.run(&lab.appending(), events([next]));
    assert_eq!(run.code, Some(0), "{name}: {run:?}");
    ledger.take(next, &run.stdout);
    let text = lab.text();
    assert!(!text.is_empty() && !text.contains('\0'), "{name}: zeros in the log");
    lab.must_be_clean();
    ledger.check_kept(lab, kept);
    let names = lab.names();
    let is_segment = |name: &String| name == LOG || name.starts_with("facts.0") && name.ends_with(".ndjson");
    assert!(names.iter().all(is_segment), "{name}: something is left over: {names:?}");
}

fn power_is_cut(kind: Kind, compacting: bool, cuts: u32) {
    let name = if compacting { "compaction" } else { "append" };
    let name = &format!("{name} of {kind:?}");
    let mut chance = Chance::begin(&format!("power::{name}"));
    let mut disk = match Disk::make() {
        Ok(disk) => disk,
        Err(why) => return skip(&format!("no ext4 can be mounted: {why}")),
    };
    let mut ledger = Ledger::default();
    for cut in 0..cuts {
        if cut % 40 == 39 {
            // The disk is small.
            std::fs::remove_dir_all(disk.mount_point().join("log")).unwrap();
            ledger = Ledger::default();
        }
        live_and_cut(&mut disk, kind, &mut ledger, &mut chance, compacting, &format!("{name}, cut {cut}"));
    }
    println!("{name}: {cuts} power cuts, {} of {} facts acknowledged", ledger.acknowledged.len(), ledger.next);
}

#[test]
fn power_cuts_during_append_cost_nothing_acknowledged() {
    power_is_cut(Kind::File, false, count(6, 200));
}

#[test]
fn power_cuts_during_compaction_cost_nothing_acknowledged() {
    power_is_cut(Kind::File, true, count(6, 200));
}

#[test]
fn power_cuts_while_segments_are_begun_cost_nothing_acknowledged() {
    power_is_cut(Kind::Segments, false, count(6, 200));
}
