//! How a [`Dsn`] is shown: without any password.

use std::fmt;

use super::{Body, Dsn, parse::REDIS_SCHEMES, percent};
use crate::{LogOptions, quoted::is_harmless};

/// What stands for a hidden part.
const HIDDEN: &str = "***";

/// Options of Papyra's own backends that are no secrets; whatever else stands in an address may be one.
const SHOWN: [&str; 11] = [
    "max_line",
    "segment_bytes",
    "segment_records",
    "segment_age",
    "max_segments",
    "prefix",
    "system",
    "maxlen",
    "replicas",
    "spool",
    "spool_max_bytes",
];

impl fmt::Display for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = format!("{}:", self.scheme);
        match &self.body {
            Body::Path(path) => {
                // Two slashes at the front would read back as a host; an empty host before them does not.
                if path.as_os_str().as_encoded_bytes().starts_with(b"//") {
                    out.push_str("//");
                }
                percent::encode_path(path, &mut out);
            }
            Body::Raw(raw) if REDIS_SCHEMES.contains(&self.scheme.as_str()) => match raw.rsplit_once('@') {
                Some((_, rest)) => out.extend(["//", HIDDEN, "@", rest]),
                None => out.push_str(raw),
            },
            Body::Raw(_) if self.scheme == "memory" => {}
            // Nobody here knows where a foreign scheme keeps its secrets.
            Body::Raw(_) => return f.write_fmt(format_args!("{out}{HIDDEN}")),
        }
        for (index, (name, value)) in self.options.iter().enumerate() {
            out.extend([if index == 0 { "?" } else { "&" }, name, "="]);
            // Nobody has checked the value of an option of one backend: an address may have been pasted there.
            if LogOptions::NAMES.contains(&name.as_str()) || SHOWN.contains(&name.as_str()) && is_harmless(value) {
                percent::encode(value, &mut out);
            } else {
                out.push_str(HIDDEN);
            }
        }
        f.write_str(&out)
    }
}

impl fmt::Debug for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dsn({self})")
    }
}
