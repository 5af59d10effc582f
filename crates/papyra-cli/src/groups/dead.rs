//! `groups dead`.

use papyra::{DeadEntry, Fact, Log, MAX_BATCH};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{args::DeadArgs, entries};
use crate::{args::Output, exit::ExitCode, failure::Failure, report, safe, session::Session};

#[derive(Serialize)]
struct Report {
    entries: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    position: String,
    original: String,
    group: String,
    consumer: String,
    deliveries: u64,
    why: String,
    /// The fact, as `papyra append` takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    fact: Option<Box<RawValue>>,
    /// What stood there, if it is no fact.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
}

impl Row {
    fn of(entry: &DeadEntry) -> Row {
        let fact = Fact::from_json(&entry.data).ok().and_then(|fact| RawValue::from_string(fact.to_json()).ok());
        Row {
            position: entry.position.to_string(),
            original: entry.original.to_string(),
            group: entry.group.clone(),
            consumer: entry.consumer.clone(),
            deliveries: entry.deliveries,
            why: entry.why.clone(),
            data: fact.is_none().then(|| entry.data.clone()),
            fact,
        }
    }
}

pub(super) async fn run(args: DeadArgs, log: &Log, session: &mut Session) -> Result<(), Failure> {
    let groups = log.consumer_groups()?;
    let shape = session.output();
    let mut rows = Vec::new();
    let (mut after, mut found) = (args.after, 0);
    while found < args.count {
        let page = groups.dead(args.of.kind, after, MAX_BATCH).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.position);
        let of_group = |entry: &&DeadEntry| args.group.as_deref().is_none_or(|name| name == entry.group);
        for entry in page.iter().filter(of_group).take(args.count - found) {
            found += 1;
            match shape {
                Some(Output::Json) => rows.push(Row::of(entry)),
                Some(Output::Ndjson) => session.out.line(&super::json(&Row::of(entry))?)?,
                Some(Output::Table) | None => {
                    if found == 1 {
                        session.out.headline(&super::row(&COLUMNS, COLUMNS.map(|(title, _)| title.to_owned())))?;
                    }
                    session.out.line(&super::row(&COLUMNS, cells(entry)))?;
                }
            }
        }
    }
    match shape {
        Some(Output::Json) => {
            let json = report::document("papyra.groups.dead/1", ExitCode::Done, &Report { entries: rows })?;
            session.out.line(&json)
        }
        Some(Output::Ndjson) => Ok(()),
        Some(Output::Table) | None if found == 0 => session.out.line("Nothing was set aside."),
        Some(Output::Table) | None => {
            session.notes.detail(&entries(found as u64));
            Ok(())
        }
    }
}

const COLUMNS: [(&str, usize); 6] =
    [("ORIGINAL", 20), ("GROUP", 16), ("CONSUMER", 16), ("DELIVERIES", 10), ("WHY", 10), ("DATA", 0)];

fn cells(entry: &DeadEntry) -> [String; 6] {
    [
        entry.original.to_string(),
        safe::text(&entry.group).into_owned(),
        safe::text(&entry.consumer).into_owned(),
        entry.deliveries.to_string(),
        safe::text(&entry.why).into_owned(),
        safe::text(&entry.data).into_owned(),
    ]
}
