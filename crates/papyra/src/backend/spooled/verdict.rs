//! What a mark in the remote log says about the spool, and about the log.

use crate::shipping::Mark;

/// What a mark means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The log holds our lines up to this number.
    Holds(u64),
    /// The log holds our lines up to this number, and acknowledged more: it lost data.
    WentBack(u64),
    /// The line in the log is not ours, or we never wrote so many: somebody else ships under our name. The spool is a copy,
    /// or was set back.
    Foreign,
}

/// Judges the remote log's `mark` by what it `acknowledged`, by the `last` number that the spool has given out, and by the
/// checksum of the spool's own line under a number, where it still holds that.
pub(super) fn judge(
    mark: Option<Mark>,
    acknowledged: Option<Mark>,
    last: u64,
    own: impl FnOnce(u64) -> Option<u32>,
) -> Verdict {
    let known = acknowledged.map_or(0, |mark| mark.seq);
    let Some(mark) = mark.filter(|mark| mark.seq > 0) else {
        return if known == 0 { Verdict::Holds(0) } else { Verdict::WentBack(0) };
    };
    if mark.seq > last {
        return Verdict::Foreign;
    }
    let own = match acknowledged {
        Some(acknowledged) if acknowledged.seq == mark.seq => Some(acknowledged.crc),
        _ => own(mark.seq),
    };
    match own {
        Some(own) if own != mark.crc => Verdict::Foreign,
        _ if mark.seq < known => Verdict::WentBack(mark.seq),
        _ => Verdict::Holds(mark.seq),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_judged_by_number_and_checksum() {
        let mark = |seq, crc| Some(Mark { seq, crc });
        let own = |seq: u64| (seq >= 5).then_some(seq as u32);
        for (log, acknowledged, last, verdict) in [
            (None, None, 9, Verdict::Holds(0)),
            (None, mark(7, 7), 9, Verdict::WentBack(0)),
            (mark(7, 7), None, 9, Verdict::Holds(7)),
            (mark(7, 7), mark(7, 7), 9, Verdict::Holds(7)),
            (mark(8, 8), mark(7, 7), 9, Verdict::Holds(8)),
            (mark(6, 6), mark(7, 7), 9, Verdict::WentBack(6)),
            // What the spool no longer holds cannot be compared.
            (mark(3, 999), mark(7, 7), 9, Verdict::WentBack(3)),
            (mark(10, 10), mark(7, 7), 9, Verdict::Foreign),
            (mark(8, 999), mark(7, 7), 9, Verdict::Foreign),
            (mark(7, 999), mark(7, 7), 9, Verdict::Foreign),
            (mark(6, 999), mark(7, 7), 9, Verdict::Foreign),
        ] {
            assert_eq!(judge(log, acknowledged, last, own), verdict, "{log:?} {acknowledged:?}");
        }
    }
}
