//! Damage of many kinds to the bytes of a log and to its files, one after another.

use crate::chance::Chance;

/// The files of a log, by their names.
pub(crate) type Files = Vec<(String, Vec<u8>)>;

/// What can happen to one of several files as a whole.
const WHOLE_KINDS: [&str; 7] = [
    "delete a file",
    "copy a file over another",
    "swap two files",
    "copy a file to another number",
    "empty a file",
    "a file of another log over one of ours",
    "a file of another log beside ours",
];

/// Damages a log of several files as a disk, a backup tool or a hand may, and says how. At least one file stays.
pub(crate) fn damage_files(files: &mut Files, other: &[u8], chance: &mut Chance) -> &'static str {
    let kind = WHOLE_KINDS[chance.below(WHOLE_KINDS.len())];
    let (a, b) = (chance.below(files.len()), chance.below(files.len()));
    let bytes = files[a].1.clone();
    match kind {
        "delete a file" if files.len() > 1 => drop(files.remove(a)),
        "copy a file over another" => files[b].1 = bytes,
        "swap two files" => {
            files[a].1 = std::mem::take(&mut files[b].1);
            files[b].1 = bytes;
        }
        "copy a file to another number" => put(files, bytes, chance),
        "empty a file" => files[a].1.clear(),
        "a file of another log over one of ours" => files[a].1 = other.to_vec(),
        "a file of another log beside ours" => put(files, other.to_vec(), chance),
        _ => {}
    }
    kind
}

/// Puts a file under a number that chance decides, over whatever has it.
fn put(files: &mut Files, bytes: Vec<u8>, chance: &mut Chance) {
    let name = format!("facts.{:06}.ndjson", chance.between(1, 20));
    files.retain(|(own, _)| *own != name);
    files.push((name, bytes));
    files.sort();
}

/// What can happen to a log.
const KINDS: [&str; 14] = [
    "flip a bit",
    "zero a page of 512 bytes",
    "zero a page of 4096 bytes",
    "swap two lines",
    "double a line",
    "move a line",
    "delete a line",
    "cut the end",
    "CRLF in one line",
    "CRLF everywhere",
    "a byte order mark",
    "a run of NULs",
    "a run of noise",
    "splice another log",
];

/// Damages `log` in a way that chance decides, and says how.
pub(crate) fn damage(log: &mut Vec<u8>, other: &[u8], chance: &mut Chance) -> &'static str {
    let kind = KINDS[chance.below(KINDS.len())];
    if log.is_empty() {
        return kind;
    }
    match kind {
        "flip a bit" => {
            let at = chance.below(log.len());
            log[at] ^= 1 << chance.below(8);
        }
        "zero a page of 512 bytes" => zero(log, 512, chance),
        "zero a page of 4096 bytes" => zero(log, 4096, chance),
        "CRLF everywhere" => rejoin(log, |lines| lines.iter_mut().for_each(crlf)),
        "a byte order mark" => drop(log.splice(0..0, *b"\xef\xbb\xbf")),
        "a run of NULs" => insert(log, vec![0; chance.between(1, 3000)], chance),
        "a run of noise" => {
            let noise = (0..chance.between(1, 300)).map(|_| chance.number() as u8).collect();
            insert(log, noise, chance);
        }
        "splice another log" => {
            let mut piece = Vec::new();
            let lines: Vec<&[u8]> = other.split_inclusive(|byte| *byte == b'\n').collect();
            let from = chance.below(lines.len());
            let to = chance.between(from, lines.len() - 1);
            // Without its header nothing tells facts of another log from ours.
            piece.extend_from_slice(lines[0]);
            lines[from.max(1)..=to.max(1)].iter().for_each(|line| piece.extend_from_slice(line));
            rejoin(log, |lines| lines.insert(chance.between(1, lines.len()), piece));
        }
        "cut the end" => {
            // In the middle of a line: a log that ends with a whole line looks like one that is no longer.
            let last = log[..log.len() - 1].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            log.truncate(last + 1 + chance.below((log.len() - last - 1).max(1)));
        }
        by_line => rejoin(log, |lines| {
            let (a, b) = (chance.below(lines.len()), chance.below(lines.len()));
            match by_line {
                "swap two lines" => lines.swap(a, b),
                "double a line" => lines.insert(b, lines[a].clone()),
                "move a line" => {
                    let line = lines.remove(a);
                    lines.insert(b.min(lines.len()), line);
                }
                "delete a line" if a + 1 < lines.len() => drop(lines.remove(a)),
                "CRLF in one line" => crlf(&mut lines[a]),
                _ => {}
            }
        }),
    }
    kind
}

fn zero(log: &mut [u8], page: usize, chance: &mut Chance) {
    let from = chance.below(log.len()) / page * page;
    let to = (from + page).min(log.len());
    log[from..to].fill(0);
}

fn insert(log: &mut Vec<u8>, bytes: Vec<u8>, chance: &mut Chance) {
    let at = chance.between(0, log.len());
    log.splice(at..at, bytes);
}

fn crlf(line: &mut Vec<u8>) {
    if line.ends_with(b"\n") {
        line.insert(line.len() - 1, b'\r');
    }
}

fn rejoin(log: &mut Vec<u8>, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let mut lines: Vec<Vec<u8>> = log.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    change(&mut lines);
    *log = lines.concat();
}
