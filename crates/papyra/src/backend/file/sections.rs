//! A file as a scan left it: stretches that are sound as a whole, and between them lines to be looked at one by one.

use super::stretch::Stretch;

/// A part of a file. It begins where a line begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Section<'a> {
    Stretch(&'a Stretch),
    Lines { from: u64, to: u64 },
}

/// What stands between two places of a file, in order.
pub(super) fn sections(sound: &[Stretch], from: u64, to: u64) -> Vec<Section<'_>> {
    let mut all = Vec::with_capacity(2 * sound.len() + 1);
    let mut at = from;
    for stretch in sound.iter().filter(|stretch| stretch.start >= from && stretch.end <= to) {
        if stretch.start > at {
            all.push(Section::Lines { from: at, to: stretch.start });
        }
        all.push(Section::Stretch(stretch));
        at = stretch.end;
    }
    if at < to {
        all.push(Section::Lines { from: at, to });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_in_one_section() {
        let stretch = |start, end| Stretch {
            start,
            end,
            lines: 1,
            sealed: None,
            counts: [0; 4],
            bytes: [0; 4],
            times: (0.0, 0.0),
        };
        let sound = [stretch(0, 10), stretch(10, 20), stretch(30, 40)];
        for (from, to) in [(0, 40), (0, 50), (5, 45), (10, 30), (40, 40), (12, 18)] {
            let mut at = from;
            for section in sections(&sound, from, to) {
                let (start, end) = match section {
                    Section::Stretch(stretch) => (stretch.start, stretch.end),
                    Section::Lines { from, to } => (from, to),
                };
                assert_eq!(start, at);
                assert!(end > start);
                at = end;
            }
            assert_eq!(at, to);
        }
    }
}
