//! Backups of a log whose kinds live in different places.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use papyra::{
    Audit, DeadLetter, ErrorKind, Event, Fact, Kind, Log, ReadOptions, Schemes,
    backup::{BackupDir, BackupOptions, BackupState, Made, RestoredPart},
};

struct Scene {
    dir: tempfile::TempDir,
    log: Log,
    backups: BackupDir,
}

/// A fact of each kind for each number.
fn facts(numbers: std::ops::Range<u64>) -> Vec<Fact> {
    let of = |n: u64| -> [Fact; 3] {
        [
            Event::new(format!("t://{n}").as_str(), "E").into(),
            Audit::new("t").into(),
            DeadLetter::new(format!("t://{n}").as_str(), "M").into(),
        ]
    };
    numbers.flat_map(of).collect()
}

async fn open(url: &str) -> Log {
    papyra::open(&format!("{url}{}lock_timeout=0s", if url.contains('?') { "&" } else { "?" })).await.unwrap()
}

async fn read(log: &Log) -> Vec<String> {
    let entries = log.read(ReadOptions::oldest_first()).collect().await.unwrap();
    entries.iter().map(|entry| format!("{} {}", entry.position, entry.fact.to_json())).collect()
}

/// Events and dead letters in a directory of segments, audits in a file.
async fn hybrid(directory: &Path) -> Log {
    let rest = open(&format!("rotating:{}?segment_records=4", directory.join("log").display())).await;
    let audits = open(&format!("json:{}", directory.join("audits.ndjson").display())).await;
    rest.with_kind(Kind::Audit, &audits)
}

