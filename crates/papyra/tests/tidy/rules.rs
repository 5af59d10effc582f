//! The house rules that a look at one file can check.

use crate::source::{Source, Token};

/// A longer file holds two concepts.
const MAX_LINES: usize = 450;

/// Files that are longer all the same, and how long they may be.
const LONG_FILES: [(&str, usize); 0] = [];

/// The only file that asks the system what time it is.
const CLOCK: &str = "papyra/clock.rs";

/// Each `expect` of the library whose panic nothing outside the process can cause: file and message.
const EXPECTS: [(&str, &str); 1] = [("papyra/codec.rs", "the encoder writes UTF-8")];

/// What holds in every crate. A file is called `crate/path`.
pub(crate) fn everywhere(file: &str, source: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    let is_tests = source.path.ends_with("tests.rs");
    if !is_tests && !source.text.starts_with("//! ") {
        findings.push(format!("{file}:1: begins with a `//!` line that says what the file is"));
    }
    let lines = source.text.lines().count() - source.test_lines;
    let limit = LONG_FILES.iter().find(|(long, _)| *long == file).map_or(MAX_LINES, |(_, limit)| *limit);
    if !is_tests && lines > limit {
        findings.push(format!("{file}: has {lines} lines without its tests, the limit is {limit}: two concepts?"));
    }
    for asks in [&["SystemTime", "::", "now"], &["Zoned", "::", "now"]] {
        if file != CLOCK {
            findings.extend(found(source, asks).map(|line| format!("{file}:{line}: only clock.rs asks for the time")));
        }
    }
    findings
}

/// What holds in the crates that run inside other people's programs: they never print, and nothing makes them panic.
pub(crate) fn in_libraries(file: &str, source: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    // The conformance suite runs in tests only: to panic and to print is how it speaks.
    if file.starts_with("papyra/conformance") {
        return findings;
    }
    for name in ["print", "println", "eprint", "eprintln", "dbg"] {
        findings.extend(found(source, &[name, "!"]).map(|line| format!("{file}:{line}: a library never prints")));
    }
    for name in ["stdout", "stderr"] {
        findings.extend(found(source, &[name, "("]).map(|line| format!("{file}:{line}: a library never prints")));
    }
    for name in ["unwrap", "unwrap_err", "expect_err"] {
        findings.extend(found(source, &[".", name, "("]).map(|line| format!("{file}:{line}: `{name}` may panic")));
    }
    for (at, line) in places(source, &[".", "expect", "("]) {
        let message = source.tokens.get(at + 3).map_or("", |token| token.text.trim_matches('"'));
        if !EXPECTS.contains(&(file, message)) {
            findings.push(format!(
                "{file}:{line}: `expect` may panic: return an error; if nothing outside can cause it, list it in EXPECTS"
            ));
        }
    }
    findings
}

fn found(source: &Source, words: &[&str]) -> impl Iterator<Item = usize> {
    places(source, words).into_iter().map(|(_, line)| line)
}

fn places(source: &Source, words: &[&str]) -> Vec<(usize, usize)> {
    let same = |tokens: &[Token]| tokens.iter().zip(words).all(|(token, word)| token.text == *word);
    let windows = source.tokens.windows(words.len()).enumerate();
    windows.filter(|(_, tokens)| same(tokens)).map(|(at, tokens)| (at, tokens[0].line)).collect()
}

#[test]
fn a_planted_breach_of_each_rule_is_found() {
    let planted = "// no doc\n\
        fn f() { println!(\"{:?}\", std::time::SystemTime::now()); }\n\
        fn g() { std::fs::read(\"x\").unwrap(); std::fs::read(\"x\").expect(\"is there\"); }\n\
        fn h() { x.unwrap_or_default(); s.expect(\"the encoder writes UTF-8\"); std::io::stderr().flush(); }\n\
        /// `println!(\"in a comment\")`, and \".unwrap()\" in a string\n\
        #[cfg(test)]\nmod tests {\n    fn t() { dbg!(x.unwrap()); }\n}\n";
    let source = Source::parse("codec.rs", planted);
    assert_eq!(
        everywhere("papyra/codec.rs", &source),
        [
            "papyra/codec.rs:1: begins with a `//!` line that says what the file is",
            "papyra/codec.rs:2: only clock.rs asks for the time",
        ]
    );
    let places: Vec<String> = in_libraries("papyra/codec.rs", &source)
        .iter()
        .map(|finding| finding.splitn(4, [':', ' ']).take(2).collect::<Vec<_>>().join(":"))
        .collect();
    assert_eq!(places, ["papyra/codec.rs:2", "papyra/codec.rs:4", "papyra/codec.rs:3", "papyra/codec.rs:3"]);
    assert!(everywhere("papyra/clock.rs", &Source::parse("clock.rs", "//! a\nSystemTime::now();")).is_empty());
}

#[test]
fn a_file_is_measured_without_its_tests() {
    let code = "//! Long.\n".to_owned() + &"fn f() {}\n".repeat(MAX_LINES - 1);
    let tests = "#[cfg(test)]\nmod tests {\n".to_owned() + &"fn t() {}\n".repeat(300) + "}\n";
    assert!(everywhere("papyra/x.rs", &Source::parse("x.rs", &(code.clone() + &tests))).is_empty());
    assert_eq!(everywhere("papyra/x.rs", &Source::parse("x.rs", &(code + "fn g() {}\n" + &tests))).len(), 1);
}
