//! The arrows of docs/architecture.md: a module names only modules of its own layer and of those below.

use crate::{
    names::{Names, Path},
    source::Source,
};

/// From the lowest to the highest. `backend::*` are the modules below `backend`; `` is the crate's root.
const LAYERS: [(&str, &[&str]); 5] = [
    (
        "words",
        &[
            "address",
            "blocking",
            "clock",
            "disk",
            "error",
            "fact",
            "fates",
            "json",
            "payload",
            "place",
            "position",
            "progress",
            "quoted",
            "report",
            "retention",
            "units",
        ],
    ),
    ("contract", &["backend", "checkup", "codec", "entry_stream", "groups", "options", "part", "pieces", "shipping"]),
    ("backends", &["backend::*"]),
    // The conformance suite looks at a backend as its users do: through a `Log`.
    (
        "held",
        &[
            "backup",
            "conformance",
            "consumer",
            "document",
            "incident",
            "log",
            "metrics",
            "observe",
            "recorder",
            "startup",
            "stats",
        ],
    ),
    ("door", &["", "choice", "config", "dsn", "log_options", "nearest", "open"]),
];

/// Arrows that point up all the same: file, module, why. One that is no longer there is a finding.
const EXCEPTIONS: [(&str, &str, &str); 0] = [];

/// Every arrow that points up.
pub(crate) fn findings(sources: &[Source]) -> Vec<String> {
    check(sources, &EXCEPTIONS)
}

pub(crate) fn check(sources: &[Source], exceptions: &[(&str, &str, &str)]) -> Vec<String> {
    let names = Names::of(sources);
    let mut used = vec![false; exceptions.len()];
    let mut findings = Vec::new();
    for source in sources {
        let module = source.module();
        let Some(own) = layer(&module) else {
            findings.push(format!("{}: has no layer yet: give it one in tests/tidy/arrows.rs", source.path));
            continue;
        };
        for mention in names.mentions(source) {
            let home = names.home(&mention.path);
            // A module without a layer is a finding of its own.
            let Some(other) = layer(&home) else { continue };
            let (place, to) = (format!("{}:{}", source.path, mention.line), shown(&home));
            let excepted = exceptions.iter().position(|(file, to, _)| *file == source.path && *to == home.join("::"));
            if other > own {
                match excepted {
                    Some(exception) => used[exception] = true,
                    None => findings.push(format!(
                        "{place}: `{}` leads up from {} to {to} in {}",
                        mention.path.join("::"),
                        LAYERS[own].0,
                        LAYERS[other].0
                    )),
                }
            } else if LAYERS[own].0 == "held" && LAYERS[other].0 == "backends" && to != "backend::memory" {
                findings.push(format!("{place}: names {to}; only the door names a backend, but for the one in memory"));
            }
        }
    }
    for ((file, to, _), used) in exceptions.iter().zip(used) {
        if !used {
            findings.push(format!("{file}: the exception for {to} is no longer needed: remove it from EXCEPTIONS"));
        }
    }
    findings.dedup();
    findings
}

fn layer(module: &[String]) -> Option<usize> {
    let key = match module {
        [first, _, ..] if first == "backend" => "backend::*",
        _ => module.first().map_or("", String::as_str),
    };
    LAYERS.iter().position(|(_, modules)| modules.contains(&key))
}

fn shown(module: &Path) -> String {
    if module.is_empty() { "the crate's root".to_owned() } else { module.join("::") }
}

#[test]
fn a_planted_arrow_that_points_up_is_found() {
    let lib = Source::parse("lib.rs", "pub use log::{Log as Handle, follow::Follow}; pub use error::Error;");
    let log = Source::parse("log.rs", "use crate::Error; use crate::backend::file::FileLog; pub struct Log;");
    let planted = "//! `crate::Handle` in a comment is no arrow.\n\
        use crate::{Error, Handle};\n\
        use super::{log::{self, Log}};\n\
        fn f() -> crate::Follow { \"crate::Handle\"; crate::open() }\n\
        mod inner { use super::Local; use super::super::log; }\n\
        #[cfg(test)] mod tests { use crate::Handle; }\n";
    let sources = [
        lib,
        log,
        Source::parse("log/follow.rs", "use super::Log;"),
        Source::parse("error.rs", ""),
        Source::parse("fact.rs", planted),
        Source::parse("backend.rs", "pub use file::FileLog; pub mod file;"),
        Source::parse("backend/file/mod.rs", "use config::FileConfig; use crate::backend::Order; use super::Order;"),
        Source::parse("backend/file/config.rs", "use crate::Error;"),
        Source::parse(
            "conformance.rs",
            "#[doc(hidden)] #[macro_export] macro_rules! prove { () => { $crate::prove!() } }",
        ),
        Source::parse("novelty.rs", ""),
    ];
    let expected = [
        "log.rs:1: names backend::file; only the door names a backend, but for the one in memory",
        "fact.rs:2: `Handle` leads up from words to log in held",
        "fact.rs:3: `log` leads up from words to log in held",
        "fact.rs:3: `log::Log` leads up from words to log in held",
        "fact.rs:5: `log` leads up from words to log in held",
        "fact.rs:4: `Follow` leads up from words to log::follow in held",
        "fact.rs:4: `open` leads up from words to the crate's root in door",
        "backend.rs:1: `backend::file::FileLog` leads up from contract to backend::file in backends",
        "novelty.rs: has no layer yet: give it one in tests/tidy/arrows.rs",
        "gone.rs: the exception for log is no longer needed: remove it from EXCEPTIONS",
    ];
    assert_eq!(check(&sources, &[("gone.rs", "log", "")]), expected);
    assert_eq!(check(&sources, &[("fact.rs", "log", "planted")]).len(), expected.len() - 5);
}
