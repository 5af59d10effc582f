//! From arguments to an exit code.

use std::{ffi::OsString, io, thread};

use clap::{Parser as _, error::ErrorKind as ClapError};
use papyra::Schemes;
use tokio::{
    runtime::Builder,
    sync::{oneshot, watch},
};

use crate::{
    append,
    args::{Cli, Command, Output},
    backup, config,
    console::{Color, Console, Out, Talk},
    doctor,
    exit::ExitCode,
    failure::Failure,
    groups, help, inspect, manual, metrics, persistence, report, safe,
    session::{Session, Stop},
    showcase,
    signals::Signals,
    timeline,
};

/// The whole command line of a process: its arguments, its streams, its signals. Returns what `main` returns.
pub fn main_with(schemes: Schemes) -> std::process::ExitCode {
    run_with(schemes, std::env::args_os(), Console::process()).into()
}

/// The same with other arguments (the first is the program's name) and other streams, for tests of programs with their own backend.
///
/// Configuration still comes from the environment, and signals from the process. Must not be called from within a tokio
/// runtime.
pub fn run_with(schemes: Schemes, args: impl IntoIterator<Item = impl Into<OsString>>, console: Console) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    let program = args.first().map_or_else(|| "papyra".to_owned(), |name| name.to_string_lossy().into_owned());
    match Cli::try_parse_from(&args) {
        Ok(cli) => run(cli, program, schemes, console),
        Err(refusal) => {
            // A refusal repeats what it refuses, and a newline in that would forge a line: refuse it in harmless letters.
            let harmless = args.iter().map(|arg| safe::text(&arg.to_string_lossy()).into_owned());
            refuse(&Cli::try_parse_from(harmless).err().unwrap_or(refusal), console)
        }
    }
}

/// What clap has to say instead of a command: help, or what is wrong.
fn refuse(refusal: &clap::Error, console: Console) -> ExitCode {
    let (_, mut out, notes) = console.split(Color::Auto, Talk::Normal);
    if !matches!(refusal.kind(), ClapError::DisplayHelp | ClapError::DisplayVersion) {
        // clap's own code for it is 2, and a typo must never look like a damaged log.
        notes.block(&refusal.to_string());
        return ExitCode::Usage;
    }
    let printed = out.raw(&refusal.to_string()).and_then(|()| out.flush());
    printed.map_or_else(
        |failure| {
            notes.failure(&failure);
            failure.exit_code()
        },
        |()| ExitCode::Done,
    )
}

fn run(cli: Cli, program: String, schemes: Schemes, console: Console) -> ExitCode {
    let (stdin, out, notes) = console.split(cli.global.color, cli.global.talk());
    let cannot_start = |error: io::Error| {
        notes.warning(&format!("error: cannot start: {error}"));
        notes.warning("  cure: raise the limits of this process (ulimit -a), of open files above all");
        ExitCode::Io
    };
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return cannot_start(error),
    };
    let (stop, stopped) = watch::channel(None);
    let stdout = (cli.global.output == Some(Output::Json)).then(|| out.stdout());
    // An append finishes the batch in flight; whatever only reads just ends.
    let is_patient = matches!(cli.command, Command::Append(_));
    let (answer, mut answered) = oneshot::channel();
    let mut session = Session::new(cli.global, schemes, out, notes.clone(), Stop::new(stopped));
    // The command has a thread of its own: it may hang in a write to a pipe that nobody reads, and still be interrupted.
    let command = move || {
        let ended = Builder::new_current_thread().enable_all().build().map(|runtime| {
            runtime.block_on(async {
                match cli.command {
                    Command::Demo(args) => showcase::run(args, &program, session).await,
                    Command::Append(args) => append::run(args, session, stdin).await,
                    Command::Inspect(args) => inspect::run(args, &mut session).await,
                    Command::Timeline(args) => timeline::run(args, session).await,
                    Command::Doctor(args) => doctor::run(args, session).await,
                    Command::Persistence(args) => persistence::run(args, session).await,
                    Command::Backup(args) => backup::run(args, session).await,
                    Command::Metrics(args) => metrics::run(args, session).await,
                    Command::Groups(args) => groups::run(args, session, stdin).await,
                    Command::Completions(args) => manual::completions(args, session),
                    Command::Man(args) => manual::man(args, session),
                    Command::Config(args) => config::run(args, session),
                    Command::Help { topic } => help_about(&topic, session.out),
                }
            })
        });
        // Whoever was interrupted does not listen any more.
        let _ = answer.send(ended);
    };
    runtime.block_on(async {
        let mut signals = match Signals::listen() {
            Ok(signals) => signals,
            Err(error) => return cannot_start(error),
        };
        if let Err(error) = thread::Builder::new().name("papyra-command".to_owned()).spawn(command) {
            return cannot_start(error);
        }
        loop {
            tokio::select! {
                ended = &mut answered => return match ended {
                    Ok(Ok(Ok(code))) => code,
                    Ok(Ok(Err(failure))) => {
                        notes.failure(&failure);
                        // Who reads JSON gets some, whatever happens. If that cannot be written, the failure itself counts.
                        if let Some(stdout) = &stdout
                            && let Some(document) = report::of_failure(&failure)
                        {
                            let _ = stdout.line_if_empty(&document);
                        }
                        failure.exit_code()
                    }
                    Ok(Err(error)) => cannot_start(error),
                    // The command panicked; the panic has spoken for itself.
                    Err(_) => ExitCode::Internal,
                },
                signal = signals.next() => {
                    // Who asks a second time does not want to wait.
                    if !is_patient || stop.send_replace(Some(signal)).is_some() {
                        return signal.exit_code();
                    }
                }
            }
        }
    })
}

fn help_about(topic: &[String], mut out: Out) -> Result<ExitCode, Failure> {
    let code = help::show(topic, &mut out)?;
    out.flush()?;
    Ok(code)
}
