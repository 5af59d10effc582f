//! A part of a log whose kinds of facts live in different places.

use std::sync::Arc;

use crate::{Backend, Error, ErrorKind, Kind, ReadOptions, Result, Retention};

/// A part of a log: some kinds of facts, the backend that keeps them, and what stays visible of them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Part {
    /// The kinds that live here, in the order of [`Kind::KNOWN`].
    pub kinds: Vec<Kind>,
    /// What keeps them.
    pub backend: Arc<dyn Backend>,
    /// What stays visible of them.
    pub retention: Retention,
}

impl Part {
    /// A part for these kinds, of which everything stays. Unknown kinds need not be named: they live with the events.
    pub fn new(kinds: impl IntoIterator<Item = Kind>, backend: Arc<dyn Backend>) -> Self {
        let mut kinds = Vec::from_iter(kinds);
        kinds.retain(|kind| *kind != Kind::Unknown);
        kinds.sort_unstable();
        kinds.dedup();
        Part { kinds, backend, retention: Retention::default() }
    }

    /// Whether facts of this kind live here. Those of unknown kinds live with the events.
    pub fn holds(&self, kind: Kind) -> bool {
        self.kinds.contains(&if kind == Kind::Unknown { Kind::Event } else { kind })
    }
}

/// Which of several parts a read is about, by their kinds, and what it asks of each.
///
/// # Errors
/// `Config` for a position without the part that it is a position of.
pub(crate) fn asked<'a>(
    parts: impl Iterator<Item = &'a [Kind]>,
    options: &ReadOptions,
) -> Result<Vec<(usize, ReadOptions)>> {
    let mut asked = Vec::new();
    for (part, kinds) in parts.enumerate() {
        let mut kinds = kinds.to_vec();
        kinds.retain(|kind| options.kinds.is_empty() || options.kinds.contains(kind));
        // A read without kinds would give what stood in the place before it became a part.
        if !kinds.is_empty() {
            asked.push((part, ReadOptions { kinds, ..options.clone() }));
        }
    }
    match options.after {
        Some(position) if asked.len() > 1 => Err(Error::new(
            ErrorKind::Config,
            format!(
                "position {position} could be one of {} parts of this log, each of which counts for itself",
                asked.len()
            ),
        )
        .with_cure("say of which kind the entry at this position is")),
        _ => Ok(asked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Position;

    const PARTS: [&[Kind]; 2] = [&[Kind::Event, Kind::DeadLetter], &[Kind::Audit]];

    #[test]
    fn kinds_select_parts() {
        let of = |options: ReadOptions| asked(PARTS.into_iter(), &options).unwrap();
        let audits = of(ReadOptions::oldest_first().kind(Kind::Audit));
        assert_eq!(audits, [(1, ReadOptions::oldest_first().kind(Kind::Audit))]);
        let all = of(ReadOptions::oldest_first());
        assert_eq!(all[0].1.kinds, PARTS[0]);
        assert_eq!(all[1].1.kinds, PARTS[1]);
        assert!(of(ReadOptions::oldest_first().kind(Kind::Unknown)).is_empty());
    }

    #[test]
    fn a_position_needs_its_part() {
        let after = ReadOptions::oldest_first().after(Position::from_seq(3));
        let error = asked(PARTS.into_iter(), &after).unwrap_err();
        assert_eq!((error.kind(), error.cure().is_some()), (ErrorKind::Config, true));
        assert_eq!(asked(PARTS.into_iter(), &after.clone().kind(Kind::Audit)).unwrap().len(), 1);
        assert_eq!(asked(PARTS.into_iter(), &after.kind(Kind::Event).kind(Kind::DeadLetter)).unwrap().len(), 1);
    }
}
