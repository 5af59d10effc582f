//! Text from a log is data: nothing of it may steer a terminal, reorder a line or begin a new one.
//!
//! Everything that was not written by ourselves goes through here before it is printed, in every form of output and in
//! error messages too.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
};

/// Whether a character must never reach an output raw: controls (C0, DEL, C1), what turns the direction of writing, and
/// the line ends that only Unicode knows.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{2028}' | '\u{2029}')
        || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Text for a line of plain text: unsafe characters become `\u{1b}`.
pub fn text(raw: &str) -> Cow<'_, str> {
    escape(raw, |out, c| write!(out, "\\u{{{:x}}}", c as u32))
}

/// A compact JSON text: unsafe characters, which can only stand inside its strings, become `\u001b`. The value stays the same.
pub fn json(raw: &str) -> Cow<'_, str> {
    // All of them lie in the basic plane, so that one code unit is enough.
    escape(raw, |out, c| write!(out, "\\u{:04x}", c as u32))
}

/// A string as a JSON string.
pub fn json_string(raw: &str) -> String {
    json(&serde_json::Value::from(raw).to_string()).into_owned()
}

fn escape(raw: &str, one: impl Fn(&mut String, char) -> fmt::Result) -> Cow<'_, str> {
    let Some(first) = raw.find(is_unsafe) else { return Cow::Borrowed(raw) };
    let mut out = String::with_capacity(raw.len() + 16);
    out.push_str(&raw[..first]);
    for c in raw[first..].chars() {
        if is_unsafe(c) {
            // Writing to memory cannot fail.
            let _ = one(&mut out, c);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rule a second time, from the numbers of the requirement.
    fn forbidden(c: char) -> bool {
        matches!(c as u32, 0..=0x1F | 0x7F..=0x9F | 0x61C | 0x200E..=0x200F | 0x2028..=0x202E | 0x2066..=0x2069)
    }

    #[test]
    fn no_code_point_passes_raw_that_is_forbidden_and_all_others_pass() {
        for c in '\0'..=char::MAX {
            let raw = c.to_string();
            for escaped in [text(&raw), json(&raw)] {
                assert!(!escaped.contains(forbidden), "U+{:04X}", c as u32);
                assert_eq!(escaped == raw, !forbidden(c), "U+{:04X}", c as u32);
            }
        }
    }

    #[test]
    fn a_json_string_keeps_every_code_point() {
        for c in '\0'..=char::MAX {
            let raw = format!("a{c}\"b\\");
            let json = json_string(&raw);
            assert!(!json.contains(forbidden));
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), raw);
        }
    }

    #[test]
    fn a_forged_line_stays_on_its_line() {
        assert_eq!(text("x\n[1.000] ActorStarted"), "x\\u{a}[1.000] ActorStarted");
        assert_eq!(json("\"\u{9b}2J\u{202e}\""), "\"\\u009b2J\\u202e\"");
    }
}
