//! `papyra demo` on the command line: the story as it goes, then what `inspect` shows of it.

use clap::Parser as _;
use papyra::{Error, ErrorKind, FileConfig, FileLog, Log};

use crate::{
    args::{Cli, Command},
    demo::{self, Demo, DemoArgs},
    exit::ExitCode,
    failure::Failure,
    inspect, safe,
    session::Session,
};

/// Runs the command.
pub(crate) async fn run(args: DemoArgs, program: &str, mut session: Session) -> Result<ExitCode, Failure> {
    let demo = Demo::prepare(args)?;
    let log = Log::new(FileLog::new(FileConfig::new(&demo.path)));
    say(&mut session, &demo.opening())?;
    let mut said = Ok(());
    let facts = demo::record_story(log.clone(), demo.runtime, demo.lifetime, |at, what| {
        if said.is_ok() {
            said = say(&mut session, &Demo::line(at, what));
        }
    });
    let facts = facts.await?;
    said?;
    session.take_log(log);
    for show in demo.shows() {
        say(&mut session, &Demo::headline(program, &show))?;
        // The very command that stands there, so that the demo shows what its reader will see.
        let arguments = std::iter::once(program).chain(show.arguments.iter().map(String::as_str));
        match Cli::try_parse_from(arguments).map(|cli| cli.command) {
            Ok(Command::Inspect(args)) => inspect::run(args, &mut session).await?,
            _ => return Err(Error::new(ErrorKind::Internal, "the demo shows a command that does not exist").into()),
        };
    }
    say(&mut session, &demo.closing(program, facts))?;
    Ok(ExitCode::Done)
}

/// Prints text of several lines, each made safe: a path stands in them.
fn say(session: &mut Session, text: &str) -> Result<(), Failure> {
    for line in text.lines() {
        session.out.line(&safe::text(line))?;
    }
    session.out.flush()
}
