//! What stands behind the question mark, under the names of the command line's flags.

use std::num::NonZeroU64;

use axum::{extract::Query, http::Uri};
use papyra::{
    Kind, Position,
    document::{ActorGlob, Filter, Glob},
    incident::StormRules,
    units::{When, parse_duration},
};

use crate::answer::Refusal;

/// How many parameters are looked at.
const MAX_PARAMETERS: usize = 64;
/// How long a pattern may be: matching takes the product of its length and the name's at worst.
const MAX_PATTERN: usize = 256;

/// The parameters of a request. What a handler does not take is refused, so that no typo is taken for an answer.
pub(crate) struct Parameters {
    given: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl Parameters {
    pub(crate) fn of(uri: &Uri) -> Result<Self, Refusal> {
        let Query(given) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| Refusal::bad_query(format!("the query cannot be read: {error}")))?;
        if given.len() > MAX_PARAMETERS {
            return Err(Refusal::bad_query(format!("the query has more than {MAX_PARAMETERS} parameters")));
        }
        Ok(Parameters { given, known: Vec::new() })
    }

    /// All values of a parameter, in their order. Empty ones, as a form sends them, do not count.
    pub(crate) fn all(&mut self, name: &'static str) -> Vec<String> {
        self.known.push(name);
        let (taken, rest) =
            std::mem::take(&mut self.given).into_iter().partition(|(given, _)| given.replace('-', "_") == name);
        self.given = rest;
        taken.into_iter().map(|(_, value)| value).filter(|value| !value.is_empty()).collect()
    }

    /// The value of a parameter that may be given once.
    pub(crate) fn one(&mut self, name: &'static str) -> Result<Option<String>, Refusal> {
        let mut values = self.all(name);
        if values.len() > 1 {
            return Err(Refusal::bad_query(format!("`{name}` is given more than once")));
        }
        Ok(values.pop())
    }

    /// A parameter that is on or off: `reverse`, `reverse=true`.
    pub(crate) fn flag(&mut self, name: &'static str) -> Result<bool, Refusal> {
        let is_bare = self.given.iter().any(|(given, value)| given == name && value.is_empty());
        match self.one(name)?.as_deref() {
            None => Ok(is_bare),
            Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            Some(other) => Err(Refusal::bad_query(format!("`{name}` is true or false, not `{other}`"))),
        }
    }

    /// How many facts are wanted.
    pub(crate) fn limit(&mut self, usual: usize, most: usize) -> Result<usize, Refusal> {
        self.number("limit", usual, most)
    }

    /// A number up to a limit.
    pub(crate) fn number(&mut self, name: &'static str, usual: usize, most: usize) -> Result<usize, Refusal> {
        let Some(text) = self.one(name)? else { return Ok(usual.min(most)) };
        match text.parse() {
            Ok(number) if number <= most => Ok(number),
            Ok(_) => Err(Refusal::bad_query(format!("`{name}` is at most {most}"))),
            Err(_) => Err(Refusal::bad_query(format!("`{name}` is a number, not `{text}`"))),
        }
    }

    pub(crate) fn position(&mut self) -> Result<Option<Position>, Refusal> {
        Ok(self.one("after")?.map(|text| text.parse::<Position>()).transpose()?)
    }

    /// The time zone, the lower bound, and the filter for what has no kind of its own.
    pub(crate) fn span(&mut self) -> Result<(Option<f64>, Filter), Refusal> {
        let zone = self.one("tz")?;
        let when = When::in_zone(zone.as_deref().unwrap_or("UTC"))
            .map_err(|cause| Refusal::bad_query(format!("`tz`: {cause}")))?;
        let mut time = |name| {
            let text = self.one(name)?;
            let time = text.map(|text| when.parse(&text)).transpose();
            time.map_err(|cause| Refusal::bad_query(format!("`{name}`: {cause}")))
        };
        let (since, until) = (time("since")?, time("until")?);
        Ok((since, Filter { until, systems: self.globs("system")?, ..Filter::default() }))
    }

    /// Which events: `event_type` and `actor`.
    pub(crate) fn events(&mut self) -> Result<Filter, Refusal> {
        Ok(Filter { types: self.globs("event_type")?, actors: self.actors("actor")?, ..Filter::default() })
    }

    /// Which dead letters: `message_type` and `target`, which is an actor, too.
    pub(crate) fn dead_letters(&mut self) -> Result<Filter, Refusal> {
        let mut actors = self.actors("target")?;
        actors.extend(self.actors("actor")?);
        Ok(Filter { types: self.globs("message_type")?, actors, ..Filter::default() })
    }

