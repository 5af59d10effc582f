//! `papyra.toml`: keys and values, with their lines.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use toml::de::{DeTable, DeValue};

use super::{Origin, environment, names, setting::Said, sources::Sources};
use crate::{Error, ErrorKind, Result, nearest::nearest, quoted::quoted};

/// No sensible configuration is longer, in bytes.
const MAX_LENGTH: u64 = 1 << 20;

/// Reads the file that counts, if there is one.
pub(super) fn read(sources: &Sources, warnings: &mut Vec<String>) -> Result<Option<(PathBuf, Vec<Said>)>> {
    if let Some(path) = sources.file.clone().or_else(|| environment::config_file(sources)) {
        let text = text_of(&path)?.ok_or_else(|| {
            Error::new(ErrorKind::Config, format!("the configuration file `{}` does not exist", path.display()))
                .with_cure("correct --config or PAPYRA_CONFIG")
        })?;
        let said = parse(&path, &text)?;
        return Ok(Some((path, said)));
    }
    let here = sources.directory.as_ref().map(|directory| directory.join("papyra.toml"));
    let user = sources.user_file.then(|| environment::user_file(sources)).flatten();
    for path in [here, user.clone(), sources.system_file.clone()].into_iter().flatten() {
        let text = match text_of(&path) {
            // Under another user's id (`su`, a container) the home may still be that of somebody who lets nobody look.
            Err(error) if error.kind() == ErrorKind::Permission && user.as_ref() == Some(&path) => {
                warnings.push(format!("{error}, and went on without it"));
                None
            }
            text => text?,
        };
        if let Some(text) = text {
            let said = parse(&path, &text)?;
            return Ok(Some((path, said)));
        }
    }
    Ok(None)
}

/// The text of a file; `None` if there is no such file.
fn text_of(path: &Path) -> Result<Option<String>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_LENGTH + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) => {}
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(Error::io("read the configuration file", path, error)),
    }
    let wrong = |what: &str| Error::new(ErrorKind::Config, format!("`{}` {what}", path.display()));
    if bytes.len() as u64 > MAX_LENGTH {
        return Err(wrong("is too long for a configuration file (more than 1MiB)").with_cure("name another file"));
    }
    String::from_utf8(bytes).map(Some).map_err(|_| wrong("is not UTF-8").with_cure("save it as UTF-8"))
}

/// The values in a file, in its own order.
fn parse(path: &Path, text: &str) -> Result<Vec<Said>> {
    // The parser's own display repeats the line, in which a password may stand; its message does not.
    let document = DeTable::parse(text).map_err(|error| {
        let line = line_of(text, error.span().map_or(0, |span| span.start));
        Error::new(ErrorKind::Config, format!("`{}`, line {line}: {}", path.display(), error.message()))
            .with_cure("write it as TOML: `key = \"text\"` under `[table]`")
    })?;
    let mut found = Vec::new();
    flatten(document.get_ref(), "", &mut found);
    found.sort_by_key(|(_, at, _)| *at);
    let said = found.into_iter().map(|(name, at, value)| said(path, line_of(text, at), &name, value));
    said.filter_map(Result::transpose).collect()
}

/// All values under dotted names. An empty table stands for itself, so that its name is checked too.
fn flatten<'a>(table: &'a DeTable<'_>, prefix: &str, found: &mut Vec<(String, usize, &'a DeValue<'a>)>) {
    for (key, value) in table {
        let name = format!("{prefix}{}", key.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) if !inner.is_empty() => flatten(inner, &format!("{name}."), found),
            other => found.push((name, key.span().start, other)),
        }
    }
}

fn said(path: &Path, line: usize, name: &str, value: &DeValue<'_>) -> Result<Option<Said>> {
    let place = || format!("in `{}`, line {line}", path.display());
    let Some(known) = names::find(name) else {
        let is_group = value.is_table() && names::all().any(|known| known.starts_with(&format!("{name}.")));
        return if is_group { Ok(None) } else { Err(unknown(name, &place())) };
    };
    let value = match value {
        DeValue::String(text) => text.as_ref().to_owned(),
        DeValue::Integer(number) if names::takes_number(known) => {
            let digits = i128::from_str_radix(number.as_str(), number.radix());
            digits.map_or_else(|_| number.to_string(), |number| number.to_string())
        }
        other => {
            let kind = other.type_str();
            let cure =
                if names::takes_number(known) { "a text in quotes or a whole number" } else { "a text in quotes" };
            return Err(Error::new(ErrorKind::Config, format!("`{known}` {}: the value is of type {kind}", place()))
                .with_cure(format!("write {cure}")));
        }
    };
    let origin = Origin::File { path: path.to_owned(), line };
    Ok(Some(Said { name: known, value: value.into(), origin }))
}

/// A key that nobody knows, with the nearest that somebody does.
pub(super) fn unknown(name: &str, place: &str) -> Error {
    let error = |meant: String| Error::new(ErrorKind::Config, format!("unknown key {} {place}{meant}", quoted(name)));
    match nearest(name, names::all()) {
        Some(known) => error(format!(", did you mean `{known}`?")).with_cure(format!("write `{known}`, or remove it")),
        None => error(String::new())
            .with_cure(format!("remove it; known are {}", names::all().collect::<Vec<_>>().join(", "))),
    }
}

/// The line, from 1, of a byte of the text.
fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count()
}
