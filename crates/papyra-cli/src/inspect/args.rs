//! What `papyra inspect` can be asked.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum, value_parser};
use papyra::{
    Kind, Position,
    document::{ActorGlob, Filter, Glob},
    incident::{StormRules, TopBy},
    units::{When, parse_duration},
};

use crate::{failure::Failure, help};

/// Read what the log holds: events, audits, dead letters
#[derive(Debug, Args)]
#[command(after_help = help::after(&["papyra inspect events --path facts.ndjson --limit 10"], &[help::OF_A_LOG]))]
pub(crate) struct InspectArgs {
    #[command(subcommand)]
    pub(crate) what: What,
}

/// What to read.
#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// What happened to actors: starts, stops, crashes, restarts
    #[command(
        after_help = help::after(
            &["papyra inspect events --path facts.ndjson --event-type 'Actor*' --since 2023-11-14 --limit 10",
              "papyra inspect events --path facts.ndjson --actor local:1 -o ndjson"],
            &[help::OF_A_LOG]
        )
    )]
    Events(EventsArgs),
    /// Snapshots of the whole system
    #[command(
        after_help = help::after(&["papyra inspect audits --path facts.ndjson --limit 1"], &[help::OF_A_LOG])
    )]
    Audits(AuditsArgs),
    /// Messages that could not be delivered
    #[command(
        after_help = help::after(
            &["papyra inspect dead-letters --path facts.ndjson --target 'orders://*' --since 2h",
              "papyra inspect dead-letters --path facts.ndjson --top target --since 2h"],
            &[help::OF_A_LOG]
        )
    )]
    DeadLetters(DeadLettersArgs),
    /// The newest audit, and how many facts of which kind there are
    #[command(after_help = help::after(&["papyra inspect summary --path facts.ndjson"], &[help::OF_A_LOG]))]
    Summary(SummaryArgs),
    /// What happens again and again in a short time: crash loops, restart storms, dead-letter storms
    #[command(
        after_help = help::after(
            &["papyra inspect storms --path facts.ndjson --since 1d",
              "papyra inspect storms --path facts.ndjson --window 10m --crashes 3"],
            &[help::OF_A_LOG]
        )
    )]
    Storms(StormsArgs),
}

/// Which entries, whatever their kind.
#[derive(Clone, Debug, Args)]
pub(crate) struct Range {
    /// Only the newest N; filters apply before
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Newest first
    #[arg(long, conflicts_with = "follow")]
    pub(crate) reverse: bool,
    /// Go on with each new entry as it is appended, until Ctrl-C
    #[arg(short, long, conflicts_with = "until")]
    pub(crate) follow: bool,
    /// Only entries behind this position, as `-o ndjson` and `append --ack` print it
    #[arg(long, value_name = "POSITION")]
    pub(crate) after: Option<String>,
    #[command(flatten)]
    pub(crate) span: Span,
}

/// From when to when, in which system.
#[derive(Clone, Debug, Args)]
pub(crate) struct Span {
    /// Not before this time: 2h, '15 minutes ago', yesterday, RFC 3339, a date, Unix seconds
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    pub(crate) since: Option<String>,
    /// Not after this time
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    pub(crate) until: Option<String>,
    /// The time zone of times, given and shown: an IANA name, or `local`
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub(crate) tz: String,
    /// Only facts of actor systems with such a name (* and ?)
    #[arg(long, value_name = "GLOB")]
    pub(crate) system: Vec<String>,
}

/// Which events.
#[derive(Clone, Debug, Args)]
pub(crate) struct EventsArgs {
    #[command(flatten)]
    pub(crate) range: Range,
    /// Only such events, as ActorCrashed or 'Actor*'
    #[arg(long, value_name = "GLOB")]
    pub(crate) event_type: Vec<String>,
    /// Only of such actors; local:1 and local://1 are the same
    #[arg(long, value_name = "GLOB")]
    pub(crate) actor: Vec<String>,
}

/// Which audits.
#[derive(Clone, Debug, Args)]
pub(crate) struct AuditsArgs {
    #[command(flatten)]
    pub(crate) range: Range,
}

/// Which dead letters.
#[derive(Clone, Debug, Args)]
pub(crate) struct DeadLettersArgs {
    #[command(flatten)]
    pub(crate) range: Range,
    /// Only messages to such actors; local:1 and local://1 are the same
    #[arg(long, visible_alias = "actor", value_name = "GLOB")]
    pub(crate) target: Vec<String>,
    /// Only messages of such types
    #[arg(long, value_name = "GLOB")]
    pub(crate) message_type: Vec<String>,
    /// Count instead of listing: the targets, types or reasons with the most; --limit says how many [default: 10]
    #[arg(long, value_name = "BY", ignore_case = true, conflicts_with_all = ["follow", "reverse"])]
    pub(crate) top: Option<By>,
}

