//! Backups of logs that rotate.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use papyra::{
    ErrorKind, Event, Fact, Log, ReadOptions, Retention, Rule, ScanOptions, Schemes,
    backup::{BackupDir, BackupOptions, Made},
};

struct Scene {
    dir: tempfile::TempDir,
    log: Log,
    backups: BackupDir,
}

fn facts(numbers: std::ops::Range<u64>) -> Vec<Fact> {
    numbers.map(|n| Event::new(format!("t://{n}").as_str(), "E").into()).collect()
}

async fn open(url: &str, more: &str) -> Log {
    papyra::open(&format!("{url}?lock_timeout=0s&segment_records=3{more}")).await.unwrap()
}

async fn read(log: &Log) -> Vec<String> {
    let entries = log.read(ReadOptions::oldest_first()).collect().await.unwrap();
    entries.iter().map(|entry| format!("{} {}", entry.position, entry.fact.to_json())).collect()
}

impl Scene {
    /// Three facts a segment, the last one with fewer.
    async fn with(count: u64) -> Scene {
        Scene::opened(count, "").await
    }

    /// The same with further options.
    async fn opened(count: u64, more: &str) -> Scene {
        let dir = tempfile::tempdir().unwrap();
        let log = open(&format!("rotating:{}", dir.path().join("log").display()), more).await;
        for n in 0..count {
            log.append(&facts(n..n + 1)).await.unwrap();
        }
        let backups = Schemes::new().backups(dir.path().join("backups"));
        Scene { dir, log, backups }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    async fn create(&self) -> Made {
        self.backups.create(&self.log, &BackupOptions::default()).await.unwrap()
    }

    async fn restore(&self, made: &Made, url: &str) -> papyra::Result<Log> {
        let target = match url.split_once(':') {
            Some(("json", path)) => papyra::open(&format!("json:{}", self.path(path).display())).await.unwrap(),
            _ => open(&format!("rotating:{}", self.path(url).display()), "").await,
        };
        self.backups.restore(&made.name, &target, &BackupOptions::default()).await?;
        Ok(target)
    }

    async fn must_be_sound(&self, made: &Made) {
        let verified = self.backups.verify(&made.name, &BackupOptions::default()).await.unwrap();
        assert!(verified.is_sound() && verified.facts_checked, "{verified:?}");
    }
}

/// The segments in a directory with their bytes.
fn segments(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut found: Vec<_> = names
        .filter(|name| name.ends_with(".ndjson"))
        .map(|name| (name.clone(), fs::read(directory.join(name)).unwrap()))
        .collect();
    found.sort();
    found
}

#[tokio::test]
async fn a_rotating_log_is_backed_up_beside_its_writer_and_restored_as_another_log() {
    let scene = Scene::with(10).await;
    let made = scene.create().await;
    let (own, copied) = (segments(&scene.path("log")), segments(&made.path.join("data")));
    assert!(own == copied && own.len() == 4, "{:?}", made.manifest.pieces);
    assert_eq!((made.manifest.figures.entries, made.manifest.anomalies_total), (10, Some(0)));
    let entries: Vec<u64> = made.manifest.pieces.iter().map(|piece| piece.figures.entries).collect();
    assert_eq!(entries, [3, 3, 3, 1]);
    scene.must_be_sound(&made).await;
    scene.log.append(&facts(10..11)).await.unwrap();
    let restored = scene.restore(&made, "new").await.unwrap();
    assert!(restored.scan(ScanOptions::deep()).await.unwrap().is_clean());
    assert_eq!(read(&restored).await, read(&scene.log).await[..10]);
    let new = segments(&scene.path("new"));
    for ((name, old), (new_name, new)) in own.iter().zip(&new) {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_owned()).unwrap();
        let (old, new) = (text(old), text(new));
        let log_id = made.manifest.log_id.as_deref().unwrap();
        assert!(name == new_name && old.contains(log_id) && !new.contains(log_id));
        assert_eq!(old.split_once('\n').unwrap().1, new.split_once('\n').unwrap().1);
    }
    assert_eq!(restored.append(&facts(10..14)).await.unwrap().positions[0].seq(), Some(11));
    assert!(restored.scan(ScanOptions::deep()).await.unwrap().is_clean());
}

