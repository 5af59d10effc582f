//! `papyra serve`: health, metrics and facts of a log over HTTP.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use papyra::units::parse_duration;
use papyra_http::{Readiness, Service};

use crate::{exit::ExitCode, failure::Failure, help, safe, session::Session, token};

/// Health, metrics and facts of a log over HTTP, read-only, on this machine unless told otherwise
#[derive(Debug, Args)]
#[command(after_help = help::after(
    &["papyra serve --path facts.ndjson --listen 127.0.0.1:0 --for 1s"],
    &[help::OF_A_LOG]
))]
pub(crate) struct ServeArgs {
    /// The address to listen at; port 0 is any free one
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:7117")]
    listen: SocketAddr,
    /// A file with the token that whoever asks for metrics or facts must send [env: PAPYRA_TOKEN_FILE, PAPYRA_TOKEN]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Listen at an address that others reach without any token: the network is closed by other means
    #[arg(long)]
    insecure: bool,
    /// Answer requests for a server of this name as well, beside IP addresses and localhost
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// The log's name in metrics
    #[arg(long, value_name = "NAME", default_value = "papyra")]
    name: String,
    /// Not ready while a consumer group has more entries than this before it
    #[arg(long, value_name = "N")]
    max_lag: Option<u64>,
    /// Do not scan the log at the start: whether it is sound is then no condition of being ready
    #[arg(long)]
    no_scan: bool,
    /// End after this time [default: serve until a signal comes]
    #[arg(long = "for", value_name = "D", value_parser = parse_duration)]
    lifetime: Option<Duration>,
}

/// Runs the command.
pub(crate) async fn run(args: ServeArgs, mut session: Session) -> Result<ExitCode, Failure> {
    let token = token::find(args.token_file.as_deref())?;
    let log = session.open().await?;
    let address = log.address();
    let mut service = Service::of(log).with_name(args.name);
    if let Some(token) = &token {
        service = service.with_token(token);
    } else if args.insecure && !args.listen.ip().is_loopback() {
        session.notes.warning("warning: whoever reaches this address reads the log: there is no token (--insecure)");
    }
    if args.insecure {
        service = service.open_to_all();
    }
    if let Some(entries) = args.max_lag {
        service = service.with_readiness(Readiness::default().with_max_lag(entries));
    }
    if !args.no_scan {
        service = service.scan_first();
    }
    for name in &args.allow_host {
        service = service.allow_host(name);
    }
    let listener = papyra_http::listen(args.listen, &service).await?;
    let listening = listener.local_addr().unwrap_or(args.listen);
    session.out.line(&format!("serving http://{listening}/ ({})", safe::text(&address)))?;
    session.out.flush()?;

    let mut stop = session.stop.clone();
    let ended = async {
        match args.lifetime {
            Some(lifetime) => drop(tokio::time::timeout(lifetime, stop.wanted()).await),
            None => drop(stop.wanted().await),
        }
    };
    papyra_http::serve(listener, service, ended).await;
    match session.stop.now() {
        Some(signal) => Err(Failure::Stopped(signal)),
        None => Ok(ExitCode::Done),
    }
}
