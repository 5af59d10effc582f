//! The manifest of a backup: what is in it, and how that is known. It carries its own checksum.

use std::{
    collections::HashSet,
    io::{self, Read, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::{Anomaly, Error, ErrorKind, Figures, Kind, Result, disk};

/// The file that makes a folder a backup.
pub(super) const MANIFEST: &str = "manifest.json";
/// The folder beside it that holds the pieces.
pub(super) const DATA: &str = "data";
/// What this version writes.
const SCHEMA: &str = "papyra.backup/1";
/// A longer manifest is no manifest of ours: ten thousand files take 4 MiB.
const MAX_BYTES: u64 = 64 << 20;
/// How many findings stand in a manifest; the others are counted.
const MAX_ANOMALIES: usize = 1_000;
/// What stands behind the last member that the checksum covers.
const SEAL: &str = ",\n  \"blake3\": \"";
const SEAL_END: &str = "\"\n}\n";
const HEX: usize = 2 * blake3::OUT_LEN;

/// What is in a backup.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Manifest {
    /// The version of this form: `papyra.backup/1`.
    pub schema: String,
    /// When the backup was begun, in seconds since 1970.
    pub created: f64,
    /// The version of Papyra that made it.
    pub papyra: String,
    /// The name of the log's backend.
    pub backend: String,
    /// Where the log was, without any password.
    pub source: String,
    /// The log's format, where it has one.
    pub format: Option<u64>,
    /// The log's identity, where it has one.
    pub log_id: Option<String>,
    /// Bytes of all pieces together.
    pub bytes: u64,
    /// What is in all pieces together.
    #[serde(flatten)]
    pub figures: Figures,
    /// How many findings a scan of the copy had; `None` if nobody could look.
    pub anomalies_total: Option<u64>,
    /// The first of them.
    #[serde(skip_deserializing)]
    pub anomalies: Vec<Anomaly>,
    /// What was left out on purpose.
    pub left_out: Vec<String>,
    /// The pieces, in the order of the log.
    pub pieces: Vec<PieceRecord>,
    /// The parts of a log whose kinds live in different places: each a backup in a folder of its own, instead of pieces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartRecord>,
}

/// One piece of a backup: a file below `data`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PieceRecord {
    /// The file's name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// The BLAKE3 checksum of its bytes, in hexadecimal digits.
    pub blake3: String,
    /// What is in it.
    #[serde(flatten)]
    pub figures: Figures,
    /// By what its source is known again, if that never changes any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
}

/// One part of a backup: a folder that is a backup itself, of the place where these kinds live.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PartRecord {
    /// The folder's name: the first of the kinds.
    pub name: String,
    /// The kinds of facts that live there.
    #[serde(with = "words")]
    pub kinds: Vec<Kind>,
    /// Where they live, without any password.
    pub source: String,
    /// Bytes of its pieces.
    pub bytes: u64,
    /// Sound facts in it.
    pub entries: u64,
    /// The checksum that its manifest carries; `None` if the part is not in the backup.
    pub manifest: Option<String>,
    /// Why it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// Kinds stand in JSON as the words that logs use.
pub(super) mod words {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    use crate::Kind;

    pub(crate) fn serialize<S: Serializer>(kinds: &[Kind], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(kinds.iter().map(|kind| kind.as_str()))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Kind>, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        let kind = |word: &String| Kind::from_word(word).ok_or_else(|| D::Error::custom("an unknown kind of facts"));
        words.iter().map(kind).collect()
    }
}

/// A manifest as it stands in a file, and the checksum that it carries.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sealed {
    pub(super) manifest: Manifest,
    pub(super) sum: String,
}

impl Manifest {
    pub(super) fn new(backend: &str) -> Self {
        let papyra = env!("CARGO_PKG_VERSION").to_owned();
        Manifest { schema: SCHEMA.to_owned(), papyra, backend: backend.to_owned(), ..Manifest::default() }
    }

    pub(super) fn find(&mut self, anomalies_total: u64, mut anomalies: Vec<Anomaly>) {
        anomalies.truncate(MAX_ANOMALIES);
        (self.anomalies_total, self.anomalies) = (Some(anomalies_total), anomalies);
    }

