//! Percent escapes.

use std::{ffi::OsString, fmt::Write, path::Path};

/// Decodes `%20` and its like; `None` if a `%` is not followed by two hexadecimal digits, or if it hides a NUL.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                (high * 16 + low) as u8
            }
            byte => byte,
        };
        if byte == 0 {
            return None;
        }
        out.push(byte);
    }
    Some(out)
}

/// The file name that these bytes are. `None` if this system has no such names.
pub(super) fn os_string(bytes: Vec<u8>) -> Option<OsString> {
    #[cfg(unix)]
    return Some(std::os::unix::ffi::OsStringExt::from_vec(bytes));
    #[cfg(not(unix))]
    String::from_utf8(bytes).ok().map(OsString::from)
}

/// Writes a path so that it can stand in a DSN and reads back as the same.
pub(super) fn encode_path(path: &Path, out: &mut String) {
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        encode(chunk.valid(), out);
        chunk.invalid().iter().for_each(|byte| escape(*byte, out));
    }
}

/// Writes a text so that it can stand in a path or in the value of an option.
pub(super) fn encode(text: &str, out: &mut String) {
    for c in text.chars() {
        if c.is_control() || matches!(c, '%' | '?' | '#' | '&' | ' ') {
            c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| escape(byte, out));
        } else {
            out.push(c);
        }
    }
}

fn escape(byte: u8, out: &mut String) {
    // Writing to memory cannot fail.
    let _ = write!(out, "%{byte:02X}");
}
