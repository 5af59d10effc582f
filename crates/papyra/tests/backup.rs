//! Backups of file logs: what is in them, what is found when they were changed, what a restored log is.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use papyra::{
    ErrorKind, Event, Fact, Log, ReadOptions, ScanOptions, Schemes,
    backup::{BackupDir, BackupOptions, BackupState, Made, Verified},
};

fn facts(numbers: std::ops::Range<u64>) -> Vec<Fact> {
    numbers.map(|n| Event::new(format!("t://{n}").as_str(), "E").into()).collect()
}

/// A directory with a log and backups of it.
struct Scene {
    dir: tempfile::TempDir,
    log: Log,
    backups: BackupDir,
}

impl Scene {
    async fn with(count: u64) -> Scene {
        let dir = tempfile::tempdir().unwrap();
        let log = open(&dir.path().join("facts.ndjson")).await;
        log.append(&facts(0..count)).await.unwrap();
        let backups = Schemes::new().backups(dir.path().join("backups"));
        Scene { dir, log, backups }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn source(&self) -> Vec<u8> {
        fs::read(self.path("facts.ndjson")).unwrap()
    }

    async fn create(&self) -> Made {
        self.backups.create(&self.log, &BackupOptions::default()).await.unwrap()
    }

    async fn verify(&self, name: &str) -> Verified {
        self.backups.verify(name, &BackupOptions::default()).await.unwrap()
    }

    /// The one mismatch of a backup: file and cause.
    async fn mismatch(&self, name: &str) -> (String, String) {
        let found = self.verify(name).await;
        assert_eq!(found.mismatches_total, 1, "{found:?}");
        (found.mismatches[0].file.clone(), found.mismatches[0].cause.clone())
    }

    async fn restore(&self, name: &str, target: &Path) -> papyra::Result<Log> {
        let target = open(target).await;
        self.backups.restore(name, &target, &BackupOptions::default()).await?;
        Ok(target)
    }
}

async fn open(path: &Path) -> Log {
    papyra::open(&format!("json:{}?lock_timeout=0s", path.display())).await.unwrap()
}

async fn read(log: &Log) -> Vec<String> {
    let entries = log.read(ReadOptions::oldest_first()).collect().await.unwrap();
    entries.iter().map(|entry| format!("{} {}", entry.position, entry.fact.to_json())).collect()
}

#[tokio::test]
async fn a_backup_beside_a_writer_is_the_log_byte_for_byte_and_the_writer_goes_on() {
    let scene = Scene::with(5).await;
    let made = scene.create().await;
    assert_eq!(fs::read(made.path.join("data/facts.ndjson")).unwrap(), scene.source());
    let manifest = &made.manifest;
    assert_eq!((manifest.figures.entries, manifest.pieces.len(), manifest.anomalies_total), (5, 1, Some(0)));
    assert_eq!(manifest.source, format!("json:{}", scene.path("facts.ndjson").display()));
    assert_eq!((manifest.bytes, made.copied_bytes), (scene.source().len() as u64, manifest.bytes));
    let (first, last) = manifest.pieces[0].figures.positions.unwrap();
    assert_eq!((first.seq(), last.seq(), manifest.format), (Some(1), Some(5), Some(1)));
    assert!(scene.verify(&made.name).await.is_sound());
    scene.log.append(&facts(5..6)).await.unwrap();
    assert!(scene.verify(&made.name).await.is_sound());
    let second = scene.create().await;
    let listed = scene.backups.list().await.unwrap();
    assert_eq!(listed.iter().map(|one| &one.name).collect::<Vec<_>>(), [&made.name, &second.name]);
    assert!(listed.iter().all(|one| one.state == BackupState::Complete));
    assert!(made.name.ends_with(manifest.log_id.as_deref().unwrap()));
}

#[tokio::test]
async fn everything_in_a_backup_belongs_to_its_owner_alone() {
    let scene = Scene::with(1).await;
    let made = scene.create().await;
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!([scene.path("backups"), made.path.clone(), made.path.join("data")].map(mode), [0o700; 3]);
    assert_eq!(["manifest.json", "data/facts.ndjson"].map(|name| mode(made.path.join(name))), [0o600; 2]);
}

#[tokio::test]
async fn a_restored_log_is_another_log_with_the_same_facts_and_goes_on() {
    let scene = Scene::with(7).await;
    let made = scene.create().await;
    let target = scene.path("new/restored.ndjson");
    let restored = scene.restore(&made.name, &target).await.unwrap();
    assert_eq!(read(&restored).await, read(&scene.log).await);
    assert!(restored.scan(ScanOptions::deep()).await.unwrap().is_clean());
    assert_eq!(fs::read_dir(scene.path("new")).unwrap().count(), 1, "no lock files, nothing left over");
    let lines = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect::<Vec<_>>();
    let (old, new) = (lines(scene.source()), lines(fs::read(&target).unwrap()));
    assert_ne!(old[0], new[0]);
    assert!(!new[0].contains(made.manifest.log_id.as_deref().unwrap()));
    assert_eq!(old[1..], new[1..]);
    let appended = restored.append(&facts(7..8)).await.unwrap();
    assert_eq!(appended.positions[0].seq(), Some(8));
    assert!(restored.scan(ScanOptions::deep()).await.unwrap().is_clean());
    // Backed up in its turn, it is nobody else's.
    let again = scene.backups.create(&restored, &BackupOptions::default()).await.unwrap();
    assert_ne!(again.manifest.log_id, made.manifest.log_id);
}

#[tokio::test]
async fn a_compacted_log_is_restored_with_its_certificate() {
    let scene = Scene::with(9).await;
    let rule = papyra::Rule::default().with_max_records(4);
    scene.log.clone().with_retention(papyra::Retention::all(rule)).compact().await.unwrap();
    let made = scene.create().await;
    let target = scene.path("restored.ndjson");
    let restored = scene.restore(&made.name, &target).await.unwrap();
    assert_eq!(read(&restored).await, read(&scene.log).await);
    let log = fs::read_to_string(&target).unwrap();
    let (kept, _) = log.split_at(log[..log.len() - 1].rfind('\n').unwrap() + 1);
    fs::write(&target, kept).unwrap();
    assert_eq!(restored.scan(ScanOptions::default()).await.unwrap().anomalies_total, 1, "the loss of a line is found");
}

#[tokio::test]
async fn a_torn_tail_is_left_out_and_that_is_said() {
    let scene = Scene::with(3).await;
    scene.log.close().await.unwrap();
    let whole = scene.source();
    OpenOptions::new().append(true).open(scene.path("facts.ndjson")).unwrap().write_all(b"{\"kind\":\"eve").unwrap();
    let torn = scene.source();
    let made = scene.create().await;
    assert_eq!(fs::read(made.path.join("data/facts.ndjson")).unwrap(), whole);
    assert_eq!(scene.source(), torn, "the log is left as it is");
    let [said] = made.manifest.left_out.as_slice() else { panic!("{made:?}") };
    assert!(said.starts_with("facts.ndjson: 12 bytes") && said.contains("torn tail"), "{said}");
    assert!(scene.verify(&made.name).await.is_sound());
}

#[tokio::test]
async fn a_fact_that_lost_only_its_newline_is_in_the_backup() {
    let scene = Scene::with(3).await;
    scene.log.close().await.unwrap();
    let whole = scene.source();
    for instead in [&b""[..], b"\x0b"] {
        fs::write(scene.path("facts.ndjson"), [&whole[..whole.len() - 1], instead].concat()).unwrap();
        let made = scene.create().await;
        assert_eq!(fs::read(made.path.join("data/facts.ndjson")).unwrap(), whole);
        assert_eq!((made.manifest.figures.entries, made.manifest.pieces[0].figures.entries), (3, 3));
        assert_eq!(made.manifest.figures, made.manifest.pieces[0].figures);
        assert!(scene.verify(&made.name).await.is_sound());
    }
}

#[tokio::test]
async fn legacy_logs_are_backed_up_and_restored_as_they_are() {
    let legacy = include_bytes!("vectors/legacy-python.ndjson");
    let scene = Scene::with(0).await;
    scene.log.close().await.unwrap();
    for end in [legacy.len(), legacy.len() - 1] {
        fs::write(scene.path("facts.ndjson"), &legacy[..end]).unwrap();
        let made = scene.create().await;
        assert_eq!(fs::read(made.path.join("data/facts.ndjson")).unwrap(), legacy);
        assert_eq!(made.manifest.figures, made.manifest.pieces[0].figures);
        assert_eq!((made.manifest.log_id.as_deref(), made.manifest.format), (None, None));
        assert!(made.name.ends_with("_no-id") && scene.verify(&made.name).await.is_sound());
        let target = scene.path(&format!("restored-{end}.ndjson"));
        scene.restore(&made.name, &target).await.unwrap();
        assert_eq!(fs::read(&target).unwrap(), legacy);
    }
}

#[tokio::test]
async fn a_damaged_log_is_backed_up_as_it_is_and_its_damage_is_no_mismatch() {
    let scene = Scene::with(4).await;
    scene.log.close().await.unwrap();
    let damaged = String::from_utf8(scene.source()).unwrap().replace("t://2", "t://9").into_bytes();
    fs::write(scene.path("facts.ndjson"), &damaged).unwrap();
    let made = scene.create().await;
    assert_eq!(fs::read(made.path.join("data/facts.ndjson")).unwrap(), damaged);
    assert_eq!((made.manifest.anomalies_total, made.manifest.figures.entries), (Some(1), 3));
    assert_eq!(made.manifest.anomalies[0].path, Path::new("facts.ndjson"));
    let verified = scene.verify(&made.name).await;
    assert!(verified.is_sound() && verified.anomalies_total == Some(1));
    let restored = scene.restore(&made.name, &scene.path("restored.ndjson")).await.unwrap();
    assert_eq!(restored.scan(ScanOptions::default()).await.unwrap().anomalies_total, 1);
    assert_eq!(read(&restored).await.len(), 3);
}

#[tokio::test]
async fn every_change_of_a_backup_is_found_and_named() {
    let scene = Scene::with(3).await;
    let made = scene.create().await;
    let piece = made.path.join("data/facts.ndjson");
    let (bytes, manifest) = (fs::read(&piece).unwrap(), fs::read(made.path.join("manifest.json")).unwrap());
    let named = |file: &str, cause: &str, found: (String, String)| {
        assert!(found.0 == file && found.1.contains(cause), "{file} {cause}: {found:?}");
    };
    for at in [0, bytes.len() / 2, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        fs::write(&piece, changed).unwrap();
        named("data/facts.ndjson", "checksum", scene.mismatch(&made.name).await);
    }
    fs::write(&piece, &bytes[..bytes.len() - 1]).unwrap();
    named("data/facts.ndjson", "bytes, the manifest says", scene.mismatch(&made.name).await);
    fs::remove_file(&piece).unwrap();
    named("data/facts.ndjson", "missing", scene.mismatch(&made.name).await);
    symlink("/etc/hostname", &piece).unwrap();
    named("data/facts.ndjson", "regular", scene.mismatch(&made.name).await);
    fs::remove_file(&piece).unwrap();
    fs::create_dir(&piece).unwrap();
    named("data/facts.ndjson", "regular", scene.mismatch(&made.name).await);
    fs::remove_dir(&piece).unwrap();
    fs::write(&piece, &bytes).unwrap();
    for name in ["data/facts.ndjson", "manifest.json"] {
        // Opening one to read would wait for ever.
        fs::rename(made.path.join(name), made.path.join("data/aside")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(made.path.join(name)).status().unwrap().success());
        let found = scene.verify(&made.name).await;
        assert!(found.mismatches.iter().any(|one| one.file == name && one.cause.contains("regular")), "{found:?}");
        fs::rename(made.path.join("data/aside"), made.path.join(name)).unwrap();
    }
    for stranger in ["data/facts.ndjson.lock", "notes.txt"] {
        fs::write(made.path.join(stranger), "").unwrap();
        named(stranger, "not in the manifest", scene.mismatch(&made.name).await);
        fs::remove_file(made.path.join(stranger)).unwrap();
    }
    let text = String::from_utf8(manifest.clone()).unwrap();
    for changed in [text.replace("\"entries\": 3", "\"entries\": 4"), text[..40].to_owned(), String::new()] {
        fs::write(made.path.join("manifest.json"), changed).unwrap();
        let found = scene.mismatch(&made.name).await;
        assert_eq!(found.0, "manifest.json");
        let refused = scene.restore(&made.name, &scene.path("restored.ndjson")).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Mismatch);
    }
    fs::remove_file(made.path.join("manifest.json")).unwrap();
    named("manifest.json", "missing", scene.mismatch(&made.name).await);
    assert_eq!(scene.backups.list().await.unwrap()[0].state, BackupState::Damaged);
    fs::write(made.path.join("manifest.json"), manifest).unwrap();
    assert!(scene.verify(&made.name).await.is_sound());
    assert!(!scene.path("restored.ndjson").exists());
}

