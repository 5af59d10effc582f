//! From the bytes of stdin to facts, in bounded memory, on a thread of its own.

use std::{
    borrow::Cow,
    io::{self, Read},
    thread,
};

use papyra::{Error, ErrorKind, Fact, config::Config, units::parse_size};
use serde::Deserialize;
use tokio::sync::mpsc;

/// The longest line that a log takes unless its address says otherwise, in bytes.
const USUAL_LINE: u64 = 1 << 20;
/// How much is read at once. A pipe holds as much on Linux.
const CHUNK: usize = 64 << 10;
/// How many chunks may wait, read and understood, while a batch is on its way to the disk.
const WAITING: usize = 16;

/// A line that says something.
#[derive(Debug)]
pub(super) struct Line {
    /// From 1.
    pub(super) number: u64,
    pub(super) content: Content,
}

/// What a line says.
#[allow(clippy::large_enum_variant, reason = "nearly all of them are facts: a box would cost each an allocation")]
#[derive(Debug)]
pub(super) enum Content {
    /// A fact, and how many bytes the line had.
    Fact(Fact, usize),
    /// Something else.
    Invalid(Error),
    /// stdin broke off here.
    Unreadable(io::Error),
}

/// How long a line of the input may be: twice what the log takes, since spaces and escapes are not written.
pub(super) fn line_limit(config: &Config) -> usize {
    // A value that makes no sense is refused when the log is opened.
    let configured = config.url().and_then(|url| parse_size(url.value.option("max_line")?).ok());
    usize::try_from(configured.unwrap_or(USUAL_LINE).saturating_mul(2)).unwrap_or(usize::MAX)
}

/// Starts to read. The lines come in the portions in which stdin had them; the end of the stream is the end of stdin.
pub(super) fn read(stdin: Box<dyn Read + Send>, limit: usize) -> Result<mpsc::Receiver<Vec<Line>>, Error> {
    let (sender, receiver) = mpsc::channel(WAITING);
    // The thread is left alone when the command ends: nothing can wake it from a read.
    thread::Builder::new()
        .name("papyra-stdin".to_owned())
        .spawn(move || {
            let mut splitter = Splitter::new(limit);
            pump(stdin, &mut splitter, |lines| sender.blocking_send(lines).is_ok());
        })
        .map_err(|error| Error::new(ErrorKind::Internal, "cannot start to read").with_source(error))?;
    Ok(receiver)
}

/// Reads to the end, or until nobody wants any more.
fn pump(mut stdin: impl Read, splitter: &mut Splitter, mut give: impl FnMut(Vec<Line>) -> bool) {
    let mut chunk = vec![0; CHUNK];
    loop {
        let lines = match stdin.read(&mut chunk) {
            Ok(0) => {
                give(splitter.end());
                return;
            }
            Ok(n) => splitter.take(&chunk[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                give(vec![Line { number: splitter.number, content: Content::Unreadable(error) }]);
                return;
            }
        };
        if !lines.is_empty() && !give(lines) {
            return;
        }
    }
}

/// Cuts bytes into lines; of a line that is too long it keeps nothing.
struct Splitter {
    limit: usize,
    number: u64,
    begun: Vec<u8>,
    too_long: bool,
}

impl Splitter {
    fn new(limit: usize) -> Self {
        Splitter { limit, number: 1, begun: Vec::new(), too_long: false }
    }

    fn take(&mut self, mut bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            self.add(&bytes[..end]);
            lines.extend(self.finish());
            bytes = &bytes[end + 1..];
        }
        self.add(bytes);
        lines
    }

    /// What is left at the end: a last line needs no newline.
    fn end(&mut self) -> Vec<Line> {
        self.finish().into_iter().collect()
    }

    fn add(&mut self, bytes: &[u8]) {
        self.too_long |= self.begun.len() + bytes.len() > self.limit;
        if self.too_long {
            self.begun = Vec::new();
        } else {
            self.begun.extend_from_slice(bytes);
        }
    }

    fn finish(&mut self) -> Option<Line> {
        let content = if self.too_long {
            Some(Content::Invalid(invalid(format!("longer than {} bytes", self.limit))))
        } else {
            understand(&self.begun, self.number == 1)
        };
        let number = self.number;
        self.begun.clear();
        self.too_long = false;
        self.number += 1;
        content.map(|content| Line { number, content })
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

/// What a line says; `None` if it says nothing: it is blank, or the header of a log file.
fn understand(bytes: &[u8], is_first: bool) -> Option<Content> {
    // Other systems begin a text with U+FEFF.
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").filter(|_| is_first).unwrap_or(bytes);
    let text = match str::from_utf8(bytes) {
        Ok(text) => text.trim_matches([' ', '\t', '\r']),
        Err(error) => {
            let at = error.valid_up_to() + 1;
            return Some(Content::Invalid(invalid(format!("not a fact: its byte {at} is not UTF-8"))));
        }
    };
    if text.is_empty() {
        return None;
    }
    match Fact::from_json(text) {
        Ok(mut fact) => {
            drop_position(&mut fact);
            Some(Content::Fact(fact, bytes.len()))
        }
        Err(_) if is_header(text) => None,
        // Python's encoder writes them, and no other reader of JSON takes them.
        Err(error) if ["NaN", "Infinity"].iter().any(|word| text.contains(word)) => Some(Content::Invalid(
            error.with_cure("JSON has neither NaN nor Infinity: write null in their place, or a string"),
        )),
        Err(error) => Some(Content::Invalid(error)),
    }
}

fn is_header(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(borrow)]
        kind: Cow<'a, str>,
    }
    serde_json::from_str::<Head<'_>>(text).is_ok_and(|head| head.kind == "log")
}

