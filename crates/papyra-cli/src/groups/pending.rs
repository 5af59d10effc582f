//! `groups pending`.

use papyra::{GroupState, Log, PendingEntry, PendingOptions};
use serde::Serialize;

use super::args::PendingArgs;
use crate::{args::Output, console::Out, exit::ExitCode, failure::Failure, report, safe, session::Session};

#[derive(Serialize)]
struct Report {
    kind: &'static str,
    group: String,
    /// Of the whole group, whatever was asked for.
    pending: u64,
    oldest_pending: Option<String>,
    consumers: Vec<Share>,
    entries: Vec<Row>,
}

/// How much is pending with one consumer.
#[derive(Serialize)]
struct Share {
    consumer: String,
    pending: u64,
}

#[derive(Serialize)]
struct Row {
    position: String,
    consumer: String,
    idle_seconds: f64,
    deliveries: u64,
}

impl Row {
    fn of(entry: &PendingEntry) -> Row {
        Row {
            position: entry.position.to_string(),
            consumer: entry.consumer.clone(),
            idle_seconds: entry.idle.as_secs_f64(),
            deliveries: entry.deliveries,
        }
    }
}

pub(super) async fn run(args: PendingArgs, log: &Log, session: &mut Session) -> Result<(), Failure> {
    let (groups, group) = (log.consumer_groups()?, args.of.group());
    let states = groups.list(group.kind()).await?;
    let state = states.into_iter().find(|state| state.group == group).ok_or_else(|| group.missing())?;
    let wanted = args.consumer.map_or_else(PendingOptions::default, PendingOptions::of);
    let wanted = wanted.min_idle(args.idle).after(args.after).count(args.count as usize);
    let entries = groups.pending(&group, &wanted).await?;
    match session.output() {
        Some(Output::Json) => {
            let json = report::document("papyra.groups.pending/1", ExitCode::Done, &Report::of(&state, &entries))?;
            session.out.line(&json)
        }
        Some(Output::Ndjson) => entries.iter().try_for_each(|entry| session.out.line(&super::json(&Row::of(entry))?)),
        Some(Output::Table) | None => text(&state, &entries, &mut session.out),
    }
}

impl Report {
    fn of(state: &GroupState, entries: &[PendingEntry]) -> Report {
        let with_some = state.consumers.iter().filter(|consumer| consumer.pending > 0);
        Report {
            kind: state.group.kind().as_str(),
            group: state.group.name().to_owned(),
            pending: state.pending,
            oldest_pending: state.oldest_pending.map(|position| position.to_string()),
            consumers: with_some
                .map(|consumer| Share { consumer: consumer.name.clone(), pending: consumer.pending })
                .collect(),
            entries: entries.iter().map(Row::of).collect(),
        }
    }
}

const COLUMNS: [(&str, usize); 4] = [("POSITION", 20), ("CONSUMER", 24), ("IDLE", 8), ("DELIVERIES", 0)];

fn text(state: &GroupState, entries: &[PendingEntry], out: &mut Out) -> Result<(), Failure> {
    if state.pending == 0 {
        return out.line("Nothing is pending.");
    }
    let with_some = state.consumers.iter().filter(|consumer| consumer.pending > 0);
    let shares: Vec<String> =
        with_some.map(|consumer| format!("{} with {}", consumer.pending, safe::text(&consumer.name))).collect();
    out.line(&format!("pending: {} ({})", state.pending, shares.join(", ")))?;
    if entries.is_empty() {
        return out.line("None of it is what was asked for.");
    }
    out.headline(&super::row(&COLUMNS, COLUMNS.map(|(title, _)| title.to_owned())))?;
    for entry in entries {
        let cells = [
            entry.position.to_string(),
            safe::text(&entry.consumer).into_owned(),
            super::short(entry.idle),
            entry.deliveries.to_string(),
        ];
        out.line(&super::row(&COLUMNS, cells))?;
    }
    Ok(())
}