#[tokio::test]
async fn restoring_replaces_nothing() {
    let scene = Scene::with(3).await;
    let made = scene.create().await;
    fs::create_dir(scene.path("directory")).unwrap();
    symlink("nowhere", scene.path("link")).unwrap();
    fs::write(scene.path("orphan.ndjson.0123456789abcdef.papyra-tmp"), "").unwrap();
    for name in ["facts.ndjson", "link", "orphan.ndjson"] {
        let refused = scene.restore(&made.name, &scene.path(name)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Create, "{name}: {refused}");
        assert!(refused.cure().is_some());
    }
    // Where nothing can be made it is not a log that is missing.
    for path in [Path::new("/proc/self/new.ndjson"), &scene.path("facts.ndjson/new.ndjson")] {
        let refused = scene.restore(&made.name, path).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Create, "{}: {refused}", path.display());
    }
    // The service still writes, though somebody moved its file away.
    fs::rename(scene.path("facts.ndjson"), scene.path("moved.ndjson")).unwrap();
    let refused = scene.restore(&made.name, &scene.path("facts.ndjson")).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Locked, "{refused}");
    assert!(!scene.path("facts.ndjson").exists());
}

#[tokio::test]
async fn what_is_not_there_or_not_offered_is_said_and_leaves_nothing() {
    let scene = Scene::with(1).await;
    let options = BackupOptions::default();
    let memory = Log::memory();
    assert_eq!(scene.backups.create(&memory, &options).await.unwrap_err().kind(), ErrorKind::Unsupported);
    let missing = open(&scene.path("missing.ndjson")).await;
    assert_eq!(scene.backups.create(&missing, &options).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs::read_dir(scene.path("backups")).unwrap().count(), 0);
    for name in ["nothing", "../backups", ""] {
        let found = scene.backups.verify(name, &options).await;
        assert!(found.is_err() || !found.unwrap().is_sound(), "{name}");
    }
    let inside = Schemes::new().backups(scene.path("facts.ndjson/backups"));
    assert_eq!(inside.create(&scene.log, &options).await.unwrap_err().kind(), ErrorKind::Create);
}

