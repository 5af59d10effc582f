//! What stands at the end of every `--help`: examples that run as they are, and the exit codes that can come.

use std::fmt::Write as _;

use clap::CommandFactory as _;

use crate::{
    args::Cli,
    console::Out,
    exit::{ExitCode, TABLE},
    failure::Failure,
};

/// The codes that every command can end with.
const ALWAYS: &[ExitCode] = &[ExitCode::Done, ExitCode::Usage, ExitCode::Internal, ExitCode::Io, ExitCode::Config];
/// The codes of every command that opens a log, beside those.
pub(crate) const OF_A_LOG: &[ExitCode] =
    &[ExitCode::NoLog, ExitCode::Unavailable, ExitCode::Permission, ExitCode::Interrupted, ExitCode::Terminated];

/// The codes of what changes a log, beside those.
pub(crate) const OF_A_CHANGE: &[ExitCode] = &[ExitCode::Locked, ExitCode::CannotCreate];

/// The codes of a startup check, which passes where there is no log yet.
pub(crate) const OF_A_CHECK: &[ExitCode] = &[
    ExitCode::Unavailable,
    ExitCode::CannotCreate,
    ExitCode::Locked,
    ExitCode::Permission,
    ExitCode::Interrupted,
    ExitCode::Terminated,
];

/// The text behind the options: examples, and the exit codes of this command beside those that always can come.
pub(crate) fn after(examples: &[&str], codes: &[&[ExitCode]]) -> String {
    let mut text = String::from("Examples:\n");
    for example in examples {
        let _ = writeln!(text, "  {example}");
    }
    text.push_str("\nExit codes:\n");
    text.push_str(&table(|code| ALWAYS.contains(&code) || codes.iter().any(|some| some.contains(&code))));
    text.truncate(text.trim_end().len());
    text
}

/// The lines of the exit code table that are wanted.
fn table(wanted: impl Fn(ExitCode) -> bool) -> String {
    let rows = TABLE.iter().filter(|(code, _)| wanted(*code));
    rows.fold(String::new(), |mut text, (code, meaning)| {
        let _ = writeln!(text, "{:5}  {meaning}", code.code());
        text
    })
}

/// `papyra help TOPIC…`: the exit codes, or the help of a command.
pub(crate) fn show(topic: &[String], out: &mut Out) -> Result<ExitCode, Failure> {
    if topic == ["exit-codes"] {
        out.raw(&table(|_| true))?;
        return Ok(ExitCode::Done);
    }
    let mut command = Cli::command();
    command.build();
    let mut found = &mut command;
    for word in topic {
        found = found.find_subcommand_mut(word).ok_or_else(|| Failure::Usage {
            message: format!("there is no help about `{word}`"),
            cure: Some("`papyra help` lists the commands; `papyra help exit-codes` is there, too".to_owned()),
        })?;
    }
    out.raw(&found.render_long_help().to_string())?;
    Ok(ExitCode::Done)
}
