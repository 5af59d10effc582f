//! `papyra completions` and `papyra man`: what shells and `man` want to know of the command line.

use std::{fs, path::PathBuf};

use clap::{Args, Command, CommandFactory as _};
use clap_complete::Shell;
use papyra::{Error, ErrorKind};

use crate::{args::Cli, exit::ExitCode, failure::Failure, help, session::Session};

/// Print the completions for a shell
#[derive(Debug, Args)]
#[command(after_help = help::after(&["papyra completions bash", "papyra completions zsh"], &[]))]
pub(crate) struct CompletionsArgs {
    shell: Shell,
}

/// Print the manual page of a command, or write all of them
#[derive(Debug, Args)]
#[command(after_help = help::after(
    &["papyra man inspect events", "papyra man --dir ./man"],
    &[&[ExitCode::CannotCreate, ExitCode::Permission]]
))]
pub(crate) struct ManArgs {
    /// A command; none is `papyra` itself
    #[arg(conflicts_with = "dir")]
    command: Vec<String>,
    /// Write the pages of all commands into this directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn completions(args: CompletionsArgs, mut session: Session) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "papyra", &mut script);
    session.out.raw(&String::from_utf8_lossy(&script))?;
    session.out.flush()?;
    Ok(ExitCode::Done)
}

pub(crate) fn man(args: ManArgs, mut session: Session) -> Result<ExitCode, Failure> {
    let mut root = Cli::command();
    root.build();
    if let Some(dir) = &args.dir {
        let made = fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(root, dir));
        made.map_err(|error| {
            Error::new(ErrorKind::Create, format!("cannot write manual pages into `{}`", dir.display()))
                .with_source(error)
        })?;
        return Ok(ExitCode::Done);
    }
    let mut found = &root;
    for word in &args.command {
        found = found.find_subcommand(word).ok_or_else(|| Failure::usage(format!("there is no command `{word}`")))?;
    }
    session.out.raw(&page(found)?)?;
    session.out.flush()?;
    Ok(ExitCode::Done)
}

fn page(command: &Command) -> Result<String, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone())
        .render(&mut page)
        .map_err(|error| Error::new(ErrorKind::Internal, "cannot make a manual page").with_source(error))?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
