//! `groups create` and `groups delete`.

use papyra::{ErrorKind, IfPending, Log};
use serde::Serialize;

use super::args::{CreateArgs, DeleteArgs};
use crate::{args::Output, exit::ExitCode, failure::Failure, report, safe, session::Session};

#[derive(Serialize)]
struct Changed<'a> {
    kind: &'a str,
    group: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumer: Option<&'a str>,
    /// Whether there was anything to do.
    changed: bool,
}

pub(super) async fn create(args: CreateArgs, log: &Log, session: &mut Session) -> Result<(), Failure> {
    let group = args.group();
    let changed = log.consumer_groups()?.create(&group, args.from).await?;
    let done = Changed { kind: group.kind().as_str(), group: group.name(), consumer: None, changed };
    let text = match changed {
        true => format!("created the {group}, beginning {}", beginning(&args.from.to_string())),
        false => format!("the {group} exists already"),
    };
    say(session, "papyra.groups.create/1", &done, &text)
}

fn beginning(from: &str) -> String {
    match from {
        "0" => "with the oldest entry".to_owned(),
        "$" => "with the next entry".to_owned(),
        position => format!("behind {position}"),
    }
}

pub(super) async fn delete(args: DeleteArgs, log: &Log, session: &mut Session) -> Result<(), Failure> {
    let (groups, group) = (log.consumer_groups()?, args.group());
    let (changed, text) = match &args.consumer {
        Some(consumer) => match groups.remove_consumer(&group, consumer).await {
            Ok(true) => (true, format!("removed the consumer `{consumer}` from the {group}")),
            Ok(false) => (false, format!("the {group} has no consumer `{consumer}`")),
            // Where nothing is there is nothing to remove.
            Err(error) if error.kind() == ErrorKind::NotFound => (false, error.to_string()),
            Err(error) => return Err(error.into()),
        },
        None => {
            let pending = if args.force { IfPending::Forget } else { IfPending::Refuse };
            match groups.delete(&group, pending).await? {
                true => (true, format!("deleted the {group}")),
                false => (false, format!("there is no {group}")),
            }
        }
    };
    let consumer = args.consumer.as_deref();
    let done = Changed { kind: group.kind().as_str(), group: group.name(), consumer, changed };
    say(session, "papyra.groups.delete/1", &done, &text)
}

fn say(session: &mut Session, schema: &str, done: &Changed<'_>, text: &str) -> Result<(), Failure> {
    match session.output() {
        Some(Output::Json | Output::Ndjson) => {
            let json = report::document(schema, ExitCode::Done, done)?;
            session.out.line(&json)
        }
        _ => session.out.line(&safe::text(text)),
    }
}
