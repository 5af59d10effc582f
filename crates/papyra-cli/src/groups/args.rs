//! The command line of `groups`.

use std::time::Duration;

use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};
use papyra::{Group, GroupStart, Kind, Position, units::parse_duration};

use crate::{exit::ExitCode, help};

/// Consumer groups: workers that share the facts of a log in Redis, and acknowledge them
#[derive(Debug, Args)]
#[command(
    long_about = "Consumer groups: workers that share the facts of a log in Redis, and acknowledge them.\n\n\
        Each fact of a kind is delivered to one consumer of each group. It is pending with it until somebody acknowledges it; \
        what stays pending for too long another consumer can claim. So each fact is handled at least once, and now and then \
        twice. Names and meanings are those of Redis. Which log: --url, or PAPYRA_URL.",
    after_help = help::after(
        &["papyra groups list", "papyra groups read --group mailers --consumer mailer-1 --count 10"],
        &[help::OF_A_LOG, &[ExitCode::Anomalies, ExitCode::Input]]
    )
)]
pub(crate) struct GroupsArgs {
    #[command(subcommand)]
    pub(super) what: What,
}

#[derive(Debug, Subcommand)]
pub(super) enum What {
    /// The groups, what is pending in each, how far behind it is, and its consumers
    #[command(after_help = help::after(&["papyra groups list", "papyra groups list --kind audit -o json"], &[help::OF_A_LOG]))]
    List(ListArgs),
    /// Create a group; one that exists stays as it is
    #[command(after_help = help::after(
        &["papyra groups create mailers", "papyra groups create alarms --kind dead_letter --from '$'"],
        &[help::OF_A_LOG]
    ))]
    Create(CreateArgs),
    /// Delete a group, or remove one of its consumers; refused while entries are pending
    #[command(after_help = help::after(
        &["papyra groups delete mailers --consumer mailer-7", "papyra groups delete mailers"],
        &[help::OF_A_LOG, &[ExitCode::Anomalies]]
    ))]
    Delete(DeleteArgs),
    /// Deliver facts to a consumer, and print them as `papyra append` takes them
    #[command(
        long_about = "Deliver facts to a consumer, and print them as `papyra append` takes them.\n\n\
            What is printed is pending with this consumer until it is acknowledged: `papyra groups ack` takes the same lines. \
            A group that does not exist is created. What was delivered before and not acknowledged comes with --pending; \
            begin with that after a crash.",
        after_help = help::after(
            &["papyra groups read --group archive --consumer archiver --pending > batch.ndjson",
              "papyra groups read --group archive --consumer archiver --count 1000 > batch.ndjson",
              "papyra append --path archive.ndjson < batch.ndjson",
              "papyra groups ack --group archive < batch.ndjson"],
            &[help::OF_A_LOG]
        )
    )]
    Read(ReadArgs),
    /// What was delivered and not acknowledged: how much, with whom, for how long, how often
    #[command(after_help = help::after(
        &["papyra groups create mailers && papyra groups pending --group mailers --idle 10m"],
        &[help::OF_A_LOG]
    ))]
    Pending(PendingArgs),
    /// Deliver to a consumer what others left pending, and print it
    #[command(
        long_about = "Deliver to a consumer what others left pending, and print it.\n\n\
            Without positions, everything that has been idle for --min-idle, up to --count. What was delivered more than \
            --max-deliveries times is set aside instead: `papyra groups dead` shows it.",
        after_help = help::after(
            &["papyra groups create mailers && papyra groups claim --group mailers --consumer mailer-2 --min-idle 10m"],
            &[help::OF_A_LOG]
        )
    )]
    Claim(ClaimArgs),
    /// Acknowledge entries: by position, or the lines that `read` and `claim` printed on stdin
    #[command(after_help = help::after(
        &["papyra groups ack --group mailers 1700000000000-0",
          "papyra groups read --group mailers --consumer m --count 10 | papyra groups ack --group mailers"],
        &[help::OF_A_LOG, &[ExitCode::Input]]
    ))]
    Ack(AckArgs),
    /// What was set aside because it was delivered too often, or is no fact
    #[command(after_help = help::after(
        &["papyra groups dead", "papyra groups dead --group mailers -o ndjson"],
        &[help::OF_A_LOG]
    ))]
    Dead(DeadArgs),
}

/// Which facts.
#[derive(Debug, Args)]
pub(super) struct OfKind {
    /// The kind of facts: event, audit or dead_letter
    #[arg(long, value_name = "KIND", default_value = "event", value_parser = kind)]
    pub(super) kind: Kind,
}

/// Which group.
#[derive(Debug, Args)]
pub(super) struct OfGroup {
    #[command(flatten)]
    of: OfKind,
    /// The group
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    group: String,
}