#[tokio::test]
async fn the_order_of_backups_is_that_in_which_they_were_made_whatever_their_folders_are_called() {
    let scene = Scene::with(1).await;
    let first = scene.create().await;
    fs::rename(&first.path, scene.path("backups/zzz")).unwrap();
    let second = scene.create().await;
    fs::rename(&second.path, scene.path("backups/aaa")).unwrap();
    let third = scene.create().await;
    let names: Vec<_> = scene.backups.list().await.unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["zzz".to_owned(), "aaa".to_owned(), third.name]);
}

#[tokio::test]
async fn an_unfinished_backup_is_named_as_such_and_cleared_away_by_the_next() {
    let scene = Scene::with(2).await;
    let left = scene.path("backups/2026-01-01T000000.000Z_no-id.incomplete");
    fs::create_dir_all(left.join("data")).unwrap();
    fs::write(left.join("data/facts.ndjson"), "half").unwrap();
    let listed = scene.backups.list().await.unwrap();
    assert_eq!((listed.len(), listed[0].state), (1, BackupState::Incomplete));
    let made = scene.create().await;
    let names: Vec<_> = scene.backups.list().await.unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(names, [made.name]);
}

#[tokio::test]
async fn several_backups_at_once_do_not_disturb_each_other() {
    let scene = Scene::with(20).await;
    let other = open(&scene.path("other.ndjson")).await;
    other.append(&facts(0..3)).await.unwrap();
    let options = BackupOptions::default();
    let (a, b) = tokio::join!(scene.backups.create(&scene.log, &options), async {
        scene.backups.create(&other, &options).await
    });
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!((a.manifest.figures.entries, b.manifest.figures.entries), (20, 3));
    let names = [a.name.clone(), b.name];
    let verified = scene.backups.verify_all(&names, &options).await.unwrap();
    assert!(verified.iter().all(Verified::is_sound));
    assert_eq!(scene.backups.list().await.unwrap().len(), 2);
    assert!(fs::metadata(a.path.join("data/facts.ndjson")).unwrap().nlink() == 1);
}
