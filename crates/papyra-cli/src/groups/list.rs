//! `groups list`.

use papyra::{
    GroupState, Kind, Log,
    document::{GroupFigures, Groups},
};

use super::args::ListArgs;
use crate::{args::Output, console::Out, exit::ExitCode, failure::Failure, report, safe, session::Session};

pub(super) async fn run(args: ListArgs, log: &Log, session: &mut Session) -> Result<(), Failure> {
    let groups = log.consumer_groups()?;
    let kinds = args.kind.map_or_else(|| Kind::KNOWN.to_vec(), |kind| vec![kind]);
    let mut states = Vec::new();
    for kind in kinds {
        states.extend(groups.list(kind).await?);
    }
    states.retain(|state| args.group.as_deref().is_none_or(|name| name == state.group.name()));
    match session.output() {
        Some(Output::Json) => {
            let json = report::document("papyra.groups/1", ExitCode::Done, &Groups::these(&states))?;
            session.out.line(&json)
        }
        Some(Output::Ndjson) => {
            states.iter().try_for_each(|state| session.out.line(&super::json(&GroupFigures::of(state))?))
        }
        Some(Output::Table) => table(&states, &mut session.out),
        None if session.out.is_terminal() => table(&states, &mut session.out),
        None => text(&states, &mut session.out),
    }
}

fn text(states: &[GroupState], out: &mut Out) -> Result<(), Failure> {
    if states.is_empty() {
        return out.line("No consumer groups.");
    }
    for state in states {
        let lag = state.lag.map_or_else(|| "unknown".to_owned(), |lag| lag.to_string());
        let last = state.last_delivered.map_or_else(|| "none".to_owned(), |position| position.to_string());
        let mut line = format!(
            "{} {}: pending {}, lag {lag}, last delivered {last}",
            state.group.kind(),
            safe::text(state.group.name()),
            state.pending
        );
        if let (Some(position), Some(idle)) = (state.oldest_pending, state.oldest_idle) {
            line.push_str(&format!(", oldest pending {position} idle {}", super::short(idle)));
        }
        out.line(&line)?;
        for consumer in &state.consumers {
            let (name, idle) = (safe::text(&consumer.name), super::short(consumer.idle));
            out.line(&format!("  consumer {name}: pending {}, idle {idle}", consumer.pending))?;
        }
    }
    Ok(())
}

const COLUMNS: [(&str, usize); 6] =
    [("KIND", 11), ("GROUP / CONSUMER", 28), ("PENDING", 7), ("LAG", 7), ("IDLE", 8), ("LAST DELIVERED", 0)];

fn table(states: &[GroupState], out: &mut Out) -> Result<(), Failure> {
    if states.is_empty() {
        return out.line("No consumer groups.");
    }
    out.headline(&super::row(&COLUMNS, COLUMNS.map(|(title, _)| title.to_owned())))?;
    for state in states {
        let cells = [
            state.group.kind().to_string(),
            safe::text(state.group.name()).into_owned(),
            state.pending.to_string(),
            state.lag.map_or_else(|| "?".to_owned(), |lag| lag.to_string()),
            state.oldest_idle.map_or_else(|| "-".to_owned(), super::short),
            state.last_delivered.map_or_else(|| "-".to_owned(), |position| position.to_string()),
        ];
        out.line(&super::row(&COLUMNS, cells))?;
        for consumer in &state.consumers {
            let cells = [
                String::new(),
                format!("  {}", safe::text(&consumer.name)),
                consumer.pending.to_string(),
                String::new(),
                super::short(consumer.idle),
                String::new(),
            ];
            out.line(&super::row(&COLUMNS, cells))?;
        }
    }
    Ok(())
}
