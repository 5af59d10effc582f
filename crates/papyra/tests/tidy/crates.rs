//! The arrows between the crates of the workspace: down only, read from their manifests.

/// From the lowest to the highest: adapters know the library, programs know both.
const RANKS: [&[&str]; 3] = [
    &["papyra", "papyra-kameo-macros"],
    &["papyra-http", "papyra-kameo", "papyra-otel", "papyra-ractor"],
    &["papyra-bench", "papyra-cli"],
];

/// Every dependency of a crate, given by name and manifest, that does not point down.
pub(crate) fn findings(name: &str, manifest: &str) -> Vec<String> {
    let Some(own) = rank(name) else {
        return vec![format!("{name}: has no rank yet: give it one in tests/tidy/crates.rs")];
    };
    let (mut findings, mut section) = (Vec::new(), "");
    for line in manifest.lines().map(str::trim) {
        let mut dependency = None;
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']');
            // `[dependencies.papyra]` names the dependency in the header.
            dependency = section.split_once("dependencies.").map(|(_, name)| name);
        } else if section.ends_with("dependencies") {
            dependency = line.split(['.', '=', ' ']).next();
        }
        let Some(other) = dependency.filter(|other| other.starts_with("papyra")) else { continue };
        // A crate may name itself to turn its own features on for its tests.
        let itself = other == name && section.starts_with("dev-");
        if !itself && rank(other).is_none_or(|other| other >= own) {
            findings.push(format!("{name}: its [{section}] names {other}, which is not below it"));
        }
    }
    findings
}

fn rank(name: &str) -> Option<usize> {
    RANKS.iter().position(|names| names.contains(&name))
}

#[test]
fn a_planted_dependency_that_points_up_is_found() {
    let fine =
        "[dependencies]\npapyra.workspace = true\ntokio = \"1\"\n[dev-dependencies]\npapyra = { path = \".\" }\n";
    assert!(findings("papyra-cli", fine).is_empty());
    assert_eq!(findings("papyra", fine), ["papyra: its [dependencies] names papyra, which is not below it"]);
    for planted in [
        "[dependencies]\npapyra-cli = { path = \"../papyra-cli\" }",
        "[dev-dependencies]\npapyra-cli.workspace = true",
        "[target.'cfg(unix)'.dependencies]\npapyra-cli = \"1\"",
        "[dependencies.papyra-kameo]\nversion = \"1\"",
    ] {
        assert_eq!(findings("papyra-ractor", planted).len(), 1, "{planted}");
    }
    assert_eq!(findings("papyra-novelty", "").len(), 1);
}
