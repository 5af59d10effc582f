//! A spool that was copied or set back is not taken for the other.

use std::{fs, path::Path};

use super::*;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(item.file_name());
        if item.path().is_dir() {
            copy(&item.path(), &target);
        } else {
            fs::copy(item.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn a_copy_whose_original_went_on_begins_anew_and_loses_nothing() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    let original = dir.path().join("original");
    let log = spooled(&remote, SpoolConfig::new(&original));
    log.append(&facts(0..10)).await.unwrap();
    drained(&log).await;
    log.close().await.unwrap();
    // Nothing was shipped of these when the copy was made.
    remote.set_away(true);
    let log = spooled(&remote, SpoolConfig::new(&original));
    log.append(&facts(10..15)).await.unwrap();
    log.close().await.unwrap();
    copy(&original, &dir.path().join("copy"));
    remote.set_away(false);
    for (path, range) in [("original", 20..30), ("copy", 40..43), ("original", 30..40), ("copy", 43..50)] {
        let log = spooled(&remote, SpoolConfig::new(dir.path().join(path)));
        log.append(&facts(range)).await.unwrap();
        drained(&log).await;
        log.close().await.unwrap();
    }
    let mut shipped = shipped(&remote);
    shipped.sort_by_key(|name| name[1..].parse::<u64>().unwrap());
    assert_eq!(shipped, [names(0..15), names(20..50)].concat());
    assert_eq!(said(&remote), ["SpoolForked"]);
    assert!(dir.path().join("copy/2").exists() && !dir.path().join("copy/1").exists());
}

#[tokio::test]
async fn other_facts_under_the_same_numbers_are_found_out_while_both_are_at_work() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    let original = dir.path().join("original");
    let log = spooled(&remote, SpoolConfig::new(&original));
    log.append(&facts(0..10)).await.unwrap();
    log.close().await.unwrap();
    copy(&original, &dir.path().join("copy"));
    let one = spooled(&remote, SpoolConfig::new(&original));
    let other = spooled(&remote, SpoolConfig::new(dir.path().join("copy")));
    for n in 0..20 {
        one.append(&facts(100 + n..101 + n)).await.unwrap();
        other.append(&facts(200 + n..201 + n)).await.unwrap();
    }
    drained(&one).await;
    drained(&other).await;
    let mut shipped = shipped(&remote);
    shipped.sort_by_key(|name| name[1..].parse::<u64>().unwrap());
    assert_eq!(shipped, [names(0..10), names(100..120), names(200..220)].concat());
    assert_eq!(said(&remote), ["SpoolForked"]);
}

#[tokio::test]
async fn a_spool_that_was_set_back_ships_only_what_is_new() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    let (spool, backup) = (dir.path().join("spool"), dir.path().join("backup"));
    let log = spooled(&remote, SpoolConfig::new(&spool));
    log.append(&facts(0..10)).await.unwrap();
    log.close().await.unwrap();
    copy(&spool, &backup);
    let log = spooled(&remote, SpoolConfig::new(&spool));
    log.append(&facts(10..20)).await.unwrap();
    log.close().await.unwrap();
    fs::remove_dir_all(&spool).unwrap();
    copy(&backup, &spool);
    // Restored before it was shipped to, as it were: the copy knows nothing of what followed.
    let log = spooled(&remote, SpoolConfig::new(&spool));
    log.append(&facts(20..22)).await.unwrap();
    drained(&log).await;
    assert_eq!(shipped(&remote), names(0..22));
    assert_eq!(said(&remote), ["SpoolForked"]);
    // Once is enough.
    log.append(&facts(22..30)).await.unwrap();
    drained(&log).await;
    assert_eq!((shipped(&remote), said(&remote).len()), (names(0..30), 1));
}

