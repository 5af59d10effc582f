//! Values in messages: shown if they are harmless, never if a password may stand in them.

/// The longest value that is worth showing, in bytes.
const MAX: usize = 40;

/// A value between backticks for a message, or "this value".
///
/// A wrong value may be a whole address with its password, pasted into the wrong place, or hold control characters:
/// only what looks like a word, a number or a duration is shown.
pub(crate) fn quoted(value: &str) -> String {
    if is_harmless(value) { format!("`{value}`") } else { "this value".to_owned() }
}

/// Whether a value looks like a word, a number or a duration.
pub(crate) fn is_harmless(value: &str) -> bool {
    let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | ' ');
    value.len() <= MAX && value.chars().all(harmless)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_values_are_shown() {
        assert_eq!(quoted("10 m"), "`10 m`");
        for value in ["redis://:s3cret@host", "30s;password=s3cret", "a\u{1b}[2J", "a\nb", &"a".repeat(41)] {
            assert_eq!(quoted(value), "this value");
        }
    }
}
