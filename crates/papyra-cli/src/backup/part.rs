//! What is said of the parts of a backup, of a log whose kinds live in different places.

use papyra::{Dsn, Kind, backup::PartRecord, backup::RestoredPart};

use crate::{console::Out, failure::Failure, safe};

/// Names each part and says what is in it, or why it is not there.
pub(super) fn print(parts: &[PartRecord], indent: &str, out: &mut Out) -> Result<(), Failure> {
    for part in parts {
        let what = match &part.cause {
            Some(cause) => format!("not in the backup: {}", safe::text(cause)),
            None => format!("{} entries, {} bytes", part.entries, part.bytes),
        };
        out.line(&format!("{indent}part {}: {} ({what})", words(&part.kinds), safe::text(&part.source)))?;
    }
    Ok(())
}

/// `event, audit`.
pub(super) fn words(kinds: &[Kind]) -> String {
    kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
}

/// What `papyra.toml` must say, so that the restored parts are one log again.
pub(super) fn configuration(parts: &[RestoredPart]) -> String {
    let mut text = String::new();
    for (at, part) in parts.iter().enumerate() {
        // A directory is known by the slash behind it.
        let path = std::path::absolute(&part.path).unwrap_or_else(|_| part.path.clone());
        let path = if part.backend == "rotating" { path.join("") } else { path };
        // A text in JSON is the same text in TOML.
        let address = safe::json_string(&Dsn::for_path(path).to_string());
        match at {
            0 => text.push_str(&format!("url = {address}\n")),
            _ => part
                .kinds
                .iter()
                .for_each(|kind| text.push_str(&format!("\n[kind.{}]\nurl = {address}\n", kind.as_str()))),
        }
    }
    text
}