#[tokio::test]
async fn copies_of_a_copy_ship_once_what_they_share() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    let at = |name: &str| dir.path().join(name);
    let log_at = |name: &str| spooled(&remote, SpoolConfig::new(at(name)));
    let append = async |name: &str, range| {
        let log = log_at(name);
        log.append(&facts(range)).await.unwrap();
        log.close().await.unwrap();
    };
    append("one", 0..3).await;
    copy(&at("one"), &at("two"));
    remote.set_away(true);
    append("two", 10..15).await;
    copy(&at("two"), &at("three"));
    append("three", 15..16).await;
    copy(&at("three"), &at("four"));
    remote.set_away(false);
    for (n, name) in (20..).zip(["one", "four", "two", "three", "four", "one", "three", "two"]) {
        let log = log_at(name);
        log.append(&facts(n..n + 1)).await.unwrap();
        drained(&log).await;
        log.close().await.unwrap();
    }
    let mut shipped = shipped(&remote);
    shipped.sort_by_key(|name| name[1..].parse::<u64>().unwrap());
    assert_eq!(shipped, [names(0..3), names(10..16), names(20..28)].concat());
    assert!(said(&remote).iter().all(|event| event == "SpoolForked"), "{:?}", said(&remote));
}

#[tokio::test]
async fn a_file_that_was_set_back_under_its_cursor_gives_no_number_again() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    let (file, backup) = (dir.path().join("spool/1/facts.000001.ndjson"), dir.path().join("backup"));
    let log = spooled(&remote, config(dir.path()));
    log.append(&facts(0..10)).await.unwrap();
    fs::copy(&file, &backup).unwrap();
    log.append(&facts(10..20)).await.unwrap();
    log.close().await.unwrap();
    fs::copy(&backup, &file).unwrap();
    remote.set_away(true);
    let log = spooled(&remote, config(dir.path()));
    // As many as the cursor counts, and then one more: none of them is taken for one of before.
    for n in 20..31 {
        log.append(&facts(n..n + 1)).await.unwrap();
    }
    remote.set_away(false);
    drained(&log).await;
    assert_eq!(shipped(&remote), names(0..31));
    assert_eq!(said(&remote), ["SpoolForked"]);
}

#[tokio::test]
async fn what_a_crash_leaves_of_a_new_edition_is_removed() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    let spool = dir.path().join("spool");
    let log = spooled(&remote, SpoolConfig::new(&spool));
    log.append(&facts(0..3)).await.unwrap();
    log.close().await.unwrap();
    // Before the rename, and after it.
    fs::create_dir_all(spool.join("2.partial")).unwrap();
    fs::write(spool.join("2.partial/facts.000001.ndjson"), "half").unwrap();
    let log = spooled(&remote, SpoolConfig::new(&spool));
    log.append(&facts(3..4)).await.unwrap();
    log.close().await.unwrap();
    assert!(!spool.join("2.partial").exists());
    copy(&spool.join("1"), &spool.join("0"));
    let log = spooled(&remote, SpoolConfig::new(&spool));
    log.append(&facts(4..5)).await.unwrap();
    log.close().await.unwrap();
    assert!(!spool.join("0").exists());
    assert_eq!(shipped(&remote), names(0..5));
}

#[tokio::test]
async fn a_header_that_was_made_up_anew_doubles_nothing() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    let log = spooled(&remote, config(dir.path()));
    log.append(&facts(0..10)).await.unwrap();
    log.close().await.unwrap();
    let file = dir.path().join("spool/1/facts.000001.ndjson");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.split_once('\n').unwrap().1).unwrap();
    let log = spooled(&remote, config(dir.path()));
    assert!(!log.scan(crate::ScanOptions::default()).await.unwrap().is_clean());
    log.recover(&crate::RecoveryConfig::repair()).await.unwrap();
    assert!(log.scan(crate::ScanOptions::default()).await.unwrap().is_clean());
    log.append(&facts(10..12)).await.unwrap();
    drained(&log).await;
    assert_eq!((shipped(&remote), said(&remote).len()), (names(0..12), 0));
}