#[tokio::test]
async fn sealed_segments_are_not_copied_again() {
    let scene = Scene::with(10).await;
    let began = Instant::now();
    // Files that were changed just now have no mark yet.
    let (first, second) = loop {
        let first = scene.create().await;
        let second = scene.create().await;
        if second.shared_pieces == 3 {
            break (first, second);
        }
        assert!(began.elapsed() < Duration::from_secs(120), "no segment was ever shared");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let active = second.manifest.pieces.last().unwrap();
    assert_eq!((second.copied_bytes, active.mark.as_ref()), (active.bytes, None));
    let links = |made: &Made, name: &str| fs::metadata(made.path.join("data").join(name)).unwrap().nlink();
    assert_eq!((links(&second, "facts.000004.ndjson"), links(&first, "facts.000001.ndjson") > 1), (1, true));
    // A segment that was rewritten is another file, whatever its name.
    let path = scene.path("log/facts.000002.ndjson");
    let bytes = fs::read_to_string(&path).unwrap();
    fs::write(scene.path("edited"), bytes.replace("t://4", "t://9")).unwrap();
    fs::rename(scene.path("edited"), path).unwrap();
    let third = scene.create().await;
    assert_eq!((third.shared_pieces, third.manifest.anomalies_total), (2, Some(1)));
    fs::remove_dir_all(first.path).unwrap();
    scene.must_be_sound(&second).await;
    scene.must_be_sound(&third).await;
    assert_eq!(
        scene.restore(&second, "before").await.unwrap().scan(ScanOptions::default()).await.unwrap().anomalies_total,
        0
    );
}

#[tokio::test]
async fn a_log_whose_oldest_segments_were_dropped_is_restored_as_it_is() {
    let scene = Scene::opened(6, "&max_segments=2").await;
    let before = scene.create().await;
    let facts_before = read(&scene.log).await;
    for n in 6..14 {
        scene.log.append(&facts(n..n + 1)).await.unwrap();
    }
    let made = scene.create().await;
    assert!(made.manifest.pieces.len() < 4 && made.manifest.anomalies_total == Some(0), "{:?}", made.manifest);
    let restored = scene.restore(&made, "new").await.unwrap();
    assert!(restored.scan(ScanOptions::deep()).await.unwrap().is_clean());
    assert_eq!(read(&restored).await, read(&scene.log).await);
    scene.must_be_sound(&before).await;
    assert_eq!(read(&scene.restore(&before, "older").await.unwrap()).await, facts_before);
}

#[tokio::test]
async fn a_log_that_was_compacted_is_restored_with_its_certificates() {
    let scene = Scene::with(11).await;
    let before = scene.create().await;
    let kept = Retention::all(Rule::default().with_max_records(4));
    scene.log.clone().with_retention(kept).compact().await.unwrap();
    let made = scene.create().await;
    assert_eq!((made.manifest.figures.entries, made.manifest.anomalies_total), (4, Some(0)));
    let restored = scene.restore(&made, "new").await.unwrap();
    assert!(restored.scan(ScanOptions::deep()).await.unwrap().is_clean());
    assert_eq!(read(&restored).await, read(&scene.log).await);
    scene.must_be_sound(&before).await;
    assert_eq!(read(&scene.restore(&before, "older").await.unwrap()).await.len(), 11);
}

#[tokio::test]
async fn what_is_none_of_the_log_s_files_is_left_out_and_that_is_said() {
    let scene = Scene::with(4).await;
    scene.log.close().await.unwrap();
    fs::write(scene.path("log/notes.txt"), "").unwrap();
    fs::write(scene.path("log/facts.000003.ndjson"), "{\"kind\":\"log\",\"for").unwrap();
    let made = scene.create().await;
    let said = made.manifest.left_out.join("\n");
    assert!(
        said.contains("notes.txt") && said.contains("facts.000003.ndjson: a rotation that was interrupted"),
        "{said}"
    );
    assert_eq!((made.manifest.pieces.len(), made.manifest.anomalies_total), (2, Some(0)));
    let restored = scene.restore(&made, "new").await.unwrap();
    assert_eq!(read(&restored).await.len(), 4);
}

#[tokio::test]
async fn a_missing_segment_stands_in_the_manifest() {
    let scene = Scene::with(10).await;
    scene.log.close().await.unwrap();
    fs::remove_file(scene.path("log/facts.000002.ndjson")).unwrap();
    let made = scene.create().await;
    assert_eq!((made.manifest.anomalies_total, made.manifest.figures.entries), (Some(1), 7));
    scene.must_be_sound(&made).await;
    let restored = scene.restore(&made, "new").await.unwrap();
    assert_eq!(restored.scan(ScanOptions::default()).await.unwrap().anomalies_total, 1);
    // A file that goes missing in the backup is a mismatch.
    fs::remove_file(made.path.join("data/facts.000003.ndjson")).unwrap();
    let refused = scene.restore(&made, "newer").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Mismatch);
    assert!(!scene.path("newer").exists());
}

#[tokio::test]
async fn one_file_and_many_are_restored_as_each_other() {
    let scene = Scene::with(10).await;
    let made = scene.create().await;
    let joined = scene.restore(&made, "json:joined.ndjson").await.unwrap();
    assert!(joined.scan(ScanOptions::deep()).await.unwrap().is_clean());
    assert_eq!(read(&joined).await, read(&scene.log).await);
    joined.append(&facts(10..11)).await.unwrap();
    let of_one = Scene { backups: Schemes::new().backups(scene.path("of-one")), log: joined, ..scene };
    let made = of_one.create().await;
    let split = of_one.restore(&made, "split").await.unwrap();
    assert_eq!(read(&split).await.len(), 11);
    split.append(&facts(11..15)).await.unwrap();
    assert!(split.scan(ScanOptions::deep()).await.unwrap().is_clean());
    assert!(segments(&of_one.path("split")).len() > 1);
}
