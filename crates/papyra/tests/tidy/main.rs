//! The house rules that a compiler does not know. Each rule is proven on a planted breach beside it.

mod arrows;
mod crates;
mod names;
mod rules;
mod source;

use std::{fs, path::PathBuf};

use source::Source;

/// The workspace's crates: name and directory.
fn workspace() -> Vec<(String, PathBuf)> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut crates: Vec<_> = fs::read_dir(beside)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .collect();
    crates.sort();
    crates
}

fn assert_none(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn the_arrows_between_modules_point_down() {
    let src = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    assert_none(&arrows::findings(&Source::tree(&src)));
}

#[test]
fn the_arrows_between_crates_point_down() {
    let findings: Vec<String> = workspace()
        .iter()
        .flat_map(|(name, path)| crates::findings(name, &fs::read_to_string(path.join("Cargo.toml")).unwrap()))
        .collect();
    assert_none(&findings);
}

#[test]
fn every_source_file_keeps_the_house_rules() {
    let mut findings = Vec::new();
    for (name, path) in workspace() {
        for source in Source::tree(&path.join("src")) {
            let file = format!("{name}/{}", source.path);
            findings.extend(rules::everywhere(&file, &source));
            // The command line is a library too, but one that is there to print and to be a program.
            if !["papyra-bench", "papyra-cli"].contains(&name.as_str()) {
                findings.extend(rules::in_libraries(&file, &source));
            }
        }
    }
    assert_none(&findings);
}