impl Scene {
    async fn with(count: u64) -> Scene {
        let dir = tempfile::tempdir().unwrap();
        let log = hybrid(dir.path()).await;
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

    async fn mismatches(&self, made: &Made) -> Vec<String> {
        let verified = self.backups.verify(&made.name, &BackupOptions::default()).await.unwrap();
        assert_eq!(verified.mismatches.len() as u64, verified.mismatches_total);
        assert_eq!(verified.is_sound(), verified.mismatches.is_empty());
        verified.mismatches.iter().map(|one| format!("{}: {}", one.file, one.cause)).collect()
    }

    async fn restore(&self, made: &Made, to: &str) -> papyra::Result<Vec<RestoredPart>> {
        self.backups.restore_parts(&made.name, self.path(to), &BackupOptions::default()).await
    }
}

/// What was made of the parts, as one log again.
async fn opened(parts: &[RestoredPart]) -> Log {
    let mut log: Option<Log> = None;
    for part in parts {
        let own = open(&format!("{}:{}", part.backend, part.path.display())).await;
        log = Some(match log {
            None => own,
            Some(log) => part.kinds.iter().fold(log, |log, kind| log.with_kind(*kind, &own)),
        });
    }
    log.unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_log_of_parts_is_one_backup_and_is_restored_as_a_whole() {
    let scene = Scene::with(5).await;
    let made = scene.create().await;
    let manifest = &made.manifest;
    assert_eq!(
        (manifest.backend.as_str(), manifest.figures.entries, manifest.anomalies_total),
        ("hybrid", 15, Some(0))
    );
    assert_eq!((manifest.figures.positions, manifest.pieces.len()), (None, 0), "each part counts for itself");
    let parts: Vec<_> = manifest.parts.iter().map(|part| (part.name.as_str(), &*part.kinds, part.entries)).collect();
    assert_eq!(parts, [("event", &[Kind::Event, Kind::DeadLetter][..], 10), ("audit", &[Kind::Audit], 5)]);
    assert_eq!(manifest.parts.iter().map(|part| part.bytes).sum::<u64>(), manifest.bytes);
    assert_eq!(names(&made.path), ["audit", "event", "manifest.json"]);
    assert_eq!(names(&made.path.join("audit")), ["data", "manifest.json"]);
    assert_eq!(scene.mismatches(&made).await, [""; 0]);
    let listed = scene.backups.list().await.unwrap();
    assert_eq!((listed.len(), listed[0].state, listed[0].parts.len()), (1, BackupState::Complete, 2));
    assert_eq!(scene.backups.manifest(&made.name).await.unwrap().parts, manifest.parts);

    let before = read(&scene.log).await;
    let restored = scene.restore(&made, "deep/restored").await.unwrap();
    let places: Vec<_> = restored.iter().map(|part| part.path.clone()).collect();
    assert_eq!(places, [scene.path("deep/restored/event"), scene.path("deep/restored/audit.ndjson")]);
    assert!(restored.iter().all(|part| part.scan.is_clean() && part.log_id.is_some()), "{restored:?}");
    assert_eq!(restored[0].scan.log, format!("rotating:{}", places[0].display()));
    assert_eq!(names(&scene.path("deep")), ["restored"]);
    assert_eq!(names(&scene.path("deep/restored")), ["audit.ndjson", "event"]);
    let log = opened(&restored).await;
    assert_eq!(read(&log).await, before);
    log.append(&facts(5..6)).await.unwrap();
    assert!(log.scan(papyra::ScanOptions::deep()).await.unwrap().is_clean());
}

#[tokio::test]
async fn one_part_is_a_backup_of_its_own() {
    let scene = Scene::with(3).await;
    let made = scene.create().await;
    let within = Schemes::new().backups(&made.path);
    assert!(within.verify("audit", &BackupOptions::default()).await.unwrap().is_sound());
    let new = open(&format!("json:{}", scene.path("new.ndjson").display())).await;
    within.restore("audit", &new, &BackupOptions::default()).await.unwrap();
    assert_eq!(read(&new).await, read(scene.log.for_kind(Kind::Audit)).await);
    // The whole fits into no one log, and a part is no whole.
    let refused = scene.backups.restore(&made.name, &new, &BackupOptions::default()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config);
    let refused = within.restore_parts("audit", scene.path("x"), &BackupOptions::default()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config);
    assert!(!scene.path("x").exists());
}

#[tokio::test]
async fn sealed_files_of_a_part_are_shared_with_the_last_backup() {
    let scene = Scene::with(6).await;
    let first = scene.create().await;
    let began = Instant::now();
    // What was changed just now is copied once more.
    let second = loop {
        let next = scene.create().await;
        if next.shared_pieces > 0 {
            break next;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "nothing is shared");
        std::thread::sleep(Duration::from_millis(200));
    };
    assert!(second.copied_bytes < first.copied_bytes);
    assert_eq!(scene.mismatches(&second).await, [""; 0]);
    fs::remove_dir_all(&first.path).unwrap();
    assert_eq!(scene.mismatches(&second).await, [""; 0]);
    assert_eq!(opened(&scene.restore(&second, "new").await.unwrap()).await.parts().count(), 2);
}

#[tokio::test]
async fn whatever_differs_is_named_with_its_part_and_is_not_restored() {
    let scene = Scene::with(3).await;
    let made = scene.create().await;
    let other = scene.create().await;
    type Change = fn(&Path, &Path);
    let changes: [(&str, Change); 6] = [
        ("audit/data/audits.ndjson: its checksum", |at, _| {
            let path = at.join("audit/data/audits.ndjson");
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(path, bytes).unwrap();
        }),
        ("audit/manifest.json", |at, _| fs::write(at.join("audit/manifest.json"), "{}").unwrap()),
        ("audit: it is missing", |at, _| fs::remove_dir_all(at.join("audit")).unwrap()),
        ("stranger: it is not in the manifest", |at, _| fs::create_dir(at.join("stranger")).unwrap()),
        ("event/x: it is not in the manifest", |at, _| fs::write(at.join("event/x"), "x").unwrap()),
        // Sound in itself, and of another time.
        ("audit/manifest.json: it belongs to another backup", |at, other| {
            fs::remove_dir_all(at.join("audit")).unwrap();
            fs::create_dir_all(at.join("audit/data")).unwrap();
            for name in ["audit/manifest.json", "audit/data/audits.ndjson"] {
                fs::copy(other.join(name), at.join(name)).unwrap();
            }
        }),
    ];
    for (at, (expected, change)) in changes.into_iter().enumerate() {
        let copy = scene.path("backups").join(format!("copy{at}"));
        let copied = std::process::Command::new("cp").arg("-r").args([&made.path, &copy]).status().unwrap();
        assert!(copied.success());
        let mut made = made.clone();
        made.name = format!("copy{at}");
        assert_eq!(scene.mismatches(&made).await, [""; 0]);
        change(&copy, &other.path);
        let found = scene.mismatches(&made).await;
        assert!(found.iter().any(|one| one.contains(expected)), "{expected}: {found:?}");
        let refused = scene.restore(&made, "new").await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Mismatch, "{expected}");
        assert!(!scene.path("new").exists() && !scene.path(".new.papyra-restore").exists());
    }
}

#[tokio::test]
async fn what_is_there_is_never_replaced() {
    let scene = Scene::with(2).await;
    let made = scene.create().await;
    fs::write(scene.path("file"), "mine").unwrap();
    for place in ["file", "log", "backups"] {
        let refused = scene.restore(&made, place).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Create, "{place}");
    }
    fs::create_dir(scene.path("empty")).unwrap();
    // What a killed restoring left is cleared away.
    fs::create_dir_all(scene.path(".empty.papyra-restore/event")).unwrap();
    fs::write(scene.path(".empty.papyra-restore/event/facts.000001.ndjson"), "half").unwrap();
    scene.restore(&made, "empty").await.unwrap();
    assert_eq!(names(&scene.path("empty")), ["audit.ndjson", "event"]);
    assert!(!scene.path(".empty.papyra-restore").exists());
    assert_eq!(fs::read(scene.path("file")).unwrap(), b"mine");
}

