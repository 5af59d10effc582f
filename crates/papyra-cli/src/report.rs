//! Reports as JSON documents, and as files.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use papyra::{Error, ErrorKind, Kind, config::Config};
use serde::Serialize;

use crate::{
    args::Output,
    console::Out,
    exit::ExitCode,
    failure::{Failure, Told},
    safe,
    session::Session,
};

/// The report as one line of JSON that names its schema and its verdict.
pub(crate) fn document<T: Serialize>(schema: &str, exit: ExitCode, report: &T) -> Result<String, Failure> {
    Ok(papyra::document::report(schema, exit.code(), report)?)
}

/// A value as one line of JSON.
pub(crate) fn object<T: Serialize>(value: &T) -> Result<String, Failure> {
    let json = serde_json::to_string(value)
        .map_err(|error| Error::new(ErrorKind::Internal, "the report cannot be written as JSON").with_source(error))?;
    Ok(safe::json(&json).into_owned())
}

/// What a failed command says where a report was to stand.
#[derive(Serialize)]
struct Failed {
    error: FailedWith,
}

#[derive(Serialize)]
struct FailedWith {
    message: String,
    causes: Vec<String>,
    cure: Option<String>,
}

const FAILED: &str = "papyra.error/1";

/// A failure as a document, for whoever asked for JSON and must get some; `None` if nothing is to be said.
pub(crate) fn of_failure(failure: &Failure) -> Option<String> {
    let Told { message, causes, cure } = failure.told()?;
    document(FAILED, failure.exit_code(), &Failed { error: FailedWith { message, causes, cure } }).ok()
}

/// Delivers the report of a command that came to this verdict: into the file that was asked for, and to stdout as JSON or
/// as `print` words it. Gives the code to end with.
pub(crate) fn deliver<T: Serialize>(
    session: &mut Session,
    schema: &str,
    verdict: ExitCode,
    report: &T,
    file: Option<&Path>,
    print: impl FnOnce(&mut Out) -> Result<(), Failure>,
) -> Result<ExitCode, Failure> {
    // The file first: it is wanted even if nobody reads the output to its end.
    let reported = match file {
        Some(path) => document(schema, verdict, report).and_then(|json| write(path, &json)),
        None => Ok(()),
    };
    let printed = match session.output() {
        Some(Output::Json | Output::Ndjson) => {
            document(schema, verdict, report).and_then(|json| session.out.line(&json))
        }
        Some(Output::Table) | None => print(&mut session.out),
    };
    let printed = printed.and_then(|()| session.out.flush());
    // A gate must not open because the findings could not be printed, or nobody read them.
    for failure in [reported, printed].into_iter().filter_map(Result::err) {
        if verdict == ExitCode::Done {
            return Err(failure);
        }
        session.notes.failure(&failure);
    }
    Ok(verdict)
}

/// Makes sure that a report can be written there, and not over the log, before a command changes anything that it would
/// have to report.
pub(crate) fn must_be_possible(path: Option<&Path>, settings: &Config) -> Result<(), Failure> {
    let Some(path) = path else { return Ok(()) };
    let kinds = Kind::KNOWN.into_iter().filter_map(|kind| settings.kind_url(kind));
    let mut logs =
        settings.url().into_iter().chain(kinds).filter_map(|url| fs::canonicalize(url.value.path().ok()?).ok());
    if let Ok(report) = fs::canonicalize(path)
        && logs.any(|log| log == report)
    {
        return Err(Failure::Usage {
            message: format!("the report would replace the log `{}`", path.display()),
            cure: Some("name another file for the report".to_owned()),
        });
    }
    must_be_creatable(Some(path))
}

/// The same for a command that touches no log.
pub(crate) fn must_be_creatable(path: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = path else { return Ok(()) };
    let tried = match fs::metadata(path) {
        Ok(there) if !there.is_file() => OpenOptions::new().write(true).open(path).map(drop),
        _ => temporary(path).and_then(|temporary| create(&temporary).and_then(|_| fs::remove_file(temporary))),
    };
    tried.map_err(|error| failed(path, error))
}

/// Writes a report into a file that only its owner can read. An older report is replaced whole, so that nobody ever reads
/// half of one; what is no regular file (`/dev/stderr`, a pipe) is written to.
pub(crate) fn write(path: &Path, json: &str) -> Result<(), Failure> {
    let written = match fs::metadata(path) {
        Ok(there) if !there.is_file() => OpenOptions::new().write(true).open(path).and_then(|file| fill(file, json)),
        _ => replace(path, json),
    };
    written.map_err(|error| failed(path, error))
}

fn failed(path: &Path, error: io::Error) -> Failure {
    // A directory that is not there is not a log that is not there.
    let kind = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => ErrorKind::Create,
        _ => Error::io("write", path, io::Error::from(error.kind())).kind(),
    };
    Error::new(kind, format!("cannot write the report `{}`", path.display())).with_source(error).into()
}

fn replace(path: &Path, json: &str) -> io::Result<()> {
    let temporary = temporary(path)?;
    let written = create(&temporary).and_then(|file| fill(file, json)).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // It may not even exist; the first error is the one that counts.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn fill(mut file: File, json: &str) -> io::Result<()> {
    file.write_all(json.as_bytes())?;
    file.write_all(b"\n")
}

fn temporary(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::IsADirectory))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.tmp", std::process::id()));
    Ok(path.with_file_name(hidden))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_replaces_the_older_one_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.json");
        fs::write(&path, "a much longer report of yesterday").unwrap();
        write(&path, "{}").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}\n");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions()) & 0o777, 0o600);
    }

    #[test]
    fn a_report_that_cannot_be_created_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let failure = write(&dir.path().join("missing/report.json"), "{}").unwrap_err();
        assert_eq!(failure.exit_code(), ExitCode::CannotCreate);
        assert!(write(dir.path(), "{}").is_err());
        let settings = Config::default();
        let refused = must_be_possible(Some(&dir.path().join("missing/report.json")), &settings).unwrap_err();
        assert_eq!(refused.exit_code(), ExitCode::CannotCreate);
        must_be_possible(Some(&dir.path().join("report.json")), &settings).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