/// What dead letters are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// Whom they were for.
    Target,
    /// The type of the message.
    Type,
    /// Why they were not delivered.
    Why,
}

impl From<By> for TopBy {
    fn from(by: By) -> Self {
        match by {
            By::Target => TopBy::Target,
            By::Type => TopBy::Type,
            By::Why => TopBy::Why,
        }
    }
}

/// What is a storm.
#[derive(Clone, Debug, Args)]
pub(crate) struct StormsArgs {
    #[command(flatten)]
    pub(crate) span: Span,
    /// Only of such actors; local:1 and local://1 are the same
    #[arg(long, value_name = "GLOB")]
    pub(crate) actor: Vec<String>,
    /// So much within this time is a storm, which lasts until it was calm for so long
    #[arg(long, value_name = "D", default_value = "1m", value_parser = window)]
    pub(crate) window: Duration,
    /// So many crashes or failed starts, of one actor or of several, for the same reason
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = value_parser!(u64).range(1..))]
    pub(crate) crashes: u64,
    /// So many restarts of one actor
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = value_parser!(u64).range(1..))]
    pub(crate) restarts: u64,
    /// So many lost messages of one type to one actor, for the same reason
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = value_parser!(u64).range(1..))]
    pub(crate) dead_letters: u64,
}

/// A time that is longer than nothing.
pub(crate) fn window(text: &str) -> Result<Duration, String> {
    match parse_duration(text).map_err(|error| error.to_string())? {
        Duration::ZERO => Err("no time is too short for anything to happen".to_owned()),
        window => Ok(window),
    }
}

impl StormsArgs {
    pub(crate) fn rules(&self) -> StormRules {
        let mut rules = StormRules::default();
        rules.window = self.window;
        (rules.crashes, rules.restarts, rules.dead_letters) = (self.crashes, self.restarts, self.dead_letters);
        rules
    }

    pub(crate) fn filter(&self) -> Filter {
        let actors = self.actor.iter().map(|pattern| ActorGlob::new(pattern)).collect();
        Filter { actors, ..Filter::default() }
    }
}

/// What to sum up.
#[derive(Clone, Debug, Args)]
pub(crate) struct SummaryArgs {
    #[command(flatten)]
    pub(crate) span: Span,
}

impl Span {
    /// The time zone at this moment, the lower bound, and the filter for the rest.
    pub(crate) fn understand(&self) -> Result<(When, Option<f64>, Filter), Failure> {
        let when = When::in_zone(&self.tz).map_err(|cause| Failure::usage(format!("--tz: {cause}")))?;
        let time = |flag: &str, text: &Option<String>| {
            let parsed = text.as_deref().map(|text| when.parse(text)).transpose();
            parsed.map_err(|cause| Failure::usage(format!("--{flag}: {cause}")))
        };
        let since = time("since", &self.since)?;
        let filter = Filter { until: time("until", &self.until)?, systems: globs(&self.system), ..Filter::default() };
        Ok((when, since, filter))
    }
}

impl What {
    /// The kind of facts, the range, and the filters that only this kind has.
    pub(crate) fn understand(&self) -> Option<(Kind, &Range, Filter)> {
        let (kind, range, types, actors): (_, _, &[String], &[String]) = match self {
            What::Events(args) => (Kind::Event, &args.range, &args.event_type, &args.actor),
            What::Audits(args) => (Kind::Audit, &args.range, &[], &[]),
            What::DeadLetters(args) => (Kind::DeadLetter, &args.range, &args.message_type, &args.target),
            What::Summary(_) | What::Storms(_) => return None,
        };
        let actors = actors.iter().map(|pattern| ActorGlob::new(pattern)).collect();
        Some((kind, range, Filter { types: globs(types), actors, ..Filter::default() }))
    }

    /// By what dead letters are to be counted instead of being listed.
    pub(crate) fn top(&self) -> Option<TopBy> {
        match self {
            What::DeadLetters(args) => args.top.map(TopBy::from),
            _ => None,
        }
    }
}

impl Range {
    pub(crate) fn position(&self) -> Result<Option<Position>, Failure> {
        let parsed = self.after.as_deref().map(str::parse::<Position>).transpose();
        parsed.map_err(|error| Failure::Usage {
            message: format!("--after: {error}"),
            cure: error.cure().map(str::to_owned),
        })
    }
}

fn globs(patterns: &[String]) -> Vec<Glob> {
    patterns.iter().map(|pattern| Glob::new(pattern)).collect()
}
