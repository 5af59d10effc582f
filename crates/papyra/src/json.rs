//! JSON text below serde: depth, compact form, and the repair of what Python's encoder writes.

mod finite;

use serde_json::value::RawValue;

pub(crate) use finite::refuse_non_finite;

/// How deeply a line may nest when it is written.
pub(crate) const MAX_WRITE_DEPTH: usize = 64;
/// How deeply a line may nest when it is read.
pub(crate) const MAX_READ_DEPTH: usize = 128;

/// Whether the brackets of a text nest deeper than a limit; if so, how deeply. The text need not be valid.
pub(crate) fn deeper_than(text: &[u8], limit: usize) -> Option<usize> {
    // So few brackets cannot nest deeper, wherever they stand: nearly every line is settled by counting.
    if memchr::memchr2_iter(b'{', b'[', text).take(limit + 1).count() <= limit {
        return None;
    }
    Some(depth(text)).filter(|depth| *depth > limit)
}

/// How deeply the brackets of a text nest. The text need not be valid.
fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for &byte in text {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
        } else {
            match byte {
                b'"' => in_string = true,
                b'{' | b'[' => {
                    depth += 1;
                    deepest = deepest.max(depth);
                }
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
    deepest
}

/// Checks a JSON text and takes the spaces between its parts away.
pub(crate) fn compact(text: &str, max_depth: usize) -> Result<String, String> {
    if let Some(deep) = deeper_than(text.as_bytes(), max_depth) {
        return Err(format!("nests {deep} levels deep, the limit is {max_depth}"));
    }
    serde_json::from_str::<&RawValue>(text).map_err(|e| format!("is not JSON: {e}"))?;
    Ok(strip(text))
}

/// Takes the spaces between the parts of a valid JSON text away.
pub(crate) fn strip(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        let (between, string) = rest.split_at(memchr::memchr(b'"', rest.as_bytes()).unwrap_or(rest.len()));
        between.split([' ', '\t', '\r', '\n']).for_each(|part| out.push_str(part));
        if string.is_empty() {
            return out;
        }
        let (string, behind) = string.split_at(end_of_string(string.as_bytes()));
        out.push_str(string);
        rest = behind;
    }
}

/// The length of the JSON string that bytes begin with, quotes included.
fn end_of_string(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found + 1;
        if bytes[at - 1] == b'"' {
            return at;
        }
        // An escape: whatever follows the backslash does not end the string.
        at += 1;
    }
    bytes.len()
}

/// Makes JSON of what Python's encoder writes beyond it: `NaN` and the infinities become `null`, half a surrogate pair
/// becomes U+FFFD. `None` if there is nothing of the kind.
pub(crate) fn lenient(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_string = false;
    let mut changed = false;
    while let Some(c) = rest.chars().next() {
        if in_string && c == '\\' {
            match surrogate(rest) {
                Some(high @ 0xD800..=0xDBFF) if matches!(surrogate(&rest[6..]), Some(0xDC00..=0xDFFF)) => {
                    let _ = high;
                    out.push_str(&rest[..12]);
                    rest = &rest[12..];
                }
                Some(0xD800..=0xDFFF) => {
                    out.push_str("\\ufffd");
                    rest = &rest[6..];
                    changed = true;
                }
                _ => {
                    let end = rest.char_indices().nth(2).map_or(rest.len(), |(at, _)| at);
                    out.push_str(&rest[..end]);
                    rest = &rest[end..];
                }
            }
            continue;
        }
        if !in_string
            && let Some(word) = ["-Infinity", "Infinity", "NaN"].into_iter().find(|word| rest.starts_with(word))
        {
            out.push_str("null");
            rest = &rest[word.len()..];
            changed = true;
            continue;
        }
        in_string ^= c == '"';
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    changed.then_some(out)
}

/// The code unit of a `\uXXXX` escape at the beginning of the text.
fn surrogate(text: &str) -> Option<u32> {
    let hex = text.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(hex, 16).ok()
}
