//! A copy of a file under another log's identity: its headers are made anew, every other byte stays.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    sync::Arc,
};

use super::{
    judge::{self, Is},
    lines::{self, Forward, Raw},
};
use crate::{Progress, codec::HeaderLine};

const BLOCK: usize = 256 << 10;
/// What each header begins with.
const HEADER: &[u8] = b"{\"kind\":\"log\"";

/// Copies a file; headers of the log `old` become headers of the log `new`.
pub(super) fn relabel(
    from: &Arc<File>,
    to: &File,
    old: Option<&str>,
    new: &str,
    progress: Option<&Progress>,
) -> io::Result<()> {
    let size = from.metadata()?.len();
    let mut out = BufWriter::with_capacity(BLOCK, to);
    let mut copied = 0;
    if let Some(old) = old {
        let mut lines = Forward::with_last(from.clone(), 0, size);
        let mut parts = Vec::new();
        while let Some(raw) = lines.next()? {
            let Raw::Line { offset, bytes } = raw else { continue };
            if memchr::memmem::find(bytes, HEADER).is_none() {
                continue;
            }
            judge::judge(bytes, &mut parts);
            for part in &parts {
                if let Is::Header(HeaderLine::Header(header)) = &part.is
                    && header.log_id == old
                {
                    copy(from, copied, offset + part.range.start as u64, &mut out, progress)?;
                    copied = offset + part.range.end as u64;
                    let mut own = header.clone();
                    own.log_id = new.to_owned();
                    let mut line = Vec::new();
                    own.encode(&mut line);
                    out.write_all(line.trim_ascii_end())?;
                }
            }
        }
    }
    copy(from, copied, size, &mut out, progress)?;
    out.flush()
}

fn copy(from: &File, start: u64, end: u64, out: &mut impl Write, progress: Option<&Progress>) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    let mut at = start;
    while at < end {
        let want = (end - at).min(BLOCK as u64) as usize;
        let got = lines::read_at(from, &mut block[..want], at)?;
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        out.write_all(&block[..got])?;
        progress.iter().for_each(|progress| progress.add(got as u64));
        at += got as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    fn relabelled(log: &[u8], old: Option<&str>) -> Vec<u8> {
        let (mut from, to) = (tempfile::tempfile().unwrap(), tempfile::NamedTempFile::new().unwrap());
        from.write_all(log).unwrap();
        relabel(&Arc::new(from), to.as_file(), old, "new", None).unwrap();
        std::fs::read(to.path()).unwrap()
    }

    const LOG: &[u8] = include_bytes!("../../../tests/vectors/format-1.ndjson");

    #[test]
    fn the_headers_of_a_log_are_sealed_anew_and_nothing_else_changes() {
        let first = LOG.split(|byte| *byte == b'\n').next().unwrap();
        let Some(HeaderLine::Header(own)) = codec::Header::decode(first) else { panic!("no header") };
        let mut foreign = Vec::new();
        codec::Header { log_id: "foreign".to_owned(), ..own.clone() }.encode(&mut foreign);
        let log = [LOG, LOG, &foreign, b"{\"kind\":\"log\" in a damaged line\n", LOG, b"torn"].concat();
        let copy = relabelled(&log, Some(&own.log_id));
        let mut header = Vec::new();
        codec::Header { log_id: "new".to_owned(), ..own.clone() }.encode(&mut header);
        let renewed = [header.trim_ascii_end(), &LOG[first.len()..]].concat();
        let expected =
            [&renewed, &renewed, &foreign, &b"{\"kind\":\"log\" in a damaged line\n"[..], &renewed, b"torn"].concat();
        assert_eq!(String::from_utf8_lossy(&copy), String::from_utf8_lossy(&expected));
        assert_eq!(relabelled(&log, None), log);
        // A flipped newline does not hide a header.
        let mut glued = log.clone();
        glued[LOG.len() - 1] = 0x0b;
        assert_eq!(relabelled(&glued, Some(&own.log_id)).len(), expected.len());
        assert!(!String::from_utf8_lossy(&relabelled(&glued, Some(&own.log_id))).contains(&own.log_id));
    }
}
