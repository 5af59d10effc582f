//! What was written but is not synced yet, so that it can be written again if the sync fails.

/// How much is kept in memory.
const MAX_UNSYNCED: usize = 8 << 20;

/// What was written since the last sync.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    /// The bytes that can be written again, and where they stand in the file.
    pub(super) bytes: Vec<u8>,
    pub(super) held_from: u64,
    /// The first number since the last sync, if anything was written.
    pub(super) first_seq: Option<u64>,
    /// The numbers of lines that are no longer in memory.
    pub(super) forgotten: Option<(u64, u64)>,
}

impl Unsynced {
    pub(super) fn begin(&mut self, at: u64) {
        (self.held_from, self.first_seq, self.forgotten) = (at, None, None);
        self.bytes.clear();
    }

    pub(super) fn add(&mut self, bytes: &[u8], seqs: (u64, u64)) {
        self.first_seq.get_or_insert(seqs.0);
        if self.bytes.len() + bytes.len() > MAX_UNSYNCED {
            self.held_from += self.bytes.len() as u64;
            self.bytes.clear();
            if let Some(first) = self.first_seq.filter(|first| *first < seqs.0) {
                self.forgotten = Some((first, seqs.0 - 1));
            }
        }
        self.bytes.extend_from_slice(bytes);
    }
}
