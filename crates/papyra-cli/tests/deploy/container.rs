//! The container file.

use std::path::Path;

use crate::read;

/// Instructions, each with its arguments.
type Instructions = Vec<(String, String)>;

/// Those of the last stage, and all of them.
fn instructions() -> (Instructions, Instructions) {
    let text = read("container/Containerfile");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let all: Instructions = lines
        .map(|line| line.split_once(' ').map(|(word, rest)| (word.to_owned(), rest.to_owned())).unwrap())
        .collect();
    let last = all.iter().rposition(|(word, _)| word == "FROM").unwrap();
    (all[last..].to_vec(), all)
}

#[test]
fn the_image_holds_nothing_but_the_program_and_runs_as_nobody() {
    let (last, all) = instructions();
    let of =
        |word: &str| last.iter().filter(|(name, _)| name == word).map(|(_, rest)| rest.as_str()).collect::<Vec<_>>();
    assert_eq!(of("FROM"), ["scratch"]);
    assert_eq!(of("ENTRYPOINT"), [r#"["papyra"]"#]);
    let user: u32 = of("USER")[0].split_once(':').unwrap().0.parse().unwrap();
    assert_ne!(user, 0);
    assert!(of("RUN").is_empty(), "there is no shell in it");
    // The program is copied from where it is built to where the path leads.
    assert_eq!(of("ENV"), ["PATH=/usr/local/bin"]);
    assert!(of("COPY").contains(&"--from=build /src/target/release/papyra /usr/local/bin/papyra"), "{last:?}");
    let build = "cargo build --locked --release --package papyra-cli --bin papyra";
    assert!(all.contains(&("RUN".to_owned(), build.to_owned())), "{all:?}");
}

#[test]
fn the_toolchain_is_that_of_the_workspace_and_what_is_built_here_stays_out() {
    let (_, all) = instructions();
    // The newest 1.x, which is not older than what `Cargo.toml` asks for.
    assert_eq!(all[0], ("FROM".to_owned(), "rust:1-alpine AS build".to_owned()));
    let ignored = read("container/Containerfile.dockerignore");
    assert!(ignored.lines().any(|line| line == "target"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    assert!(root.join("Cargo.lock").is_file(), "--locked needs it");
}
