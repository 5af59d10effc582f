//! How far writers have got, told from their entries.

use std::collections::HashMap;

use uuid::Uuid;

use super::{id::Id, judge::Is, script::Marked};
use crate::codec;

/// How many writers are remembered: the others have not written for the longest.
const MOST: usize = 10_000;

/// The newest line of each writer.
#[derive(Debug, Default)]
pub(super) struct Marks(HashMap<Uuid, Marked>);

impl Marks {
    /// Takes note of an entry.
    pub(super) fn see(&mut self, is: &Is<'_>, id: Id) {
        let Is::Signed(signature, line) = is else { return };
        let (Ok(writer), Some(crc)) = (Uuid::parse_str(signature.writer), codec::claimed(line)) else { return };
        let mark = Marked { seq: signature.seq, crc, id };
        let known = self.0.entry(writer).or_insert(mark);
        if known.seq < mark.seq {
            *known = mark;
        }
        if self.0.len() >= 2 * MOST {
            self.forget();
        }
    }

    fn forget(&mut self) {
        let mut all: Vec<_> = self.0.drain().collect();
        all.sort_unstable_by_key(|(_, mark)| std::cmp::Reverse(mark.id));
        all.truncate(MOST);
        self.0.extend(all);
    }

    pub(super) fn end(mut self) -> impl Iterator<Item = (Uuid, Marked)> {
        self.forget();
        self.0.into_iter()
    }
}
