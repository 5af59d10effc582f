//! What must hold of `compact`.

use std::time::{Duration, SystemTime};

use super::{
    harness::{Harness, PassedOver, Verdict, offered},
    sample,
    subject::Subject,
};
use crate::{
    CompactionConfig, CompactionReport, Entry, Kind, ManualClock, ReadOptions, Result, Retention, Rule, ScanOptions,
};

/// When the compactions happen: in the midst of the samples, so that some are old and some lie in the future.
fn now() -> SystemTime {
    SystemTime::from(&sample::at(sample::NOON + 60.0))
}

async fn compact(subject: &Subject, retention: &Retention) -> Result<CompactionReport, PassedOver> {
    let report = offered(subject.backend().compact(&CompactionConfig::new(*retention, now())).await, "compacting")?;
    let failed: Vec<_> = report.parts.iter().filter_map(|part| part.failure()).collect();
    assert!(failed.is_empty(), "compacting parts of the log failed: {failed:?}");
    Ok(report)
}

fn records(n: u64) -> Rule {
    Rule::default().with_max_records(n)
}

fn minutes(n: u64) -> Rule {
    Rule::default().with_max_age(Duration::from_secs(60 * n))
}

/// Retentions of every sort, for a log whose entries take so many bytes. Each leaves something.
fn retentions(bytes: u64) -> Vec<Retention> {
    let third = Rule::default().with_max_bytes(bytes / 3);
    vec![
        Retention::default(),
        Retention::all(records(1_000_000)),
        Retention::all(records(1)),
        Retention::all(records(17)),
        Retention::all(minutes(10)),
        Retention::all(minutes(180)),
        Retention::all(third),
        Retention::default().with_kind(Kind::Audit, records(0)),
        Retention::default().with_kind(Kind::Event, minutes(5)).with_kind(Kind::DeadLetter, records(3)),
        Retention::all(records(30)).with_kind(Kind::Event, third).with_kind(Kind::Audit, minutes(60)),
        Retention::all(minutes(240).with_max_records(50)).with_kind(Kind::DeadLetter, records(2)),
    ]
}

/// A log with facts of all kinds and times, also of an unknown kind.
async fn filled(harness: &Harness) -> (Subject, Vec<Entry>) {
    let subject = harness.fresh().await;
    let mut written = Vec::new();
    for batch in sample::disordered(90).chunks(20) {
        written.extend(subject.append(batch).await);
    }
    subject.append(&[sample::fact(Kind::Unknown, 0, sample::NOON - 1e6)]).await;
    written.extend(subject.append(&sample::facts(1000, 3)).await);
    (subject, written)
}

/// What stays is exactly what reading under the same retention at the same time shows; unknown kinds stay too.
pub async fn compact_equals_read(harness: &Harness) -> Verdict {
    let (first, _) = filled(harness).await;
    let bytes = first.entries().await?.iter().map(|entry| entry.bytes).sum();
    for retention in retentions(bytes) {
        let (subject, _) = filled(harness).await;
        let log = subject.log.clone().with_retention(retention).with_clock(ManualClock::new(now()));
        let visible = offered(log.read(ReadOptions::oldest_first()).collect().await, "reading under a retention")?;
        compact(&subject, &retention).await?;
        subject.assert_same(&subject.entries().await?, &visible, &format!("what a compaction left of {retention:?}"));
        let still = offered(log.read(ReadOptions::newest_first()).collect().await, "reading under a retention")?;
        subject.assert_same(
            &still,
            visible.iter().rev(),
            &format!("what reading shows after a compaction, {retention:?}"),
        );
        if let Ok(report) = subject.backend().scan(ScanOptions::deep()).await {
            assert!(report.is_clean(), "a compacted log has findings: {:?}", report.anomalies);
            assert_eq!(report.entries.get("unknown"), Some(&1), "a fact of an unknown kind is kept by {retention:?}");
        }
    }
    Ok(())
}

/// What stays keeps its order and its positions.
pub async fn compact_keeps_order_and_positions(harness: &Harness) -> Verdict {
    let retentions = [
        Retention::all(records(20)),
        Retention::all(minutes(10)),
        Retention::default().with_kind(Kind::Event, records(4)),
    ];
    for retention in retentions {
        let (subject, written) = filled(harness).await;
        compact(&subject, &retention).await?;
        let left = subject.entries().await?;
        assert!(!left.is_empty() && left.len() < written.len(), "{} of {} stayed", left.len(), written.len());
        let stays = |entry: &&Entry| left.iter().any(|left| left.position == entry.position && left.fact == entry.fact);
        let want: Vec<&Entry> = written.iter().filter(stays).collect();
        subject.assert_same(&left, want.iter().copied(), &format!("what stayed of {retention:?}"));
        for (at, entry) in left.iter().enumerate() {
            let behind = subject.read(subject.behind(entry)).await?;
            let lane = subject.lane(&entry.fact);
            let want = left[at + 1..].iter().filter(|entry| lane.contains(&entry.fact.kind()));
            subject.assert_same(&behind, want, "what stands behind a position after a compaction");
        }
    }
    Ok(())
}

/// A second compaction at the same time changes nothing.
pub async fn compact_twice_changes_nothing(harness: &Harness) -> Verdict {
    let retentions = [Retention::all(records(20)), Retention::all(minutes(10)), Retention::default()];
    for retention in retentions {
        let (subject, _) = filled(harness).await;
        let first = compact(&subject, &retention).await?;
        let left = subject.entries().await?;
        let second = compact(&subject, &retention).await?;
        subject.assert_same(&subject.entries().await?, &left, "the log after a second compaction");
        assert_eq!(second.before_records, first.after_records, "facts before the second compaction");
        assert_eq!(second.after_records, first.after_records, "facts after the second compaction");
    }
    Ok(())
}

/// Facts appended after a compaction get positions above all before, also above those of facts that it dropped.
pub async fn positions_rise_after_compaction(harness: &Harness) -> Verdict {
    // The first drops the oldest facts; the second, of which the newest came late, drops the newest.
    for (retention, late) in [(records(1), 0.0), (minutes(10), 7200.0)] {
        let subject = harness.fresh().await;
        let mut highest = None;
        for (number, seconds) in [(0, 0.0), (1, 0.0), (2, late), (3, late)] {
            let fact = sample::fact(Kind::Event, number, sample::NOON - seconds);
            highest = highest.max(subject.append(&[fact]).await.last().map(|entry| entry.position));
        }
        compact(&subject, &Retention::all(retention)).await?;
        let left = subject.entries().await?;
        let added = subject.append(&sample::facts(4, 3)).await;
        let lane = subject.lane(&sample::fact(Kind::Event, 0, sample::NOON));
        for entry in added.iter().filter(|entry| lane.contains(&entry.fact.kind())) {
            assert!(highest < Some(entry.position), "{} was given after {highest:?}", entry.position);
            highest = Some(entry.position);
        }
        subject.assert_same(
            &subject.entries().await?,
            left.iter().chain(&added),
            "the log that goes on after a compaction",
        );
    }
    Ok(())
}
