//! What must hold of `close`.

use super::{
    harness::{Harness, Verdict, offered},
    sample,
    subject::collect,
};
use crate::{ErrorKind, ReadOptions};

/// A log can be closed twice, also one that was never written to, and after an append that failed.
pub async fn close_twice_is_fine(harness: &Harness) -> Verdict {
    for count in [0, 2] {
        let subject = harness.fresh().await;
        if count > 0 {
            subject.append(&sample::facts(0, count)).await;
        }
        for time in ["first", "second"] {
            let closed = subject.backend().close().await;
            assert!(closed.is_ok(), "closing for the {time} time failed: {closed:?}");
        }
        // It fails, which is another check's business: closing is still fine.
        let _ = subject.backend().append(&sample::facts(2, 1)).await;
        let closed = subject.backend().close().await;
        assert!(closed.is_ok(), "closing after a failed append failed: {closed:?}");
    }
    Ok(())
}

/// Reading still works after `close`, unless the log lives in the handle alone.
pub async fn reading_survives_close(harness: &Harness) -> Verdict {
    let subject = harness.fresh().await;
    let written = subject.append(&sample::facts(0, 20)).await;
    subject.entries().await?;
    subject.backend().close().await.expect("closing must work");

    let newest = collect(subject.backend(), ReadOptions::newest_first()).await;
    let gone = match &newest {
        Ok((entries, _)) => entries.is_empty(),
        Err(error) => matches!(error.kind(), ErrorKind::Closed | ErrorKind::NotFound),
    };
    if gone {
        // Then a new handle must not find it either.
        let again = harness.open(subject.dir()).await;
        let found =
            collect(again.backend(), ReadOptions::newest_first()).await.is_ok_and(|(found, _)| !found.is_empty());
        assert!(!found, "the log outlives its handle, so reading must work after close");
        return Ok(());
    }
    subject.assert_same(
        &offered(newest, "reading after close")?.0,
        written.iter().rev(),
        "the log after close, backwards",
    );
    subject.assert_same(&subject.entries().await?, &written, "the log after close");
    Ok(())
}
