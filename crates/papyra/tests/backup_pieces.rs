//! What keeps the pieces of a backup, with a backend that has no files of its own.

use std::{
    fs,
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use papyra::{
    Appended, Backend, Backups, Copied, Error, ErrorKind, Fact, Figures, Log, Piece, PieceSink, Restored, Result,
    ScanReport, Schemes, Stored,
    backup::{BackupDir, BackupOptions, Made},
};

/// Pieces with their bytes; one without bytes is where the copying fails.
type Shelf = Arc<Mutex<Vec<(Piece, Option<&'static str>)>>>;

#[derive(Clone, Debug, Default)]
struct Shelved(Shelf, Arc<Mutex<Vec<String>>>);

#[async_trait]
impl Backend for Shelved {
    fn name(&self) -> &'static str {
        "shelf"
    }

    async fn append(&self, _: &[Fact]) -> Result<Appended> {
        Ok(Appended::default())
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }

    fn backups(&self) -> Option<&dyn Backups> {
        Some(self)
    }
}

#[async_trait]
impl Backups for Shelved {
    async fn copy(&self, mut sink: Box<dyn PieceSink>) -> Result<Copied> {
        let mut copied = Copied::from("shelf:top");
        copied.log_id = Some("top".to_owned());
        for (piece, bytes) in self.0.lock().unwrap().iter() {
            // One that was begun in vain and went away.
            assert!(sink.begin(&Piece::new("passing"))?);
            sink.write(b"half")?;
            if !sink.begin(piece)? {
                copied.pieces.push(piece.name.clone());
                continue;
            }
            let bytes = bytes.ok_or_else(|| Error::new(ErrorKind::Unavailable, "the shelf broke"))?;
            sink.write(b"begun in vain")?;
            assert!(sink.begin(piece)?);
            bytes.as_bytes().chunks(2).try_for_each(|chunk| sink.write(chunk))?;
            sink.end(Figures::default())?;
            copied.pieces.push(piece.name.clone());
        }
        Ok(copied)
    }

    async fn restore(&self, from: Stored) -> Result<Restored> {
        assert_eq!((from.backend.as_str(), from.log_id.as_deref()), ("shelf", Some("top")));
        for piece in &from.pieces {
            let mut text = String::new();
            from.open(piece)?.read_to_string(&mut text).unwrap();
            self.1.lock().unwrap().push(text);
        }
        Ok(Restored::new(None, ScanReport::default()))
    }
}

struct Scene {
    dir: tempfile::TempDir,
    shelf: Shelved,
    backups: BackupDir,
}

impl Scene {
    fn with(pieces: Vec<(Piece, Option<&'static str>)>) -> Scene {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelved(Arc::new(Mutex::new(pieces)), Arc::default());
        let backups = Schemes::new().backups(dir.path());
        Scene { dir, shelf, backups }
    }

    async fn create(&self) -> Result<Made> {
        self.backups.create(&Log::new(self.shelf.clone()), &BackupOptions::default()).await
    }

    async fn is_sound(&self, made: &Made) -> bool {
        self.backups.verify(&made.name, &BackupOptions::default()).await.unwrap().is_sound()
    }
}

fn marked(name: &str, mark: &str) -> Piece {
    Piece::new(name).with_mark(mark)
}

fn links(made: &Made, name: &str) -> u64 {
    fs::metadata(made.path.join("data").join(name)).unwrap().nlink()
}

#[tokio::test]
async fn pieces_come_back_as_they_were_given() {
    let scene = Scene::with(vec![(marked("a", "1"), Some("alpha")), (Piece::new("b"), Some("beta"))]);
    let made = scene.create().await.unwrap();
    assert_eq!((made.copied_bytes, made.manifest.bytes, made.manifest.anomalies_total), (9, 9, None));
    let files = fs::read_dir(made.path.join("data")).unwrap().count();
    assert_eq!(files, 2, "what was begun and not named is no piece");
    let verified = scene.backups.verify(&made.name, &BackupOptions::default()).await.unwrap();
    assert!(verified.is_sound() && !verified.facts_checked);
    let log = Log::new(scene.shelf.clone());
    scene.backups.restore(&made.name, &log, &BackupOptions::default()).await.unwrap();
    assert_eq!(*scene.shelf.1.lock().unwrap(), ["alpha", "beta"]);
}

#[tokio::test]
async fn a_piece_that_never_changes_is_shared_and_outlives_the_older_backup() {
    let scene = Scene::with(vec![(marked("a", "1"), Some("alpha")), (Piece::new("b"), Some("beta"))]);
    let first = scene.create().await.unwrap();
    scene.shelf.0.lock().unwrap()[1].1 = Some("beta and more");
    // The bytes of the shared piece are not asked for at all.
    scene.shelf.0.lock().unwrap()[0].1 = None;
    let second = scene.create().await.unwrap();
    assert_eq!((second.shared_pieces, second.copied_bytes, second.manifest.bytes), (1, 13, 18));
    assert_eq!((links(&second, "a"), links(&second, "b")), (2, 1));
    assert_eq!(second.manifest.pieces[0], first.manifest.pieces[0]);
    fs::remove_dir_all(&first.path).unwrap();
    assert!(scene.is_sound(&second).await);
    let third = scene.create().await.unwrap();
    assert!(third.shared_pieces == 1 && scene.is_sound(&third).await);
}

#[tokio::test]
async fn another_mark_another_length_or_another_log_is_copied() {
    let scene = Scene::with(vec![(marked("a", "1"), Some("alpha"))]);
    scene.create().await.unwrap();
    for piece in [marked("a", "2"), marked("a", "1").with_bytes(4), marked("c", "1"), Piece::new("a")] {
        *scene.shelf.0.lock().unwrap() = vec![(piece, Some("four"))];
        let made = scene.create().await.unwrap();
        assert_eq!((made.shared_pieces, made.copied_bytes), (0, 4));
        assert!(scene.is_sound(&made).await);
        fs::remove_dir_all(made.path).unwrap();
    }
}

#[tokio::test]
async fn damage_of_an_earlier_backup_does_not_spread() {
    let scene = Scene::with(vec![(marked("a", "1"), Some("alpha"))]);
    let first = scene.create().await.unwrap();
    for damaged in [Some("alphA"), Some("alp"), None] {
        match damaged {
            Some(bytes) => fs::write(first.path.join("data/a"), bytes).unwrap(),
            None => fs::remove_file(first.path.join("data/a")).unwrap(),
        }
        let made = scene.create().await.unwrap();
        assert_eq!((made.shared_pieces, links(&made, "a")), (0, 1));
        assert!(made.notes.len() == 1 && made.notes[0].contains(&first.name), "{:?}", made.notes);
        assert!(scene.is_sound(&made).await && !scene.is_sound(&first).await);
        fs::remove_dir_all(made.path).unwrap();
    }
}

#[tokio::test]
async fn a_copy_that_fails_leaves_nothing_and_names_that_lead_elsewhere_are_refused() {
    let outside = "../outside";
    for (piece, kind) in [
        (Piece::new("a"), ErrorKind::Unavailable),
        (Piece::new(outside), ErrorKind::Internal),
        (Piece::new("/tmp/x"), ErrorKind::Internal),
        (Piece::new("manifest.json/x"), ErrorKind::Internal),
        (Piece::new("a").with_bytes(99), ErrorKind::Internal),
    ] {
        let bytes = if kind == ErrorKind::Unavailable { None } else { Some("bytes") };
        let scene = Scene::with(vec![(piece, bytes)]);
        assert_eq!(scene.create().await.unwrap_err().kind(), kind);
        assert_eq!(fs::read_dir(scene.dir.path()).unwrap().count(), 0);
    }
}
