//! A batch on its way into the parts: each takes its own facts, whole and in order, or refuses them.

use std::borrow::Cow;

use super::{Hybrid, join::join};
use crate::{Appended, Error, ErrorKind, Fact, Fates, Outcome, Part, Position, Refusal, Result};

/// What one part is to take of a batch.
struct Share<'a> {
    part: usize,
    /// Where its facts stand in the batch.
    places: Vec<usize>,
    facts: Cow<'a, [Fact]>,
}

impl Hybrid {
    pub(super) async fn append_to_parts(&self, facts: &[Fact]) -> Result<Appended> {
        let shares = self.shares(facts);
        let appends =
            shares.iter().map(|share| self.states[share.part].append(&*self.parts[share.part].backend, &share.facts));
        let results = join(appends).await;

        let mut whole = Appended::default();
        let mut positions: Vec<Option<Position>> = vec![None; facts.len()];
        let mut refusals = Vec::new();
        for (share, result) in shares.into_iter().zip(results) {
            match result {
                Ok(appended) => {
                    for (place, position) in share.places.into_iter().zip(appended.positions) {
                        positions[place] = Some(position);
                    }
                    whole.remarks.extend(appended.remarks);
                    whole.bytes += appended.bytes;
                    // They sync at the same time: the slowest is what the batch waited for.
                    whole.synced_in = whole.synced_in.max(appended.synced_in);
                }
                Err(error) => {
                    let Part { kinds, backend, .. } = &self.parts[share.part];
                    refusals.push(Refusal::new(kinds, backend.address(), share.places, error));
                }
            }
        }
        if refusals.is_empty() {
            whole.positions = positions.into_iter().flatten().collect();
            return Ok(whole);
        }
        Err(self.refused(Fates::new(positions, refusals)))
    }

    /// What each part is to take; of a batch without facts every part takes nothing, and so proves that it can be written to.
    fn shares<'a>(&self, facts: &'a [Fact]) -> Vec<Share<'a>> {
        let mut shares = Vec::new();
        for (part, of) in self.parts.iter().enumerate() {
            let places: Vec<usize> = (0..facts.len()).filter(|at| of.holds(facts[*at].kind())).collect();
            if places.is_empty() && !facts.is_empty() {
                continue;
            }
            let own = if places.len() == facts.len() {
                Cow::Borrowed(facts)
            } else {
                Cow::Owned(places.iter().map(|at| facts[*at].clone()).collect())
            };
            shares.push(Share { part, places, facts: own });
        }
        shares
    }

    fn refused(&self, fates: Fates) -> Error {
        let all = fates.positions.len();
        // The gravest is the one that is not about single facts.
        let gravest = fates.refusals.iter().find(|refusal| refusal.error.kind() != ErrorKind::Invalid);
        let Some(refusal) = gravest.or(fates.refusals.first()) else {
            return Error::new(ErrorKind::Internal, "a part refused facts and gave no reason");
        };
        let logs: Vec<String> = fates.refusals.iter().map(|refusal| format!("`{}`", refusal.log)).collect();
        let logs = logs.join(" and ");
        let message = match (all, fates.written()) {
            (0, _) => format!("{logs} cannot be written to"),
            (_, 0) => format!("{logs} did not take the facts"),
            (_, written) => format!("{logs} did not take {} of {all} facts, the others are written", all - written),
        };
        let cause = &refusal.error;
        let error = Error::new(cause.kind(), message).with_source(cause.clone());
        let error = match cause.cure() {
            Some(cure) => error.with_cure(cure),
            None => error,
        };
        // If nothing can be written anywhere, the log as a whole is down, and whoever waits for it loses nothing by waiting.
        // As long as a part is up, its facts must not wait for the others.
        let everywhere = self.states.iter().all(|state| state.is_down());
        match fates.outcome() {
            Outcome::NotWritten if everywhere => error,
            Outcome::Unknown if everywhere && fates.written() == 0 => error.with_unknown_outcome(),
            _ => error.with_fates(fates),
        }
    }
}
