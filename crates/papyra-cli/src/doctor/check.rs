//! `doctor check`: what the log tells, compared with limits.

use std::time::{Duration, UNIX_EPOCH};

use clap::Args;
use papyra::{ErrorKind, Kind, Log, ReadOptions, ScanOptions, incident::Trouble, units::parse_duration};
use serde::Serialize;

use super::{
    finding::{Finding, State},
    limits::Limit,
    nagios,
};
use crate::{
    args::Output, exit::ExitCode, failure::Failure, inspect::tell_skipped, parts, parts::Unread, recovery, report,
    session::Session,
};

/// The limits; at least one.
#[derive(Debug, Args)]
#[group(id = "limits", required = true, multiple = true)]
pub(crate) struct Limits {
    /// At most so many dead letters in the time up to now
    #[arg(long, value_name = "N/D")]
    max_dead_letters: Option<Limit>,
    /// At most so many crashes and failed starts
    #[arg(long, value_name = "N/D")]
    max_crashes: Option<Limit>,
    /// At most so many restarts
    #[arg(long, value_name = "N/D")]
    max_restarts: Option<Limit>,
    /// At most so many facts that a recorder had to drop
    #[arg(long, value_name = "N/D")]
    max_dropped: Option<Limit>,
    /// At most so many findings of a scan, which reads the whole log; the other limits look at its end only
    #[arg(long, value_name = "N")]
    max_anomalies: Option<u64>,
    /// The last fact is at most so old; a log without facts exceeds this
    #[arg(long, value_name = "D", value_parser = parse_duration)]
    max_age_of_last: Option<Duration>,
}

/// What to compare, and for whom.
#[derive(Debug, Args)]
pub(crate) struct LimitArgs {
    #[command(flatten)]
    limits: Limits,
    /// One line for Nagios and its kin, and their exit codes instead of ours: 0 ok, 2 critical, 3 unknown
    #[arg(long)]
    nagios: bool,
}

/// What was found, as it is printed in JSON.
#[derive(Serialize)]
struct Checked {
    log: String,
    checks: Vec<Finding>,
    skipped: u64,
    #[serde(skip)]
    code: ExitCode,
}

pub(super) async fn run(args: LimitArgs, mut session: Session) -> Result<ExitCode, Failure> {
    if !args.nagios {
        let checked = check(&args.limits, &session).await?;
        return report::deliver(&mut session, "papyra.check/1", checked.code, &checked, None, |out| {
            checked.checks.iter().try_for_each(|found| out.line(&format!("{}: {}", found.state.as_str(), found.words)))
        });
    }
    if matches!(session.output(), Some(Output::Json | Output::Ndjson)) {
        return Err(Failure::usage("--nagios is a form of output already"));
    }
    let (line, verdict) = match check(&args.limits, &session).await {
        // What could not be looked at altogether may be as bad as it can get.
        Ok(checked) if checked.code != ExitCode::Done && checked.code != ExitCode::Threshold => {
            (nagios::failed("a part of the log cannot be read"), nagios::Verdict::Unknown)
        }
        Ok(checked) => (nagios::line(&checked.checks), nagios::Verdict::of(&checked.checks)),
        Err(failure) => {
            let told = failure.told().map_or_else(|| failure.exit_code().meaning().to_owned(), |told| told.message);
            session.notes.failure(&failure);
            (nagios::failed(&told), nagios::Verdict::Unknown)
        }
    };
    session.out.line(&line)?;
    session.out.flush()?;
    Ok(verdict.exit())
}

