//! How hard it is tried, and what becomes of a test whose tools are absent.

use std::{path::Path, time::Duration};

/// Whatever a test waits for comes sooner, or never.
pub(crate) const HANG: Duration = Duration::from_secs(120);

/// Whether the long proof was asked for (`scripts/prove --long`).
pub(crate) fn is_long() -> bool {
    std::env::var_os("PAPYRA_PROVE_LONG").is_some_and(|value| value == "1")
}

/// The count for every change, or that of the long proof.
pub(crate) fn count<T>(usual: T, long: T) -> T {
    if is_long() { long } else { usual }
}

/// Says loudly that a test proves nothing here, and why. Where nothing may be skipped, that is a failure.
#[track_caller]
pub(crate) fn skip(why: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    assert!(
        std::env::var_os("PAPYRA_REQUIRE_ALL").is_none_or(|value| value != "1"),
        "{name} may not be skipped: {why}"
    );
    eprintln!("\n!!!! SKIPPED, NOT PASSED: {name}: {why} !!!!\n");
}

/// The path of a tool of the system.
pub(crate) fn tool(name: &str) -> Option<String> {
    ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"]
        .iter()
        .map(|directory| format!("{directory}/{name}"))
        .find(|path| Path::new(path).exists())
}

/// Whether we may mount.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}
