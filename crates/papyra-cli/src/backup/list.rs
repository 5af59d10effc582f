//! `backup list`: which backups there are.

use std::path::PathBuf;

use clap::Args;
use papyra::{
    backup::{BackupState, Listed},
    units::When,
};
use serde::Serialize;

use super::{part, place};
use crate::{args::Output, console::Out, exit::ExitCode, failure::Failure, report, safe, session::Session};

/// Where to look.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The directory of backups, or one backup in it
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

const SCHEMA: &str = "papyra.backup_list/1";

#[derive(Serialize)]
struct List {
    backups: Vec<Listed>,
}

pub(super) async fn run(args: ListArgs, mut session: Session) -> Result<ExitCode, Failure> {
    let list = List { backups: place::look(&args.dir, &session).await?.listed };
    let with_titles = session.output() == Some(Output::Table) || session.out.is_terminal();
    report::deliver(&mut session, SCHEMA, ExitCode::Done, &list, None, |out| print(&list.backups, with_titles, out))
}

fn print(backups: &[Listed], with_titles: bool, out: &mut Out) -> Result<(), Failure> {
    let utc = When::in_zone("UTC").map_err(Failure::usage)?;
    let width = backups.iter().map(|one| safe::text(&one.name).chars().count()).max().unwrap_or(0);
    let row = |name: &str, state: &str, entries: &str, bytes: &str, span: &str| {
        format!("{name:width$}  {state:10}  {entries:>10}  {bytes:>14}  {span}").trim_end().to_owned()
    };
    if with_titles {
        out.line(&row("BACKUP", "STATE", "ENTRIES", "BYTES", "FACTS FROM … TO …"))?;
    }
    for one in backups {
        let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let state = match one.state {
            BackupState::Complete => "complete",
            BackupState::Incomplete => "incomplete",
            _ => "damaged",
        };
        let times = one.figures.as_ref().and_then(|figures| figures.timestamps);
        let mut span = times.map_or_else(
            || one.cause.clone().unwrap_or_default(),
            |(oldest, newest)| format!("{} … {}", utc.rfc3339(oldest), utc.rfc3339(newest)),
        );
        if let Some(anomalies) = one.anomalies_total.filter(|anomalies| *anomalies > 0) {
            span.push_str(&format!("  the log had {anomalies} anomalies"));
        }
        let entries = number(one.figures.as_ref().map(|figures| figures.entries));
        out.line(&row(&safe::text(&one.name), state, &entries, &number(one.bytes), &safe::text(&span)))?;
        part::print(&one.parts, "  ", out)?;
    }
    Ok(())
}
