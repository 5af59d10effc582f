//! A report with the name of its schema and its verdict.

use serde::Serialize;

use super::safe;
use crate::{Error, ErrorKind, Result};

#[derive(Serialize)]
struct Document<'a, T> {
    schema: &'a str,
    ok: bool,
    exit: u8,
    #[serde(flatten)]
    report: &'a T,
}

/// The report as one line of JSON that names its schema and its verdict: how a command ends that comes to it.
///
/// # Errors
/// `Internal` if the report cannot be written as a JSON object.
pub fn report<T: Serialize>(schema: &str, exit: u8, report: &T) -> Result<String> {
    let document = Document { schema, ok: exit == 0, exit, report };
    let json = serde_json::to_string(&document)
        .map_err(|error| Error::new(ErrorKind::Internal, "the report cannot be written as JSON").with_source(error))?;
    Ok(safe::json(&json).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_its_schema_and_its_verdict_and_is_harmless() {
        let told = std::collections::BTreeMap::from([("what", "a\u{9b}b")]);
        let json = report("papyra.test/1", 2, &told).unwrap();
        assert_eq!(json, r#"{"schema":"papyra.test/1","ok":false,"exit":2,"what":"a\u009bb"}"#);
        assert_eq!(report("papyra.test/1", 0, &7).unwrap_err().kind(), ErrorKind::Internal);
    }
}