    /// The text of the file, with its checksum as the last member, and that checksum.
    pub(super) fn to_text(&self) -> Result<(String, String)> {
        let internal = || Error::new(ErrorKind::Internal, "the manifest cannot be written as JSON");
        let mut text = serde_json::to_string_pretty(self).map_err(|error| internal().with_source(error))?;
        text.truncate(text.trim_end_matches(['\n', '}']).len());
        let sum = blake3::hash(text.as_bytes()).to_string();
        text.push_str(SEAL);
        text.push_str(&sum);
        text.push_str(SEAL_END);
        if text.len() as u64 > MAX_BYTES {
            let message = format!("a backup of {} pieces would have too long a manifest", self.pieces.len());
            return Err(Error::new(ErrorKind::Refused, message).with_cure("compact the log, or use larger segments"));
        }
        Ok((text, sum))
    }

    /// Writes it into the folder of a backup, whose pieces are there already, and makes the folder durable. Gives the checksum
    /// that it carries.
    pub(super) fn write(&self, folder: &Path) -> Result<String> {
        let path = folder.join(MANIFEST);
        let (text, sum) = self.to_text()?;
        let written = disk::create_file(&path).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(|error| Error::io("write", &path, error))?;
        let data = folder.join(DATA);
        let sync = |folder: &Path| disk::sync_directory(folder).map_err(|error| Error::io("sync", folder, error));
        if self.parts.is_empty() {
            sync(&data)?;
        }
        sync(folder).map(|()| sum)
    }

    /// Reads the manifest of a backup's folder. Nothing in it is believed before its checksum was found right, and nothing
    /// that leads out of the folder even then.
    ///
    /// # Errors
    /// `Mismatch` if it is not what was written; what the system says if it cannot be read.
    pub(super) fn read(folder: &Path) -> Result<Manifest> {
        Manifest::read_sealed(folder).map(|sealed| sealed.manifest)
    }

