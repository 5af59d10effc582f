//! How many messages an actor handled and how long that took, added up.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use super::facts;
use crate::{ActorAddress, Event, Timestamp};

/// How many types of messages are told apart for one actor; what comes beyond them is one type more.
const MAX_TYPES: usize = 100;
const OTHER_TYPES: &str = "(others)";

/// Adds up what one actor handles. Cheap to clone; all clones count for the same actor.
///
/// [`Life::processing`](super::Life::processing) gives it. To count a message takes a lock that nobody else wants but for
/// a moment once per interval, and no memory after the first message of a type.
#[derive(Clone)]
pub struct Processing(Arc<Tally>);

struct Tally {
    address: ActorAddress,
    sums: Mutex<Sums>,
}

struct Sums {
    since: Timestamp,
    handled: Vec<Handled>,
}

/// Messages of one type, handled by one actor within one interval.
pub(super) struct Handled {
    pub(super) message_type: &'static str,
    pub(super) count: u64,
    pub(super) total: Duration,
    pub(super) max: Duration,
}

impl Processing {
    fn new(address: ActorAddress) -> Self {
        let sums = Sums { since: Timestamp::now(), handled: Vec::new() };
        Processing(Arc::new(Tally { address, sums: Mutex::new(sums) }))
    }

    /// The actor handled a message of this type, which took this long.
    pub fn handled(&self, message_type: &'static str, elapsed: Duration) {
        let handled = &mut self.0.sums.lock().unwrap_or_else(PoisonError::into_inner).handled;
        let of_type = |message_type: &'static str| move |handled: &Handled| handled.message_type == message_type;
        let at = match handled.iter().position(of_type(message_type)) {
            None if handled.len() >= MAX_TYPES => handled.iter().position(of_type(OTHER_TYPES)),
            known => known,
        };
        let at = at.unwrap_or_else(|| {
            let message_type = if handled.len() < MAX_TYPES { message_type } else { OTHER_TYPES };
            handled.push(Handled { message_type, count: 0, total: Duration::ZERO, max: Duration::ZERO });
            handled.len() - 1
        });
        let sum = &mut handled[at];
        sum.count += 1;
        sum.total += elapsed;
        sum.max = sum.max.max(elapsed);
    }

    /// The facts for what was handled since the last time.
    pub(super) fn take(&self) -> Vec<Event> {
        let mut sums = self.0.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let since = std::mem::replace(&mut sums.since, Timestamp::now());
        let handled = sums.handled.iter_mut().filter(|handled| handled.count > 0);
        let told = handled.map(|handled| facts::processed(&self.0.address, &handled.take(), &since));
        told.collect()
    }
}

impl Handled {
    /// The type stays, so that its next message takes no memory.
    fn take(&mut self) -> Handled {
        let anew = Handled { count: 0, total: Duration::ZERO, max: Duration::ZERO, ..*self };
        std::mem::replace(self, anew)
    }
}

impl fmt::Debug for Processing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Processing").field(&self.0.address).finish()
    }
}

/// The sums of all actors that still count.
#[derive(Default)]
pub(super) struct AllProcessing(Mutex<Vec<Weak<Tally>>>);

impl AllProcessing {
    pub(super) fn begin(&self, address: &ActorAddress) -> Processing {
        let processing = Processing::new(address.clone());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == all.capacity() {
            // Actors may come and go by the million within one interval. As much room as is taken makes this rare.
            all.retain(|tally| tally.strong_count() > 0);
            let living = all.len();
            all.reserve(living.max(64));
        }
        all.push(Arc::downgrade(&processing.0));
        processing
    }

    /// The facts for what all of them handled since the last time.
    pub(super) fn take(&self) -> Vec<Event> {
        let living = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.retain(|tally| tally.strong_count() > 0);
            all.clone()
        };
        living.iter().filter_map(Weak::upgrade).flat_map(|tally| Processing(tally).take()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(events: &[Event]) -> Vec<String> {
        let cut = |event: &Event| event.payload.as_json().split(",\"since\"").next().unwrap_or_default().to_owned();
        events.iter().map(cut).collect()
    }

    #[test]
    fn sums_are_per_actor_and_type_and_are_handed_out_once() {
        let all = AllProcessing::default();
        let (a, b) = (all.begin(&"x://a".into()), all.begin(&"x://b".into()));
        for seconds in [1, 3, 2] {
            a.handled("M", Duration::from_secs(seconds));
        }
        a.clone().handled("N", Duration::from_millis(500));
        b.handled("M", Duration::ZERO);
        let expected = [
            r#"{"message_type":"M","count":3,"total_seconds":6.0,"max_seconds":3.0"#,
            r#"{"message_type":"N","count":1,"total_seconds":0.5,"max_seconds":0.5"#,
            r#"{"message_type":"M","count":1,"total_seconds":0.0,"max_seconds":0.0"#,
        ];
        assert_eq!(told(&all.take()), expected);
        assert_eq!(all.take(), []);
        a.handled("N", Duration::from_secs(1));
        assert_eq!(told(&a.take()), [r#"{"message_type":"N","count":1,"total_seconds":1.0,"max_seconds":1.0"#]);
        drop((a, b));
        assert_eq!(all.take(), []);
        assert!(all.0.lock().unwrap().is_empty());
    }

    #[test]
    fn actors_that_come_and_go_do_not_pile_up() {
        let all = AllProcessing::default();
        let staying = all.begin(&"x://a".into());
        for n in 0..10_000 {
            drop(all.begin(&ActorAddress::new(format!("x://{n}"))));
        }
        assert!(all.0.lock().unwrap().len() <= 256);
        staying.handled("M", Duration::ZERO);
        assert_eq!(all.take().len(), 1);
    }

    #[test]
    fn types_beyond_the_limit_count_as_one() {
        let processing = Processing::new("x://a".into());
        for n in 0..MAX_TYPES + 50 {
            processing.handled(String::leak(format!("T{n}")), Duration::ZERO);
        }
        let told = told(&processing.take());
        assert_eq!(told.len(), MAX_TYPES + 1);
        assert!(told[MAX_TYPES].starts_with(r#"{"message_type":"(others)","count":50,"#));
    }
}
