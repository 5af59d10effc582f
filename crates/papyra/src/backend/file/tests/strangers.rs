//! What lies in the directory of a log and is no file of it: it neither ends a read nor a write, and no recovery loses it.

use std::{os::unix::fs::symlink, path::Path};

use super::sets::{Set, name, sound};
use super::*;
use crate::RecoveryConfig;

/// Puts something into the directory of a log.
type Deed = fn(&Path);

/// What is called as a segment but is no file.
const NO_FILES: [(&str, Deed); 4] = [
    ("a directory", |path| fs::create_dir(path).unwrap()),
    ("a link to nowhere", |path| symlink("/nowhere/at/all", path).unwrap()),
    ("a link to itself", |path| symlink(path, path).unwrap()),
    ("a socket", |path| drop(std::os::unix::net::UnixListener::bind(path).unwrap())),
];

#[test]
fn what_is_called_as_a_segment_but_is_no_file_is_a_finding_and_ends_no_read() {
    for (what, deed) in NO_FILES {
        for number in [3, 6] {
            let mut files = sound();
            files.remove(&name(number));
            let set = Set::with(&files);
            let expected = set.seqs();
            deed(&set.path.join(name(number)));
            assert_eq!(set.seqs(), expected, "{what}");
            assert!(set.found().contains(&AnomalyKind::UnexpectedFile), "{what}");
            let aside = set.recover(&RecoveryConfig::quarantine(set.path.with_extension("quarantine"))).quarantined;
            assert!(aside.iter().any(|path| path.symlink_metadata().is_ok_and(|there| !there.is_file())), "{what}");
            assert_eq!(set.found(), [], "{what}");
            assert_eq!(set.seqs(), expected, "{what}");
        }
    }
}

#[test]
fn what_stands_in_the_place_of_the_next_segments_is_passed_over() {
    for (what, deed) in NO_FILES {
        let set = Set::with(&sound());
        (6..9).for_each(|number| deed(&set.path.join(name(number))));
        assert_eq!(set.append(&facts(1..=8)), (19..=26).collect::<Vec<_>>(), "{what}");
        assert!(set.path.join(name(9)).is_file() && set.path.join(name(10)).is_file(), "{what}");
        assert_eq!(set.seqs(), (1..=26).collect::<Vec<_>>());
    }
}

#[test]
fn a_link_among_the_segments_leads_no_copy_elsewhere() {
    let set = Set::with(&sound());
    let secret = set.path.with_extension("secret");
    fs::write(&secret, "another's").unwrap();
    symlink(&secret, set.path.join("link")).unwrap();
    let quarantine = set.path.with_extension("quarantine");
    let aside = set.recover(&RecoveryConfig::quarantine(&quarantine)).quarantined;
    assert_eq!(fs::read_link(&aside[0]).unwrap(), secret);
    assert!(!quarantine.exists() || fs::read_dir(&quarantine).unwrap().count() == 0);
    assert_eq!(set.found(), []);
}

#[test]
fn a_file_that_is_called_as_the_directory_for_what_is_set_aside_is_set_aside_too() {
    let mut files = sound();
    files.insert("set-aside".into(), b"mine".to_vec());
    files.insert("notes".into(), b"mine, too".to_vec());
    let set = Set::with(&files);
    let aside = set.recover(&RecoveryConfig::repair()).quarantined;
    let kept: Vec<_> = aside.iter().map(|path| fs::read(path).unwrap()).collect();
    assert_eq!(kept, [&b"mine, too"[..], b"mine"]);
    assert_eq!(set.found(), []);
}

#[test]
fn behind_the_highest_number_that_there_is_no_segment_is_begun_and_nothing_is_lost() {
    let mut files = sound();
    let last = files.remove(&name(5)).unwrap();
    files.insert(name(u64::MAX), last);
    let set = Set::with(&files);
    set.recover(&RecoveryConfig::repair());
    assert_eq!(set.append(&facts(1..=8)), (19..=26).collect::<Vec<_>>());
    assert_eq!(set.append(&facts(1..=2)), [27, 28]);
    assert_eq!((set.found(), set.seqs()), (vec![], (1..=28).collect()));
}

#[test]
fn several_files_from_before_sealing_become_one_sound_log_and_nothing_is_given_up() {
    let legacy = include_bytes!("../../../../tests/vectors/legacy-python.ndjson");
    let lines = legacy.split_inclusive(|byte| *byte == b'\n').count() as u64;
    let files = (1..=3).map(|number| (name(number), legacy.to_vec())).collect();
    let set = Set::with(&files);
    let report = set.recover(&RecoveryConfig::repair());
    assert_eq!((set.found(), report.lost), (vec![], 0));
    let all = || set.scan().entries.values().sum::<u64>();
    assert_eq!(all(), 3 * lines);
    let recovered = set.files();
    set.recover(&RecoveryConfig::repair());
    assert!(set.files() == recovered, "a second recovery changes nothing");
    set.append(&facts(1..=5));
    assert_eq!((set.found(), all()), (vec![], 3 * lines + 5));
}