    /// The same, with the checksum that it carries.
    pub(super) fn read_sealed(folder: &Path) -> Result<Sealed> {
        let path = folder.join(MANIFEST);
        let mismatch = |why: &str| {
            Error::new(ErrorKind::Mismatch, format!("`{}`: {why}", path.display()))
                .with_cure("do not use this backup; take another one")
        };
        let file = disk::open_file(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => mismatch("it is missing"),
            io::ErrorKind::PermissionDenied => Error::io("open", &path, error),
            _ => mismatch("it is not a regular file"),
        })?;
        let mut text = String::new();
        match file.take(MAX_BYTES + 1).read_to_string(&mut text) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(mismatch("it is not text")),
            // A block that the disk cannot give back any more is what one verifies for.
            Err(error) => return Err(mismatch(&format!("it cannot be read: {error}"))),
            Ok(_) => {}
        }
        if text.len() as u64 > MAX_BYTES {
            return Err(mismatch("it is too long"));
        }
        Manifest::parse(&text).map_err(|why| mismatch(&why))
    }

    fn parse(text: &str) -> std::result::Result<Sealed, String> {
        let sealed = text.strip_suffix(SEAL_END).and_then(|text| {
            let (before, sum) = text.split_at_checked(text.len().checked_sub(HEX)?)?;
            Some((before.strip_suffix(SEAL)?, sum))
        });
        let (body, sum) = sealed.ok_or("it does not end in its checksum")?;
        if blake3::hash(body.as_bytes()).to_hex().as_str() != sum {
            return Err("its checksum is wrong: it was changed".to_owned());
        }
        let json = format!("{body}\n}}");
        #[derive(Deserialize)]
        struct Version {
            schema: String,
        }
        let unreadable = |error: serde_json::Error| format!("it cannot be read: {error}");
        let version: Version = serde_json::from_str(&json).map_err(unreadable)?;
        if version.schema != SCHEMA {
            return Err(format!("it has the form {:?}, and this version knows {SCHEMA}", version.schema));
        }
        let manifest: Manifest = serde_json::from_str(&json).map_err(unreadable)?;
        let mut names = HashSet::new();
        let pieces = manifest.pieces.iter().map(|piece| (&piece.name, piece.bytes));
        let parts = manifest.parts.iter().map(|part| (&part.name, part.bytes));
        let mut bytes = Some(0_u64);
        for (name, own) in pieces.chain(parts) {
            if !disk::is_plain_name(name) {
                return Err(format!("the name {name:?} is no plain name of a file"));
            }
            if !names.insert(name) {
                return Err(format!("the name {name:?} stands in it twice"));
            }
            bytes = bytes.and_then(|bytes| bytes.checked_add(own));
        }
        if bytes != Some(manifest.bytes) {
            return Err("its sizes do not come to their sum".to_owned());
        }
        if !manifest.parts.is_empty() && !manifest.pieces.is_empty() {
            return Err("it has parts and pieces".to_owned());
        }
        Ok(Sealed { sum: sum.to_owned(), manifest })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::AnomalyKind;

    pub(crate) fn sample() -> Manifest {
        let piece = |name: &str, bytes| PieceRecord {
            name: name.to_owned(),
            bytes,
            blake3: blake3::hash(b"x").to_string(),
            figures: Figures::default(),
            mark: None,
        };
        let mut manifest = Manifest::new("json");
        manifest.pieces = vec![piece("a.ndjson", 3), piece("b.ndjson", 4)];
        manifest.bytes = 7;
        manifest.created = 1_700_000_000.25;
        manifest
    }

    #[test]
    fn what_was_written_is_read_again() {
        let mut manifest = sample();
        manifest.find(2, vec![Anomaly::new(AnomalyKind::CorruptedLine, "a.ndjson", "why")]);
        let (text, sum) = manifest.to_text().unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&json["schema"], &json["anomalies"][0]["kind"]), (&SCHEMA.into(), &"CORRUPTED_LINE".into()));
        manifest.anomalies.clear();
        assert_eq!(Manifest::parse(&text).unwrap(), Sealed { manifest, sum });
    }

    #[test]
    fn no_bit_of_a_manifest_can_be_changed() {
        let text = sample().to_text().unwrap().0;
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let read = String::from_utf8(bytes).map_err(|_| String::new()).and_then(|text| Manifest::parse(&text));
                assert!(read.is_err(), "bit {bit} of byte {at}");
            }
        }
        for end in 0..text.len() {
            assert!(Manifest::parse(&text[..end]).is_err(), "cut at {end}");
        }
        assert!(Manifest::parse(&(text + "\n")).is_err());
    }

    #[test]
    fn hostile_manifests_are_refused_though_their_checksum_is_right() {
        type Change = fn(&mut Manifest);
        let part = |name: &str| PartRecord {
            name: name.to_owned(),
            kinds: vec![Kind::Audit],
            source: String::new(),
            bytes: 0,
            entries: 0,
            manifest: None,
            cause: None,
        };
        let hostile: [(&str, Change); 9] = [
            ("plain name", |m| m.pieces[0].name = "/etc/passwd".to_owned()),
            ("plain name", |m| m.pieces[0].name = "../a.ndjson".to_owned()),
            ("plain name", |m| m.pieces[0].name = "..".to_owned()),
            ("plain name", |m| m.pieces[0].name = "a/b".to_owned()),
            ("plain name", |m| m.pieces[0].name = String::new()),
            ("plain name", |m| m.pieces[0].name = "a\u{1b}[2J".to_owned()),
            ("twice", |m| m.pieces[1].name = m.pieces[0].name.clone()),
            ("sum", |m| (m.pieces[0].bytes, m.pieces[1].bytes) = (u64::MAX, 8)),
            ("knows", |m| m.schema = "papyra.backup/2".to_owned()),
        ];
        for (why, change) in hostile {
            let mut manifest = sample();
            change(&mut manifest);
            let refused = Manifest::parse(&manifest.to_text().unwrap().0).unwrap_err();
            assert!(refused.contains(why) && !refused.contains('\u{1b}'), "{refused}");
        }
        for (why, parts) in
            [("plain name", [part("..")].as_slice()), ("twice", &[part("a"), part("a")]), ("parts and", &[part("a")])]
        {
            let mut manifest = sample();
            manifest.parts = parts.to_vec();
            let refused = Manifest::parse(&manifest.to_text().unwrap().0).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }
}
