//! `papyra metrics`: figures, and where they come from.

pub(crate) mod figures;
mod service;

use clap::{Args, Subcommand};
use papyra::{Error, ErrorKind, document::Figures};
use papyra_http::client::Client;
use serde::Serialize;

use self::service::Told;
use crate::{args::Output, exit::ExitCode, failure::Failure, help, report, safe, session::Session, token};

/// Figures: how much stands in the log, since when; what a running service did
#[derive(Debug, Args)]
#[command(after_help = help::after(&["papyra metrics persistence --path facts.ndjson --json"], &[help::OF_A_LOG]))]
pub(crate) struct MetricsArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The log's own figures: entries by kind, bytes, oldest, newest; with --url http://… the counters of a running service
    #[command(after_help = help::after(&["papyra metrics persistence --path facts.ndjson --json"], &[help::OF_A_LOG]))]
    Persistence {
        /// The same as `-o json`
        #[arg(long)]
        json: bool,
    },
    /// Begin the counters of a running service (--url http://…) anew; it wants its token
    #[command(after_help = help::after(&["papyra metrics reset"], &[]))]
    Reset,
}

/// Runs the command.
pub(crate) async fn run(args: MetricsArgs, mut session: Session) -> Result<ExitCode, Failure> {
    let service = service(&session)?;
    match (args.what, service) {
        (What::Persistence { json }, Some(service)) => {
            let told = Told::by(&service).await?;
            if told.is_empty() {
                let message = format!("{} tells no metric of Papyra", service.address());
                return Err(Error::new(ErrorKind::NotFound, message).into());
            }
            print(&mut session, json, ExitCode::Done, &told, told.lines())
        }
        (What::Persistence { json }, None) => {
            let log = session.open().await?;
            let figures = Figures::of(&log).await?;
            let verdict = figures::verdict(&figures);
            print(&mut session, json, verdict, &figures, figures::lines(&figures))?;
            figures::tell_failures(&figures, &session.notes);
            Ok(verdict)
        }
        (What::Reset, Some(service)) => {
            service.reset_metrics().await?;
            session.out.line(&format!("The counters of {} begin anew.", safe::text(&service.address())))?;
            session.out.flush()?;
            Ok(ExitCode::Done)
        }
        (What::Reset, None) => {
            session.out.line(
                "Nothing to reset: counters live in the process that counts, and no running service was asked \
                 (--url http://…). The log's own figures are no counters.",
            )?;
            session.out.flush()?;
            Ok(ExitCode::Done)
        }
    }
}

/// The running service that was asked for, if any was.
fn service(session: &Session) -> Result<Option<Client>, Failure> {
    let Some(url) = session.global.url.as_deref().filter(|url| is_http(url)) else { return Ok(None) };
    Ok(Some(Client::new(url, token::find(None)?)?))
}

fn is_http(url: &str) -> bool {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https"))
}

fn print<T: Serialize>(
    session: &mut Session,
    json: bool,
    verdict: ExitCode,
    report: &T,
    lines: Vec<String>,
) -> Result<ExitCode, Failure> {
    if json || matches!(session.output(), Some(Output::Json | Output::Ndjson)) {
        let json = report::document("papyra.metrics/1", verdict, report)?;
        session.out.line(&json)?;
    } else {
        for line in lines {
            session.out.line(&line)?;
        }
    }
    session.out.flush()?;
    Ok(verdict)
}
