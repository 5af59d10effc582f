//! The units of systemd.

use std::{fs, process::Command};

use crate::{
    commands::{Commanded, PROGRAM},
    files, read,
    tool::{find, run},
};

/// The units and drop-ins, by their names.
fn units() -> Vec<String> {
    files().into_iter().filter_map(|file| file.strip_prefix("systemd/").map(str::to_owned)).collect()
}

/// What a unit of the service `orders` says: its lines with the names put in.
fn lines(unit: &str) -> Vec<String> {
    let text = read(&format!("systemd/{unit}"));
    let named = text.lines().map(|line| line.replace("%i", "orders").replace("%N", "orders"));
    named.filter(|line| !line.starts_with('#')).collect()
}

/// The commands in all of them.
pub(crate) fn commands() -> Vec<Commanded> {
    let mut commands = Vec::new();
    for unit in units() {
        let lines = lines(&unit);
        let values =
            |key: &str| lines.iter().filter_map(move |line| line.strip_prefix(key)?.strip_prefix('=')).collect();
        let env: Vec<&str> = values("Environment");
        let starts: Vec<&str> = [values("ExecStartPre"), values("ExecStart")].concat();
        for start in starts {
            let mut words = start.split_whitespace().map(str::to_owned);
            assert_eq!(words.next().as_deref(), Some("/usr/local/bin/papyra"), "{unit}");
            let env = env.iter().map(|one| one.split_once('=').unwrap());
            let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            commands.push(Commanded { from: unit.clone(), args: words.collect(), env });
        }
    }
    commands
}

#[test]
fn every_timer_has_its_service_and_every_service_its_timer() {
    let stems = |suffix: &str| {
        let units = units();
        units.iter().filter_map(|unit| unit.strip_suffix(suffix).map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(stems(".timer"), stems(".service"));
    assert_eq!(stems(".timer").len(), 2);
    assert_eq!(commands().len(), 5);
}

#[test]
fn systemd_understands_every_line() {
    let Some(analyze) = find("PAPYRA_SYSTEMD_ANALYZE", "systemd-analyze") else { return };
    let dir = tempfile::tempdir().unwrap();
    let drop_ins = dir.path().join("orders.service.d");
    fs::create_dir(&drop_ins).unwrap();
    fs::write(dir.path().join("orders.service"), "[Service]\nExecStart=/bin/true\n").unwrap();
    let mut names = vec!["orders.service".to_owned()];
    for unit in units() {
        // It looks for the program that a unit starts.
        let text = read(&format!("systemd/{unit}")).replace("/usr/local/bin/papyra", PROGRAM);
        if unit.ends_with(".conf") {
            fs::write(drop_ins.join(unit), text).unwrap();
        } else {
            let name = unit.replace('@', "@orders");
            fs::write(dir.path().join(&name), text).unwrap();
            names.push(name);
        }
    }
    let verify = || {
        let mut command = Command::new(&analyze);
        command.args(["verify", "--man=no"]).args(names.iter().map(|name| dir.path().join(name)));
        // Besides ours it needs the units that come with it.
        command.env("SYSTEMD_UNIT_PATH", format!("{}:", dir.path().display()));
        run(&mut command)
    };
    // It warns of what it does not know, and ends with 0 all the same.
    assert_eq!(verify(), "");
    let check = dir.path().join("papyra-check@orders.service");
    fs::write(&check, fs::read_to_string(&check).unwrap().replace("ProtectSystem", "ProtektSystem")).unwrap();
    assert!(verify().contains("ProtektSystem"));
}
