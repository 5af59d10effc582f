//! From arguments to an exit code.

use std::{ffi::OsString, io, thread};

use clap::{CommandFactory as _, FromArgMatches as _, error::ErrorKind as ClapError};
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
    groups, help, inspect, manual, metrics, persistence, report, safe, serve,
    session::{Session, Stop},
    showcase,
    signals::Signals,
    timeline,
};

/// Fewer columns than these no terminal has.
const NARROWEST: usize = 20;
const USUAL_WIDTH: usize = 100;

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
    match understand(&args) {
        Ok(cli) => run(cli, program, schemes, console),
        Err(refusal) => {
            // A refusal repeats what it refuses, and a newline in that would forge a line: refuse it in harmless letters.
            let harmless: Vec<OsString> =
                args.iter().map(|arg| safe::text(&arg.to_string_lossy()).into_owned().into()).collect();
            refuse(&understand(&harmless).err().unwrap_or(refusal), console)
        }
    }
}

/// What the arguments ask for. A terminal that says it is narrower than a word gets its help unbroken: the variable `COLUMNS` is
/// often left at 0 by what starts programs without one.
fn understand(args: &[OsString]) -> Result<Cli, clap::Error> {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse::<usize>().ok());
    let command = Cli::command();
    let mut command =
        if columns.is_some_and(|columns| columns < NARROWEST) { command.term_width(USUAL_WIDTH) } else { command };
    let mut matches = command.try_get_matches_from_mut(args)?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
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
    // An append finishes the batch in flight, a server the answers under way; whatever only reads just ends.
    let is_patient = matches!(cli.command, Command::Append(_) | Command::Serve(_));
    // Who asks whether a server is alive must not wait for a long answer to somebody else.
    let serves = matches!(cli.command, Command::Serve(_));
    let (answer, mut answered) = oneshot::channel();
    let mut session = Session::new(cli.global, schemes, out, notes.clone(), Stop::new(stopped));
    // The command has a thread of its own: it may hang in a write to a pipe that nobody reads, and still be interrupted.
    let command = move || {
        let mut builder = if serves { Builder::new_multi_thread() } else { Builder::new_current_thread() };
        let ended = builder.worker_threads(2).enable_all().build().map(|runtime| {
            let ended = runtime.block_on(async {
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
                    Command::Serve(args) => serve::run(args, session).await,
                    Command::Completions(args) => manual::completions(args, session),
                    Command::Man(args) => manual::man(args, session),
                    Command::Config(args) => config::run(args, session),
                    Command::Help { topic } => help_about(&topic, session.out),
                }
            });
            if serves {
                // A scan that somebody asked for may still be at work, and nobody waits for it.
                runtime.shutdown_background();
            }
            ended
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
