//! What must hold of `recover`. The suite cannot damage a log that it knows nothing of: that sound logs come through
//! unchanged is proven here, what becomes of damage in each backend's own tests.

use std::{collections::BTreeMap, path::PathBuf};

use super::{
    harness::{Harness, PassedOver, Verdict, offered},
    sample,
    subject::Subject,
};
use crate::{Entry, RecoveryConfig, RecoveryReport, Result};

/// A log with facts that nobody writes to any more: a recovery may ask for that.
async fn settled(harness: &Harness) -> (Subject, Vec<Entry>) {
    let subject = harness.fresh().await;
    let mut written = subject.append(&sample::disordered(60)).await;
    written.extend(subject.append(&sample::manifold()).await);
    subject.backend().close().await.expect("closing must work");
    (subject, written)
}

async fn recover(subject: &Subject, config: &RecoveryConfig) -> Result<RecoveryReport, PassedOver> {
    offered(subject.backend().recover(config).await, "recovering a sound log")
}

/// The log's files, lock files aside: whoever takes a lock may write his name into it.
fn files(subject: &Subject) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = subject.files();
    files.retain(|path, _| path.extension().is_none_or(|extension| extension != "lock"));
    files
}

/// Sound facts stay as they are, with their order and positions.
pub async fn recover_keeps_sound_facts(harness: &Harness) -> Verdict {
    for quarantine in [false, true] {
        let (subject, written) = settled(harness).await;
        let config = if quarantine {
            RecoveryConfig::quarantine(subject.dir().join("quarantine"))
        } else {
            RecoveryConfig::repair()
        };
        let report = recover(&subject, &config).await?;
        assert_eq!(report.lost, 0, "nothing can be lost of a sound log: {report:?}");
        subject.assert_same(&subject.entries().await?, &written, &format!("the log after {config:?}"));
    }
    Ok(())
}

/// A second recovery changes nothing.
pub async fn recover_twice_changes_nothing(harness: &Harness) -> Verdict {
    let (subject, _) = settled(harness).await;
    recover(&subject, &RecoveryConfig::repair()).await?;
    let (before, entries) = (files(&subject), subject.entries().await?);
    let report = recover(&subject, &RecoveryConfig::repair()).await?;
    assert!(report.after.is_none() && report.repaired.is_empty(), "the second recovery found work: {report:?}");
    assert!(files(&subject) == before, "the second recovery changed the log's files");
    subject.assert_same(&subject.entries().await?, &entries, "the log after a second recovery");
    Ok(())
}

/// With `RecoveryMode::Ignore`, and as a dry run, it changes nothing.
pub async fn recover_ignore_changes_nothing(harness: &Harness) -> Verdict {
    let (subject, written) = settled(harness).await;
    let before = files(&subject);
    let dry_run = RecoveryConfig { dry_run: true, ..RecoveryConfig::repair() };
    for config in [RecoveryConfig::ignore(), dry_run] {
        let report = recover(&subject, &config).await?;
        assert!(report.after.is_none() && report.repaired.is_empty(), "{config:?} changed something: {report:?}");
        assert!(files(&subject) == before, "{config:?} changed the log's files");
        subject.assert_same(&subject.entries().await?, &written, &format!("the log after {config:?}"));
    }
    Ok(())
}