    /// What is a storm: `window`, and how many `crashes`, `restarts` and `dead_letters` within it.
    pub(crate) fn storm_rules(&mut self) -> Result<StormRules, Refusal> {
        let mut rules = StormRules::default();
        if let Some(text) = self.one("window")? {
            let window = parse_duration(&text).map_err(|cause| Refusal::bad_query(format!("`window`: {cause}")))?;
            rules.window = Some(window)
                .filter(|window| !window.is_zero())
                .ok_or_else(|| Refusal::bad_query("`window`: no time is too short for anything to happen"))?;
        }
        for (name, least) in [
            ("crashes", &mut rules.crashes),
            ("restarts", &mut rules.restarts),
            ("dead_letters", &mut rules.dead_letters),
        ] {
            if let Some(text) = self.one(name)? {
                let given = text.parse::<NonZeroU64>();
                *least = given
                    .map_err(|_| Refusal::bad_query(format!("`{name}` is a number from 1 on, not `{text}`")))?
                    .get();
            }
        }
        Ok(rules)
    }

    pub(crate) fn kinds(&mut self) -> Result<Vec<Kind>, Refusal> {
        let word = |word: String| {
            Kind::from_word(&word.replace('-', "_")).ok_or_else(|| {
                Refusal::bad_query(format!("`{word}` is no kind of facts: known are event, audit and dead_letter"))
            })
        };
        self.all("kind").into_iter().map(word).collect()
    }

    pub(crate) fn globs(&mut self, name: &'static str) -> Result<Vec<Glob>, Refusal> {
        Ok(self.patterns(name)?.iter().map(|pattern| Glob::new(pattern)).collect())
    }

    pub(crate) fn actors(&mut self, name: &'static str) -> Result<Vec<ActorGlob>, Refusal> {
        Ok(self.patterns(name)?.iter().map(|pattern| ActorGlob::new(pattern)).collect())
    }

    fn patterns(&mut self, name: &'static str) -> Result<Vec<String>, Refusal> {
        let patterns = self.all(name);
        if patterns.iter().any(|pattern| pattern.len() > MAX_PATTERN) {
            return Err(Refusal::bad_query(format!("`{name}` is longer than {MAX_PATTERN} bytes")));
        }
        Ok(patterns)
    }

    /// Nothing may be left.
    pub(crate) fn done(self) -> Result<(), Refusal> {
        match self.given.first() {
            None => Ok(()),
            Some((name, _)) => {
                let known = match self.known.as_slice() {
                    [] => "there are none here".to_owned(),
                    known => format!("known are {}", known.join(", ")),
                };
                let name: String = name.chars().take(60).collect();
                Err(Refusal::bad_query(format!("`{name}` is no parameter of this: {known}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(query: &str) -> Parameters {
        Parameters::of(&format!("/x?{query}").parse().unwrap()).unwrap()
    }

    #[test]
    fn what_nobody_takes_is_refused_by_name() {
        let mut given = parameters("limit=3&lmit=4");
        assert_eq!(given.limit(10, 100).unwrap(), 3);
        assert!(given.done().unwrap_err().to_json().contains("`lmit` is no parameter of this: known are limit"));
        assert!(parameters("").done().is_ok());
    }

    #[test]
    fn values_are_read_as_the_command_line_reads_its_flags() {
        let mut given = parameters("since=1970-01-02&event-type=A&event_type=B*&actor=local:1&reverse&system=");
        let (since, rest) = given.span().unwrap();
        assert_eq!((since, rest.systems.len()), (Some(86_400.0), 0));
        let events = given.events().unwrap();
        assert_eq!((events.types.len(), events.actors.len()), (2, 1));
        assert!(given.flag("reverse").unwrap());
        let rules = parameters("window=2m&crashes=3&dead-letters=7").storm_rules().unwrap();
        assert_eq!((rules.window.as_secs(), rules.crashes, rules.restarts, rules.dead_letters), (120, 3, 5, 7));
        assert!(given.done().is_ok());
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert!(parameters("limit=many").limit(1, 9).is_err());
        assert!(parameters("limit=10").limit(1, 9).is_err());
        assert!(parameters("limit=1&limit=2").limit(1, 9).is_err());
        assert!(parameters("since=soon").span().is_err());
        assert!(parameters("tz=Atlantis").span().is_err());
        assert!(parameters("after=x").position().is_err());
        assert!(parameters("kind=envent").kinds().is_err());
        for bad in ["window=0s", "window=soon", "crashes=0", "restarts=-1", "dead_letters=many", "crashes=1&crashes=2"]
        {
            assert!(parameters(bad).storm_rules().is_err(), "{bad}");
        }
        assert!(parameters("reverse=perhaps").flag("reverse").is_err());
        assert!(parameters(&format!("actor={}", "*a".repeat(200))).events().is_err());
        assert!(Parameters::of(&format!("/x?{}", "a=1&".repeat(65)).parse().unwrap()).is_err());
    }
}