async fn check(limits: &Limits, session: &Session) -> Result<Checked, Failure> {
    let log = session.open().await?;
    let bar = session.notes.bar("checking");
    let mut checked = Checked { log: log.address(), checks: Vec::new(), skipped: 0, code: ExitCode::Done };
    let mut unread = Unread::default();
    let mut is_there = true;
    let counts = limits.counts();
    if !counts.is_empty() {
        is_there &= count(counts, &log, &mut checked, &mut unread).await?;
    }
    if let Some(most) = limits.max_age_of_last {
        let now = seconds(&log);
        let last = last(&log, &mut unread).await?;
        is_there &= last.is_some();
        // A clock that went back makes no fact younger than new.
        checked.checks.push(Finding::age_of_last(last.map(|last| (now - last).max(0.0)), most));
    }
    if let Some(most) = limits.max_anomalies {
        let scanned = log.scan(ScanOptions::default().with_progress(bar.progress())).await;
        let found = match scanned {
            Ok(report) => {
                checked.code = checked.code.max(parts::verdict(&report.parts, ExitCode::Done));
                parts::tell(&report.parts, &session.notes);
                Some(report.anomalies_total)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                is_there = false;
                Some(0)
            }
            Err(error) if error.kind() == ErrorKind::Unsupported => None,
            Err(error) => return Err(error.into()),
        };
        checked.checks.push(Finding::anomalies(found, most));
    }
    drop(bar);
    if !is_there {
        session.notes.note(recovery::NO_LOG);
    }
    tell_skipped(session, checked.skipped);
    unread.tell(&session.notes);
    let exceeded = checked.checks.iter().any(|finding| finding.state == State::Exceeded);
    let own = if exceeded { ExitCode::Threshold } else { ExitCode::Done };
    checked.code = checked.code.max(own).max(unread.verdict());
    Ok(checked)
}

/// A sum over the facts of the time that a limit names.
struct Count<'a> {
    name: &'static str,
    limit: &'a Limit,
    sum: u64,
}

impl Limits {
    fn counts(&self) -> Vec<Count<'_>> {
        let named = [
            (DEAD_LETTERS, &self.max_dead_letters),
            (CRASHES, &self.max_crashes),
            (RESTARTS, &self.max_restarts),
            (DROPPED, &self.max_dropped),
        ];
        named.into_iter().filter_map(|(name, limit)| Some(Count { name, limit: limit.as_ref()?, sum: 0 })).collect()
    }
}

const DEAD_LETTERS: &str = "dead_letters";
const CRASHES: &str = "crashes";
const RESTARTS: &str = "restarts";
const DROPPED: &str = "dropped_facts";

/// Counts from the newest fact back to the beginning of the longest time; whether there is a log at all.
async fn count(
    mut counts: Vec<Count<'_>>,
    log: &Log,
    checked: &mut Checked,
    unread: &mut Unread,
) -> Result<bool, Failure> {
    let now = seconds(log);
    let longest = counts.iter().map(|count| count.limit.within).max().unwrap_or_default();
    let mut options = ReadOptions::newest_first().since(now - longest.as_secs_f64());
    if counts.iter().any(|count| count.name == DEAD_LETTERS) {
        options = options.kind(Kind::DeadLetter);
    }
    if counts.iter().any(|count| count.name != DEAD_LETTERS) {
        options = options.kind(Kind::Event);
    }
    let mut is_there = true;
    let mut entries = log.read(options);
    while let Some(entry) = entries.next().await {
        let entry = match entry {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                is_there = false;
                continue;
            }
            read => unread.sort_out(log, read)?,
        };
        let Some(fact) = entry.map(|entry| entry.fact) else { continue };
        let (name, more) = match Trouble::of(&fact) {
            Some(Trouble::DeadLetters(more)) => (DEAD_LETTERS, more),
            Some(Trouble::Crash) => (CRASHES, 1),
            Some(Trouble::Restart) => (RESTARTS, 1),
            Some(Trouble::Dropped(more)) => (DROPPED, more),
            _ => continue,
        };
        let at = fact.timestamp().seconds();
        for count in counts.iter_mut().filter(|count| count.name == name) {
            if at >= now - count.limit.within.as_secs_f64() {
                count.sum = count.sum.saturating_add(more);
            }
        }
    }
    checked.skipped += entries.skipped();
    checked.checks.extend(counts.iter().map(|count| Finding::counted(count.name, count.sum, count.limit)));
    Ok(is_there)
}

