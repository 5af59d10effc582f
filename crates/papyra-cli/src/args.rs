//! The command line as a type.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, builder::NonEmptyStringValueParser};

use crate::{
    append::AppendArgs,
    backup::BackupArgs,
    config::ConfigArgs,
    console::{Color, Talk},
    demo::DemoArgs,
    doctor::DoctorArgs,
    exit::ExitCode,
    groups::GroupsArgs,
    help,
    inspect::InspectArgs,
    manual::{CompletionsArgs, ManArgs},
    metrics::MetricsArgs,
    persistence::PersistenceArgs,
    serve::ServeArgs,
    timeline::TimelineArgs,
};

const EXAMPLES: &[&str] = &[
    r#"echo '{"kind":"event","timestamp":1700000000}' | papyra append --path facts.ndjson"#,
    "papyra inspect events --path facts.ndjson",
    "papyra doctor run --path facts.ndjson",
];

/// Papyra, the flight recorder for actor systems: record facts, read them back, keep them sound.
#[derive(Debug, Parser)]
#[command(
    name = "papyra",
    version,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = help::after(EXAMPLES, &[help::OF_A_LOG, &[
        ExitCode::GateClosed,
        ExitCode::Anomalies,
        ExitCode::NotRecovered,
        ExitCode::NotReady,
        ExitCode::BackupMismatch,
        ExitCode::Threshold,
        ExitCode::Input,
        ExitCode::Locked,
    ]])
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Which log, and how to talk about it")]
pub(crate) struct Global {
    /// The log: a file, or the directory of a rotating log
    #[arg(long, global = true, value_name = "PATH", conflicts_with = "url")]
    pub(crate) path: Option<PathBuf>,
    /// The log's address, such as json:./facts.ndjson?durability=buffered [env: PAPYRA_URL]
    #[arg(long, global = true, value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) url: Option<String>,
    /// The configuration file [env: PAPYRA_CONFIG] [default: ./papyra.toml, the user's, /etc/papyra/papyra.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The form of the output [default: plain text, a table on a terminal]
    #[arg(short, long, global = true, value_name = "FORM", ignore_case = true)]
    pub(crate) output: Option<Output>,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", ignore_case = true)]
    pub(crate) color: Color,
    /// Say on stderr what is decided on the way
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Only errors and warnings on stderr
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

impl Global {
    pub(crate) fn talk(&self) -> Talk {
        match (self.quiet, self.verbose) {
            (true, _) => Talk::Quiet,
            (_, true) => Talk::Verbose,
            _ => Talk::Normal,
        }
    }
}

/// A form of output that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Columns with a header.
    Table,
    /// One JSON document.
    Json,
    /// One JSON object a line.
    Ndjson,
}

/// The commands. What a command is about stands with its own arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(after_help = help::after(
        &["papyra demo --seconds 1"],
        &[&[ExitCode::CannotCreate, ExitCode::Permission, ExitCode::Interrupted, ExitCode::Terminated]]
    ))]
    Demo(DemoArgs),
    Append(AppendArgs),
    Inspect(InspectArgs),
    Timeline(TimelineArgs),
    Doctor(DoctorArgs),
    Persistence(PersistenceArgs),
    Backup(BackupArgs),
    Metrics(MetricsArgs),
    Groups(GroupsArgs),
    Serve(ServeArgs),
    Config(ConfigArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
    /// Help about a command, or about `exit-codes`
    #[command(after_help = help::after(&["papyra help exit-codes", "papyra help inspect events"], &[]))]
    Help {
        /// A command, or `exit-codes`
        topic: Vec<String>,
    },
}
