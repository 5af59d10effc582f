//! What must hold of `scan`.

use super::{
    harness::{Harness, Verdict, offered},
    sample,
};
use crate::{ErrorKind, Kind, ScanOptions};

fn options() -> [ScanOptions; 2] {
    [ScanOptions::default(), ScanOptions::deep()]
}

/// A scan does not change the log: no file, no entry, no next position.
pub async fn scan_does_not_write(harness: &Harness) -> Verdict {
    let subject = harness.fresh().await;
    for options in options() {
        let before = subject.files();
        match subject.backend().scan(options).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            report => drop(offered(report, "scanning an empty log")?),
        }
        assert!(subject.files() == before, "scanning an empty log changed its files");
    }

    let mut written = subject.append(&sample::facts(0, 40)).await;
    let before = subject.files();
    for options in options() {
        offered(subject.backend().scan(options).await, "scanning")?;
        assert!(subject.files() == before, "scanning changed the log's files");
    }
    written.extend(subject.append(&sample::facts(40, 2)).await);
    offered(subject.backend().scan(ScanOptions::default()).await, "scanning")?;
    subject.assert_same(&subject.entries().await?, &written, "the log after scans");
    Ok(())
}

/// A log that only `append` has written to is clean, its facts counted by kind.
pub async fn a_fresh_log_scans_clean(harness: &Harness) -> Verdict {
    let subject = harness.fresh().await;
    let mut facts = sample::disordered(120);
    facts.extend(sample::manifold());
    facts.insert(60, sample::fact(Kind::Unknown, 0, sample::NOON));
    let mut remarks = Vec::new();
    for batch in facts.chunks(50) {
        let appended = subject.backend().append(batch).await.unwrap_or_else(|e| panic!("appending failed: {e:?}"));
        remarks.extend(appended.remarks);
    }
    for options in options() {
        let report = offered(subject.backend().scan(options.clone()).await, "scanning")?;
        assert!(report.is_clean(), "a sound log has findings: {:?}", report.anomalies);
        for kind in Kind::KNOWN.into_iter().chain([Kind::Unknown]) {
            let all = facts.iter().chain(remarks.iter().map(|remark| &remark.fact));
            let want = all.filter(|fact| fact.kind() == kind).count() as u64;
            let got = report.entries.get(kind.as_str()).copied().unwrap_or(0);
            assert_eq!(got, want, "facts of the kind {kind} counted by {options:?}");
        }
    }
    Ok(())
}
