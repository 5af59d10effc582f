//! The files in `deploy/` are what they claim to be: their commands run, their metrics exist, their syntax is that of whoever
//! reads them.

mod commands;
mod container;
mod kubernetes;
mod metrics;
mod systemd;
mod tool;

use std::{
    fs,
    path::{Path, PathBuf},
};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(name)
}

#[track_caller]
fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every file below `deploy/`, by its path from there.
fn files() -> Vec<String> {
    let root = path("");
    let (mut files, mut directories) = (Vec::new(), vec![root.clone()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                files.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}

#[test]
fn the_page_names_every_file_and_no_other() {
    let page = read("README.md");
    let links = page.split("](").skip(1).map(|rest| rest.split_once(')').unwrap().0);
    let mut named: Vec<&str> = links.filter(|link| !link.starts_with("..")).collect();
    named.sort_unstable();
    let mut there = files();
    // What belongs to another file has no line of its own.
    there.retain(|file| file != "README.md" && !file.ends_with(".dockerignore"));
    assert_eq!(named, there);
}