/// When the last fact happened; `None` if there is none.
async fn last(log: &Log, unread: &mut Unread) -> Result<Option<f64>, Failure> {
    let mut entries = log.read(ReadOptions::newest_first());
    while let Some(entry) = entries.next().await {
        match entry {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => {
                if let Some(entry) = unread.sort_out(log, read)? {
                    return Ok(Some(entry.fact.timestamp().seconds()));
                }
            }
        }
    }
    Ok(None)
}

/// The log's time, in seconds since 1970.
fn seconds(log: &Log) -> f64 {
    log.now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use papyra::{DeadLetter, Event, Fact, ManualClock, Payload, Timestamp};

    use super::*;

    const NOW: f64 = 1_700_000_000.0;

    async fn log(facts: &[Fact]) -> Log {
        let log = Log::memory().with_clock(ManualClock::new(UNIX_EPOCH + Duration::from_secs_f64(NOW)));
        log.append(facts).await.unwrap();
        log
    }

    fn ago(seconds: f64) -> Timestamp {
        Timestamp::from_seconds(NOW - seconds).unwrap()
    }

    async fn sums(limits: &Limits, facts: &[Fact]) -> Vec<(&'static str, State)> {
        let mut checked = Checked { log: String::new(), checks: Vec::new(), skipped: 0, code: ExitCode::Done };
        count(limits.counts(), &log(facts).await, &mut checked, &mut Unread::default()).await.unwrap();
        checked.checks.iter().map(|finding| (finding.check, finding.state)).collect()
    }

    #[tokio::test]
    async fn each_limit_has_its_own_time_and_its_own_facts() {
        let limits = |dead_letters: &str, crashes: &str, dropped: &str| Limits {
            max_dead_letters: Some(dead_letters.parse().unwrap()),
            max_crashes: Some(crashes.parse().unwrap()),
            max_restarts: None,
            max_dropped: Some(dropped.parse().unwrap()),
            max_anomalies: None,
            max_age_of_last: None,
        };
        let dropped = Payload::from_json(r#"{"n":4}"#).unwrap();
        let facts = [
            Event::new("t://a", "ActorCrashed").at(ago(3_601.0)).into(),
            Event::new("papyra://log", "FactsDropped").with_payload(dropped).at(ago(100.0)).into(),
            Event::new("t://a", "ActorStartFailed").at(ago(60.0)).into(),
            DeadLetter::new("t://a", "Ping").with_count(7).at(ago(30.0)).into(),
            Event::new("t://a", "ActorCrashed").at(ago(20.0)).into(),
            Event::new("t://a", "ActorRestarted").at(ago(10.0)).into(),
        ];
        let (ok, exceeded) = (State::Ok, State::Exceeded);
        let found = sums(&limits("7/30s", "2/1h", "4/2m"), &facts).await;
        assert_eq!(found, [("dead_letters", ok), ("crashes", ok), ("dropped_facts", ok)]);
        let found = sums(&limits("6/30s", "1/1m", "3/2m"), &facts).await;
        assert_eq!(found, [("dead_letters", exceeded), ("crashes", exceeded), ("dropped_facts", exceeded)]);
        let found = sums(&limits("0/29s", "2/2h", "0/99s"), &facts).await;
        assert_eq!(found, [("dead_letters", ok), ("crashes", exceeded), ("dropped_facts", ok)]);
    }

    #[tokio::test]
    async fn the_last_fact_is_the_one_at_the_end() {
        let mut unread = Unread::default();
        assert_eq!(last(&log(&[]).await, &mut unread).await.unwrap(), None);
        let facts = [Event::new("t://a", "E").at(ago(5.0)).into(), Event::new("t://a", "E").at(ago(7.0)).into()];
        assert_eq!(last(&log(&facts).await, &mut unread).await.unwrap(), Some(NOW - 7.0));
    }
}
