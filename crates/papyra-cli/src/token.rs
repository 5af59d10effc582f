//! The token that a service wants: from a file or the environment, never from the command line, where every process sees it.

use std::{
    ffi::OsString,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use papyra::{Error, ErrorKind};

use crate::failure::Failure;

/// Where the token may stand.
pub(crate) const VARIABLE: &str = "PAPYRA_TOKEN";
/// Where the name of its file may stand.
pub(crate) const FILE_VARIABLE: &str = "PAPYRA_TOKEN_FILE";

/// A shorter one can be guessed.
const SHORTEST: usize = 16;
/// A longer one does not fit into a header together with others.
const LONGEST: usize = 1024;

/// The token: of the file that was named, else of the environment.
pub(crate) fn find(file: Option<&Path>) -> Result<Option<String>, Failure> {
    look(file, |name| std::env::var_os(name).filter(|value| !value.is_empty()))
}

fn look(file: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<String>, Failure> {
    let file = file.map(Path::to_owned).or_else(|| variable(FILE_VARIABLE).map(PathBuf::from));
    let (token, place) = match (file, variable(VARIABLE)) {
        (Some(path), _) => (read(&path)?, format!("the token in `{}`", path.display())),
        (None, Some(value)) => (value.to_string_lossy().into_owned(), format!("the token in {VARIABLE}")),
        (None, None) => return Ok(None),
    };
    let token = token.trim();
    let wrong = |why: String| {
        let error = Error::new(ErrorKind::Config, format!("{place} {why}"));
        Err(error.with_cure("make one: head -c 32 /dev/urandom | base64 > token; chmod 600 token").into())
    };
    if !(SHORTEST..=LONGEST).contains(&token.len()) {
        return wrong(format!("has {} characters: it takes {SHORTEST} to {LONGEST}", token.len()));
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return wrong(
            "has characters that cannot stand in a header: take letters, digits and signs of ASCII".to_owned(),
        );
    }
    Ok(Some(token.to_owned()))
}

fn read(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    // A wrong path may lead to anything: no more than a token is read of it.
    let read = File::open(path).and_then(|file| file.take(2 * LONGEST as u64).read_to_string(&mut text));
    match read {
        Ok(_) => Ok(text),
        Err(error) => {
            let kind = if error.kind() == std::io::ErrorKind::PermissionDenied {
                ErrorKind::Permission
            } else {
                ErrorKind::Config
            };
            Err(Error::new(kind, format!("the token's file `{}` cannot be read", path.display()))
                .with_source(error)
                .into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_named_counts_before_the_environment() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "a-token-in-a-file-1\n").unwrap();
        let env = |name: &str| (name == VARIABLE).then(|| OsString::from("a-token-in-the-environment"));
        assert_eq!(look(Some(&path), env).unwrap().as_deref(), Some("a-token-in-a-file-1"));
        assert_eq!(look(None, env).unwrap().as_deref(), Some("a-token-in-the-environment"));
        assert_eq!(
            look(None, |name| (name == FILE_VARIABLE).then(|| path.clone().into())).unwrap().as_deref(),
            Some("a-token-in-a-file-1")
        );
        assert_eq!(look(None, |_| None).unwrap(), None);
    }

    #[test]
    fn a_token_that_is_none_is_refused_and_not_repeated() {
        for token in ["short", "", "  ", "with a space in between", "ünïcödé-ünïcödé-ünïcödé"] {
            let failure = look(None, |name| (name == VARIABLE).then(|| token.into())).unwrap_err();
            assert_eq!(failure.exit_code(), crate::exit::ExitCode::Config, "{token}");
            assert!(token.trim().is_empty() || !failure.told().unwrap().message.contains(token));
        }
        assert!(look(Some(Path::new("/nowhere/token")), |_| None).is_err());
    }
}
