//! Reading shows each fact once, wherever it is at that moment.

use super::*;
use crate::{ErrorKind, Position};

fn shown(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(name).collect()
}

#[tokio::test]
async fn what_waits_stands_behind_what_was_shipped() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    let log = spooled(&remote, config(dir.path()));
    log.append(&facts(0..5)).await.unwrap();
    drained(&log).await;
    remote.set_read_only(true);
    log.append(&facts(5..8)).await.unwrap();
    remote.add(fact(100));
    let mut expected = [names(0..5), names(100..101), names(5..8)].concat();
    // The other's fact came while ours waited: it stands in front of them.
    for entries in
        [read(&log, ReadOptions::oldest_first()).await, read(&reader(&remote, &dir), ReadOptions::oldest_first()).await]
    {
        assert_eq!(shown(&entries), expected);
        assert!(entries.is_sorted_by(|a, b| a.position < b.position), "{entries:?}");
    }
    expected.reverse();
    for entries in
        [read(&log, ReadOptions::newest_first()).await, read(&reader(&remote, &dir), ReadOptions::newest_first()).await]
    {
        assert_eq!(shown(&entries), expected);
        assert!(entries.is_sorted_by(|a, b| a.position > b.position), "{entries:?}");
    }
    let since = read(&log, ReadOptions::oldest_first().since(4.0)).await;
    assert_eq!(shown(&since), [names(4..5), names(100..101), names(5..8)].concat());
}

/// A handle that only reads, as another process is.
fn reader(remote: &Remote, dir: &tempfile::TempDir) -> Log {
    spooled(remote, config(dir.path()))
}

#[tokio::test]
async fn a_read_behind_any_position_gives_the_rest_once_wherever_it_is() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    let log = spooled(&remote, config(dir.path()));
    log.append(&facts(0..5)).await.unwrap();
    drained(&log).await;
    remote.set_read_only(true);
    let appended = log.append(&facts(5..10)).await.unwrap().positions;
    let before = read(&log, ReadOptions::oldest_first()).await;
    let behind = |at: usize| ReadOptions::oldest_first().after(before[at].position);
    for at in 0..10 {
        assert_eq!(shown(&read(&log, behind(at)).await), names(at as u64 + 1..10), "behind {at}");
    }
    remote.set_read_only(false);
    log.append(&facts(10..12)).await.unwrap();
    drained(&log).await;
    for at in 0..10 {
        assert_eq!(shown(&read(&log, behind(at)).await), names(at as u64 + 1..12), "behind {at}, shipped meanwhile");
    }
    let last = read(&log, ReadOptions::oldest_first().after(appended[4])).await;
    assert_eq!(shown(&last).split_off(last.len() - 2), names(10..12));
    let beyond = Position::from_pair(1000, 1).with_spooled(99);
    let error = log.backend().read(ReadOptions::oldest_first().after(beyond)).collect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn what_waits_can_be_read_while_the_log_is_away_and_the_error_follows() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    remote.set_away(true);
    let log = spooled(&remote, config(dir.path()));
    log.append(&facts(0..3)).await.unwrap();
    for (log, options) in
        [(log.clone(), ReadOptions::oldest_first()), (reader(&remote, &dir), ReadOptions::newest_first())]
    {
        let mut entries = log.backend().read(options);
        for _ in 0..3 {
            entries.next().await.unwrap().unwrap();
        }
        assert_eq!(entries.next().await.unwrap().unwrap_err().kind(), ErrorKind::Unavailable);
        assert!(entries.next().await.is_none());
    }
    assert_eq!(log.last_position().await.unwrap().unwrap().to_string(), "0-0+3");
}

#[tokio::test]
async fn every_read_beside_the_shipper_shows_each_fact_once() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    let log = spooled(&remote, config(dir.path()).with_max_bytes(256 << 10));
    for n in 0..60 {
        log.append(&facts(n * 50..n * 50 + 50)).await.unwrap();
        let oldest = read(&log, ReadOptions::oldest_first()).await;
        assert_eq!(shown(&oldest), names(0..n * 50 + 50));
        let mut newest = shown(&read(&reader(&remote, &dir), ReadOptions::newest_first()).await);
        newest.reverse();
        assert_eq!(newest, names(0..n * 50 + 50));
    }
}

#[tokio::test]
async fn a_follower_sees_each_fact_once() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    let log = spooled(&remote, config(dir.path()));
    log.append(&facts(0..1)).await.unwrap();
    let mut follower = log.follow(ReadOptions::oldest_first());
    let mut seen = Vec::new();
    for n in 0..10 {
        // Half of them are seen while they wait, and shipped later.
        remote.set_read_only(n % 2 == 0);
        log.append(&facts(n * 10 + 1..n * 10 + 11)).await.unwrap();
        while (seen.len() as u64) < n * 10 + 11 {
            let entry = tokio::time::timeout(PATIENCE, follower.next()).await.unwrap().unwrap().unwrap();
            seen.push(name(&entry));
        }
        if n % 2 == 1 {
            drained(&log).await;
        }
    }
    assert_eq!(seen, names(0..101));
}

#[tokio::test]
async fn a_log_with_retention_shows_the_newest_wherever_they_are() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    let retention = crate::Retention::all(crate::Rule::default().with_max_records(4));
    let log = spooled(&remote, config(dir.path())).with_retention(retention);
    log.append(&facts(0..5)).await.unwrap();
    drained(&log).await;
    remote.set_read_only(true);
    log.append(&facts(5..8)).await.unwrap();
    assert_eq!(shown(&log.read(ReadOptions::oldest_first()).collect().await.unwrap()), names(4..8));
}