#[tokio::test]
async fn a_part_that_cannot_be_backed_up_is_left_out_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let backups = Schemes::new().backups(dir.path().join("backups"));
    let options = BackupOptions::default();
    let events = open(&format!("json:{}", dir.path().join("facts.ndjson").display())).await;
    let letters = open(&format!("json:{}", dir.path().join("letters.ndjson").display())).await;
    let log = events.with_kind(Kind::Audit, &Log::memory()).with_kind(Kind::DeadLetter, &letters);
    let nothing = backups.create(&log, &options).await.unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::NotFound, "{nothing}");
    assert_eq!(names(&dir.path().join("backups")), [""; 0], "nothing that looks like a backup is left");
    log.append(&facts(0..2)[..2]).await.unwrap();
    let made = backups.create(&log, &options).await.unwrap();
    let causes: Vec<_> = made.manifest.parts.iter().map(|part| (part.name.as_str(), part.cause.is_some())).collect();
    assert_eq!(causes, [("event", false), ("audit", true), ("dead_letter", true)]);
    assert_eq!(made.manifest.left_out.len(), 2, "{:?}", made.manifest.left_out);
    assert!(backups.verify(&made.name, &options).await.unwrap().is_sound());
    let restored = backups.restore_parts(&made.name, dir.path().join("new"), &options).await.unwrap();
    assert_eq!((restored.len(), restored[0].name.as_str()), (1, "event"));
}

#[tokio::test]
async fn if_one_part_fails_there_is_no_backup() {
    let scene = Scene::with(2).await;
    let lock = scene.path("audits.ndjson.maint.lock");
    let held = fs::File::options().create(true).truncate(false).write(true).open(lock).unwrap();
    held.try_lock().unwrap();
    let refused = scene.backups.create(&scene.log, &BackupOptions::default()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Locked);
    assert_eq!(names(&scene.path("backups")), [""; 0]);
}

#[tokio::test]
async fn a_damaged_part_is_backed_up_as_it_is() {
    let scene = Scene::with(3).await;
    let path = scene.path("audits.ndjson");
    let text = fs::read_to_string(&path).unwrap().replacen("\"seq\":2", "\"seq\":8", 1);
    fs::write(&path, text).unwrap();
    let made = scene.create().await;
    assert!(made.manifest.anomalies_total.is_some_and(|found| found > 0));
    assert_eq!(scene.mismatches(&made).await, [""; 0]);
    let restored = scene.restore(&made, "new").await.unwrap();
    let audits = restored.iter().find(|part| part.name == "audit").unwrap();
    assert!(audits.scan.anomalies.iter().all(|anomaly| anomaly.path == audits.path), "{:?}", audits.scan.anomalies);
    assert_eq!(audits.scan.anomalies_total, made.manifest.anomalies_total.unwrap());
}