impl OfGroup {
    pub(super) fn group(&self) -> Group {
        Group::new(self.of.kind, &self.group)
    }
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only groups that read this kind of facts
    #[arg(long, value_name = "KIND", value_parser = kind)]
    pub(super) kind: Option<Kind>,
    /// Only groups of this name
    #[arg(long, value_name = "NAME")]
    pub(super) group: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// The group
    #[arg(value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    name: String,
    #[command(flatten)]
    of: OfKind,
    /// Where it begins: 0 with the oldest entry, $ with the next one, or behind a position
    #[arg(long, value_name = "ID|0|$", default_value = "0", value_parser = start)]
    pub(super) from: GroupStart,
}

impl CreateArgs {
    pub(super) fn group(&self) -> Group {
        Group::new(self.of.kind, &self.name)
    }
}

#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    /// The group
    #[arg(value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    name: String,
    #[command(flatten)]
    of: OfKind,
    /// Remove only this consumer from it
    #[arg(long, value_name = "NAME", conflicts_with = "force")]
    pub(super) consumer: Option<String>,
    /// Also if entries are pending: nobody will get them again
    #[arg(long)]
    pub(super) force: bool,
}

impl DeleteArgs {
    pub(super) fn group(&self) -> Group {
        Group::new(self.of.kind, &self.name)
    }
}

#[derive(Debug, Args)]
pub(super) struct ReadArgs {
    #[command(flatten)]
    pub(super) of: OfGroup,
    /// Who reads
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(super) consumer: String,
    /// At most so many, up to 1000
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(super) count: u64,
    /// How long to wait for the first if there is none
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration, conflicts_with = "pending")]
    pub(super) block: Duration,
    /// What was delivered to this consumer before and not acknowledged, instead of what is new
    #[arg(long)]
    pub(super) pending: bool,
    /// Where the group begins if it has to be created
    #[arg(long, value_name = "ID|0|$", default_value = "0", value_parser = start)]
    pub(super) from: GroupStart,
}

#[derive(Debug, Args)]
pub(super) struct PendingArgs {
    #[command(flatten)]
    pub(super) of: OfGroup,
    /// Only what is pending with this consumer
    #[arg(long, value_name = "NAME")]
    pub(super) consumer: Option<String>,
    /// Only what has been idle for so long
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub(super) idle: Duration,
    /// Only what stands behind this position
    #[arg(long, value_name = "POSITION")]
    pub(super) after: Option<Position>,
    /// List at most so many, up to 1000
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(super) count: u64,
}

#[derive(Debug, Args)]
pub(super) struct ClaimArgs {
    #[command(flatten)]
    pub(super) of: OfGroup,
    /// Who takes them
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(super) consumer: String,
    /// Only what has been idle for so long: more than twice as long as handling takes
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub(super) min_idle: Duration,
    /// At most so many, up to 1000
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(super) count: u64,
    /// Set aside what was delivered more often than this
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) max_deliveries: u64,
    /// These entries
    #[arg(value_name = "POSITION")]
    pub(super) positions: Vec<Position>,
}

#[derive(Debug, Args)]
pub(super) struct AckArgs {
    #[command(flatten)]
    pub(super) of: OfGroup,
    /// These entries; without, the positions of the lines on stdin
    #[arg(value_name = "POSITION")]
    pub(super) positions: Vec<Position>,
}

#[derive(Debug, Args)]
pub(super) struct DeadArgs {
    #[command(flatten)]
    pub(super) of: OfKind,
    /// Only what this group could not handle
    #[arg(long, value_name = "NAME")]
    pub(super) group: Option<String>,
    /// Only what stands behind this position among the dead entries
    #[arg(long, value_name = "POSITION")]
    pub(super) after: Option<Position>,
    /// At most so many, the oldest
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(super) count: usize,
}

/// A kind by its word, or by the name of its stream: `dead-letters` is as good as `dead_letter`.
fn kind(text: &str) -> Result<Kind, String> {
    let word = text.to_ascii_lowercase().replace('-', "_");
    Kind::from_word(&word)
        .or_else(|| Kind::from_word(word.strip_suffix('s')?))
        .ok_or_else(|| "kinds are event, audit and dead_letter".to_owned())
}

fn start(text: &str) -> Result<GroupStart, String> {
    text.parse().map_err(|_| "give 0, $, or a position such as 1700000000000-0".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| match error.cure() {
        Some(cure) => format!("{error}: {cure}"),
        None => error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_the_names_of_facts_and_of_streams() {
        for (text, meant) in [("event", Kind::Event), ("Audits", Kind::Audit), ("dead-letters", Kind::DeadLetter)] {
            assert_eq!(kind(text), Ok(meant));
        }
        assert!(kind("unknown").is_err() && kind("s").is_err() && kind("").is_err());
    }
}
