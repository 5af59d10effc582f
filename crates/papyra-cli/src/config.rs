//! `papyra config`: what is configured, and where each value comes from.

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::{args::Output, exit::ExitCode, failure::Failure, help, report, safe, session::Session};

/// Show the configuration in force
#[derive(Debug, Args)]
#[command(after_help = help::after(&["papyra config show"], &[]))]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Every value with its origin: flag, environment, file or default; passwords are not shown
    #[command(after_help = help::after(
        &["papyra config show --url 'json:facts.ndjson?retention.max_age=30d'"], &[&[ExitCode::Permission]]
    ))]
    Show,
}

#[derive(Serialize)]
struct Shown {
    file: Option<String>,
    settings: Vec<Setting>,
}

#[derive(Serialize)]
struct Setting {
    key: &'static str,
    value: Option<String>,
    origin: String,
}

/// Runs the command.
pub(crate) fn run(args: ConfigArgs, mut session: Session) -> Result<ExitCode, Failure> {
    let What::Show = args.what;
    let config = session.config()?;
    let settings = config.settings().map(|(key, setting)| Setting {
        key,
        value: setting.value,
        origin: setting.origin.to_string(),
    });
    let shown = Shown { file: config.file().map(|path| path.display().to_string()), settings: settings.collect() };
    if matches!(session.output(), Some(Output::Json | Output::Ndjson)) {
        let json = report::document("papyra.config/1", ExitCode::Done, &shown)?;
        session.out.line(&json)?;
    } else {
        for line in lines(&shown) {
            session.out.line(&line)?;
        }
    }
    session.out.flush()?;
    Ok(ExitCode::Done)
}

fn lines(shown: &Shown) -> Vec<String> {
    let value =
        |setting: &Setting| setting.value.as_deref().map_or_else(|| "-".to_owned(), |raw| safe::text(raw).into());
    let names = shown.settings.iter().map(|setting| setting.key.len()).max().unwrap_or_default();
    let values = shown.settings.iter().map(|setting| value(setting).chars().count()).max().unwrap_or_default().min(60);
    let mut lines: Vec<String> = shown
        .settings
        .iter()
        .map(|setting| format!("{:names$}  {:values$}  {}", setting.key, value(setting), safe::text(&setting.origin)))
        .collect();
    let file = shown.file.as_deref().map_or_else(|| "none".into(), safe::text);
    lines.push(format!("configuration file: {file}"));
    lines
}
