//! A batch of which only some parts of the log took theirs. What a part refused is not tried again, or the facts of the
//! others would have to wait for it: it is dropped, counted, and told of in the log.

use std::collections::BTreeSet;

use super::{
    batch::{Batch, Share},
    drops::Drops,
    flight::answer_one,
    health,
    queue::Queue,
    state::State,
};
use crate::{Error, ErrorKind, Fact, Fates, Kind, Outcome, Position};

/// What is to become of a fact of the batch.
enum Fate<'a> {
    Written(Position),
    /// Its part refused facts among which it is, and it may not be the one at fault.
    Again,
    /// No log may hold it.
    Refused(&'a Error),
    /// Its part cannot be written to.
    Lost(&'a Error),
}

impl Queue {
    /// The parts of the log have taken or refused the next facts of the batch. Only what is to be tried again stays in it; the
    /// number says with how many facts at once.
    pub(super) fn partly(&self, batch: &mut Batch, count: usize, fates: &Fates) -> usize {
        // Of a fact that nobody speaks of nothing is known, and trying it again could go on for ever.
        let unanswered = health::unanswered();
        let mut each: Vec<Fate<'_>> =
            fates.positions.iter().map(|place| place.map_or(Fate::Lost(&unanswered), Fate::Written)).collect();
        each.resize_with(count, || Fate::Lost(&unanswered));
        let mut most = usize::MAX;
        for refusal in &fates.refusals {
            let is_refusal =
                refusal.error.kind() == ErrorKind::Invalid && refusal.error.outcome() == Outcome::NotWritten;
            for place in &refusal.facts {
                let Some(fate) = each.get_mut(*place) else { continue };
                *fate = match (is_refusal, refusal.facts.len()) {
                    (true, 1) => Fate::Refused(&refusal.error),
                    (true, _) => Fate::Again,
                    (false, _) => Fate::Lost(&refusal.error),
                };
            }
            if is_refusal {
                // One of them is at fault: the others are not to suffer for it.
                most = most.min((refusal.facts.len() / 2).max(1));
            }
        }
        self.settle_each(batch, &each);
        batch.keep_of_next(count, |at| matches!(each[at], Fate::Again));
        most
    }

    fn settle_each(&self, batch: &Batch, fates: &[Fate<'_>]) {
        let mut state = self.state();
        if state.lost.is_some() {
            return;
        }
        let facts = batch.next(fates.len());
        let shares: Vec<Share> = (0..facts.len()).map(|at| batch.share_of(at)).collect();
        let durable = shares.iter().filter(|share| !share.durable.is_empty()).count();
        let waiting = durable.min(state.flight.waiters.len());
        let mut waiters = state.flight.waiters.drain(..waiting).collect::<Vec<_>>().into_iter();
        let (mut again, mut answers) = (Vec::new(), Vec::new());
        let mut charge = super::room::Charge::default();
        let (mut written, mut dropped, mut rejected) = (0, 0, 0);
        let mut lost = Drops::default();
        let mut trouble: Option<&Error> = None;
        let mut refused: Option<&Error> = None;
        let mut healed = BTreeSet::new();
        for (at, ((share, fact), fate)) in shares.iter().zip(facts).zip(fates).enumerate() {
            let waiter = if share.durable.is_empty() { None } else { waiters.next() };
            if let Fate::Again = fate {
                again.extend(waiter);
                continue;
            }
            state.flight.plain -= share.plain;
            charge += share.charge;
            let waited_for = waiter.is_some();
            match fate {
                Fate::Written(position) => {
                    written += share.facts();
                    healed.insert(self.home(fact.kind()));
                    answers.extend(waiter.map(|waiter| (waiter, Ok(*position))));
                }
                Fate::Refused(error) => {
                    rejected += share.facts();
                    refused = refused.or((!waited_for).then_some(*error));
                    answers.extend(waiter.map(|waiter| (waiter, Err((*error).clone()))));
                }
                Fate::Lost(error) => {
                    trouble = trouble.or(Some(error));
                    state.sick.insert(self.home(fact.kind()));
                    match (batch.note(at), waited_for) {
                        (Some(note), _) => lost.merge(note),
                        (None, true) => rejected += share.facts(),
                        (None, false) => {
                            dropped += share.facts();
                            lost.add(fact);
                        }
                    }
                    answers.extend(waiter.map(|waiter| (waiter, Err((*error).clone()))));
                }
                Fate::Again => {}
            }
        }
        for waiter in again.into_iter().rev() {
            state.flight.waiters.push_front(waiter);
        }
        state.sick.retain(|kind| !healed.contains(kind));
        state.owed.merge(&lost);
        state.pay(self.home(Kind::Event));
        self.count(&mut state, |tally| {
            tally.written += written;
            tally.dropped += dropped;
            tally.rejected += rejected;
        });
        let news = trouble.is_some() && state.trouble.is_none();
        if let Some(error) = trouble {
            state.trouble = Some(error.clone());
        }
        match refused {
            Some(error) => self.tell_of_rejection(state, error),
            None => drop(state),
        }
        self.room.give_back(charge);
        for (waiter, answer) in answers {
            answer_one(waiter, answer);
        }
        if let (true, Some(error)) = (news, trouble) {
            let (log, cause, cure) = (&self.address, health::cause(error), error.cure());
            tracing::warn!(target: "papyra", %log, %error, cause, cure, "a part of the log takes no facts: they are dropped and counted");
        }
    }

    /// The log took all of these facts: their parts are well, and what is owed to the log can be told.
    pub(super) fn took(&self, facts: &[Fact]) {
        let mut state = self.state();
        if state.sick.is_empty() && state.owed.is_empty() {
            return;
        }
        state.sick.retain(|home| facts.iter().all(|fact| self.home(fact.kind()) != *home));
        state.pay(self.home(Kind::Event));
    }

    /// What stands for the part of the log in which a kind lives: the first of the kinds that live there.
    fn home(&self, kind: Kind) -> Kind {
        let lives = if kind == Kind::Unknown { Kind::Event } else { kind };
        let part = self.log.parts().find(|(kinds, _)| kinds.contains(&lives));
        part.and_then(|(kinds, _)| kinds.first().copied()).unwrap_or(kind)
    }
}

impl State {
    /// Queues a note about the drops that the log has not been told of, if the part that notes go to takes facts.
    fn pay(&mut self, home_of_notes: Kind) {
        // A note that can only be refused again would keep the writer busy for nothing.
        if self.owed.is_empty() || self.sick.contains(&home_of_notes) {
            return;
        }
        let owed = std::mem::take(&mut self.owed);
        self.begin_note();
        self.drops.merge(&owed);
    }
}