/// `inspect -o ndjson` prints the position with each fact; it belongs to the log that was read.
fn drop_position(fact: &mut Fact) {
    let members = match fact {
        Fact::Event(event) => &mut event.extra,
        Fact::Audit(audit) => &mut audit.extra,
        Fact::DeadLetter(letter) => &mut letter.extra,
        Fact::Unknown(unknown) => &mut unknown.members,
        _ => return,
    };
    members.retain(|(name, _)| name != "position");
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACT: &str = r#"{"kind":"event","timestamp":1}"#;

    fn split(input: &[u8], limit: usize, step: usize) -> Vec<(u64, bool)> {
        struct Steps<'a>(&'a [u8], usize);

        impl Read for Steps<'_> {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                let n = self.1.min(self.0.len()).min(out.len());
                out[..n].copy_from_slice(&self.0[..n]);
                self.0 = &self.0[n..];
                Ok(n)
            }
        }

        let mut found = Vec::new();
        pump(Steps(input, step), &mut Splitter::new(limit), |lines| {
            found.extend(lines.into_iter().map(|line| (line.number, matches!(line.content, Content::Fact(..)))));
            true
        });
        found
    }

    #[test]
    fn lines_are_the_same_however_they_arrive() {
        let input = format!("\u{feff}{FACT}\n\n  \r\n{FACT}\r\n{{\"kind\":\"log\",\"x\":1}}\nno fact\n{FACT}");
        for step in [1, 2, 7, 1000] {
            assert_eq!(split(input.as_bytes(), 1000, step), [(1, true), (4, true), (6, false), (7, true)], "{step}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_costs_no_memory_and_no_other_line() {
        let input = format!("{FACT}\n{}\n{FACT}\n", "x".repeat(10_000));
        assert_eq!(split(input.as_bytes(), 100, 64), [(1, true), (2, false), (3, true)]);
        let mut splitter = Splitter::new(100);
        for _ in 0..1000 {
            splitter.take(&[b'x'; 64]);
            assert!(splitter.begun.capacity() <= 200);
        }
    }

    #[test]
    fn what_is_not_utf_8_is_no_fact() {
        assert_eq!(split(b"{\"kind\":\"\xFF\"}\n", 100, 100), [(1, false)]);
    }

    #[test]
    fn the_position_of_another_log_is_dropped() {
        let line = r#"{"kind":"event","timestamp":1,"position":"7","seq":7,"more":1}"#;
        let Some(Content::Fact(fact, _)) = understand(line.as_bytes(), false) else { panic!("no fact") };
        assert!(!fact.to_json().contains("position"));
        assert!(fact.to_json().contains(r#""more":1"#));
    }
}
