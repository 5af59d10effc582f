//! What disks, editors, crashes and other programs do to a log.

use crate::random::Random;

/// A damaged copy of a log, and whether facts of another log are in it.
pub(crate) fn of(sound: &[u8], foreign: &[u8], random: &mut Random) -> (Vec<u8>, bool) {
    let mut bytes = sound.to_vec();
    let mut mixed = false;
    for _ in 0..random.within(1..5) {
        mixed |= strike(&mut bytes, foreign, random);
    }
    (bytes, mixed)
}

fn strike(bytes: &mut Vec<u8>, foreign: &[u8], random: &mut Random) -> bool {
    let at = random.below(bytes.len());
    let how = random.below(22);
    match how {
        0 | 1 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
        2 if !bytes.is_empty() => bytes[at] = random.below(256) as u8,
        3 => bytes.truncate(at),
        4 => drop(bytes.drain(at..at + random.below((bytes.len() - at).min(300)))),
        5 => insert(bytes, at, &vec![0; random.below(64)]),
        6 => {
            let end = at + random.below((bytes.len() - at).min(400));
            bytes[at..end].fill(0);
        }
        7 => bytes.extend(std::iter::repeat_n(0, random.below(5000))),
        8 => {
            let end = at + random.below((bytes.len() - at).min(400));
            let copy = bytes[at..end].to_vec();
            let to = random.below(bytes.len());
            insert(bytes, to, &copy);
        }
        9 => with_lines(bytes, |lines, random| drop(lines.remove(random.below(lines.len()))), random),
        10 => with_lines(
            bytes,
            |lines, random| {
                let line = lines[random.below(lines.len())].clone();
                lines.insert(random.below(lines.len() + 1), line);
            },
            random,
        ),
        11 => with_lines(
            bytes,
            |lines, random| {
                let line = lines.remove(random.below(lines.len()));
                lines.insert(random.below(lines.len() + 1), line);
            },
            random,
        ),
        12 => with_lines(
            bytes,
            |lines, random| {
                let from = random.below(lines.len());
                let to = random.within(from..lines.len() + 1);
                drop(lines.drain(from..to));
            },
            random,
        ),
        13 => with_lines(bytes, |lines, random| lines.insert(random.below(lines.len() + 1), junk(random)), random),
        14 => with_lines(
            bytes,
            |lines, random| {
                let line = random.below(lines.len());
                if lines[line].last() == Some(&b'\n') {
                    lines[line].pop();
                    if random.once_in(2) {
                        lines[line].push(random.below(256) as u8);
                    }
                }
            },
            random,
        ),
        15 => with_lines(
            bytes,
            |lines, random| {
                let line = random.below(lines.len());
                let end = lines[line].len().saturating_sub(1);
                insert(&mut lines[line], end, b"\r");
            },
            random,
        ),
        16 => bytes.extend_from_slice(foreign),
        17 => {
            let lines: Vec<_> = foreign.split_inclusive(|byte| *byte == b'\n').collect();
            let from = random.below(lines.len());
            let run = lines[from..random.within(from..lines.len() + 1)].concat();
            with_lines(bytes, |all, random| all.insert(random.below(all.len() + 1), run), random);
        }
        18 => {
            let all = bytes.clone();
            bytes.extend_from_slice(&all);
        }
        19 => insert(bytes, 0, b"\xef\xbb\xbf"),
        20 => insert(bytes, 0, &junk(random)),
        _ => with_lines(bytes, |lines, _| drop(lines.remove(0)), random),
    }
    matches!(how, 16 | 17)
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    bytes.splice(at..at, piece.iter().copied());
}

fn with_lines(bytes: &mut Vec<u8>, change: impl FnOnce(&mut Vec<Vec<u8>>, &mut Random), random: &mut Random) {
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if !lines.is_empty() {
        change(&mut lines, random);
        *bytes = lines.concat();
    }
}

/// What another program may leave.
fn junk(random: &mut Random) -> Vec<u8> {
    let text: &[&str] = &[
        "\n",
        "\r\n",
        "   \n",
        "hello\n",
        "{}\n",
        "[1,2]\n",
        "{\"kind\":\"event\",\"timestamp\":1700000001}\n",
        "{\"kind\":\"event\",\"timestamp\":1700000001,\"own\":{\"a\":[1,2]},\"system_id\":7}\r\n",
        "{\"timestamp\": 1700000002.5, \"kind\": \"metric\", \"n\": 1}\n",
        "{\"kind\":\"event\",\"timestamp\":1700000001}",
        "{\"kind\":\"event\",\"timestamp\":1}{\"kind\":\"event\",\"timestamp\":1}\n",
        "{\"kind\":\"log\",\"format\":1}\n",
        "\u{feff}{\"kind\":\"audit\",\"timestamp\":1}\n",
    ];
    text[random.below(text.len())].as_bytes().to_vec()
}
