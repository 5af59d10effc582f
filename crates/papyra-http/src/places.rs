//! Where the facts of a log live: in one place, or in several with an order of their own each.

use papyra::{Entry, Kind, Log, Position};

use crate::answer::Refusal;

/// A place, and how far it was followed.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) kinds: Vec<Kind>,
    pub(crate) log: Log,
    pub(crate) position: Option<Position>,
}

/// All places of a log.
#[derive(Clone)]
pub(crate) struct Places(pub(crate) Vec<Place>);

impl Places {
    pub(crate) fn of(log: &Log) -> Self {
        let parts = log.parts().map(|(kinds, part)| Place { kinds: kinds.to_vec(), log: part.clone(), position: None });
        let mut places: Vec<Place> = parts.collect();
        if places.is_empty() {
            places.push(Place { kinds: Vec::new(), log: log.clone(), position: None });
        }
        Places(places)
    }

    /// Looks where each of them ends.
    pub(crate) async fn find_ends(&mut self) -> papyra::Result<()> {
        for place in &mut self.0 {
            place.position = place.log.last_position().await?;
        }
        Ok(())
    }

    /// Whether an entry stands within what was found, not behind it.
    pub(crate) fn holds(&self, entry: &Entry) -> bool {
        let place = match self.0.as_slice() {
            [place] => Some(place),
            places => places.iter().find(|place| place.kinds.contains(&entry.fact.kind())),
        };
        place.is_some_and(|place| place.position.is_some_and(|end| entry.position <= end))
    }

    /// Reads what [`id`](Places::id) wrote.
    pub(crate) fn resume(&mut self, id: &str) -> Result<(), Refusal> {
        if let [place] = self.0.as_mut_slice() {
            // Before the first fact there is no position.
            place.position = if id == "-" { None } else { Some(id.parse()?) };
            return Ok(());
        }
        for part in id.split(',').filter(|part| !part.is_empty() && *part != "-") {
            let (kind, position) = part
                .split_once(':')
                .ok_or_else(|| Refusal::bad_query("this log has a position for each of its parts: kind:position,…"))?;
            let place = self
                .0
                .iter_mut()
                .find(|place| place.name() == kind)
                .ok_or_else(|| Refusal::bad_query(format!("no part of this log is called `{kind}`")))?;
            place.position = Some(position.parse()?);
        }
        Ok(())
    }

    /// Where all of them are, as one word.
    pub(crate) fn id(&self) -> String {
        let places = self.0.iter().filter_map(|place| Some((place, place.position?)));
        let words: Vec<String> = match self.0.len() {
            1 => places.map(|(_, position)| position.to_string()).collect(),
            _ => places.map(|(place, position)| format!("{}:{position}", place.name())).collect(),
        };
        if words.is_empty() { "-".to_owned() } else { words.join(",") }
    }
}

impl Place {
    /// The first of its kinds.
    fn name(&self) -> &'static str {
        self.kinds.first().map_or("", |kind| kind.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_was_written() {
        let mut one = Places::of(&Log::memory());
        assert_eq!(one.id(), "-");
        for id in ["12", "7-1", "-"] {
            one.resume(id).unwrap();
            assert_eq!(one.id(), id);
        }
        assert!(one.resume("x").is_err());
    }

    #[test]
    fn a_log_of_parts_has_a_position_in_each() {
        let mut places = Places::of(&Log::memory().with_kind(Kind::DeadLetter, &Log::memory()));
        for id in ["-", "event:12,dead_letter:7-1", "dead_letter:3"] {
            let mut fresh = places.clone();
            fresh.resume(id).unwrap();
            assert_eq!(fresh.id(), id);
        }
        assert!(places.resume("12").is_err());
        assert!(places.resume("audit:12").is_err());
    }
}
