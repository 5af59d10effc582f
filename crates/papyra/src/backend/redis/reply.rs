//! What a server answers, taken apart.

use redis::Value;

/// The bytes of a string.
pub(super) fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        Value::VerbatimString { text, .. } => Some(text.as_bytes()),
        Value::Okay => Some(b"OK"),
        _ => None,
    }
}

/// A string that is UTF-8.
pub(super) fn text(value: &Value) -> Option<&str> {
    std::str::from_utf8(bytes(value)?).ok()
}

/// A number, whether it came as one or as its text.
pub(super) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        value => text(value)?.parse().ok(),
    }
}

/// The parts of an answer that has several.
pub(super) fn parts(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Array(parts) | Value::Set(parts) => Some(parts),
        _ => None,
    }
}

/// The value under a name in an answer of names and values, however it is laid out.
pub(super) fn named<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    if let Value::Map(pairs) = value {
        return pairs.iter().find(|(key, _)| text(key) == Some(name)).map(|(_, value)| value);
    }
    let parts = parts(value)?;
    parts.chunks_exact(2).find(|pair| text(&pair[0]) == Some(name)).map(|pair| &pair[1])
}

/// A line of `INFO`.
pub(super) fn info<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    text(value)?.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
