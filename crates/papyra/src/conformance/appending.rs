//! What must hold of `append`.

use std::{
    collections::BTreeMap,
    future::Future as _,
    sync::{Arc, Barrier},
    task::Poll,
    time::Duration,
};

use super::{
    harness::{Harness, Verdict},
    sample,
    subject::{Subject, collect, placed},
};
use crate::{Entry, ErrorKind, Fact, Kind, Outcome, ReadOptions};

/// Facts are kept in the order given, and batches in the order appended.
pub async fn append_keeps_order(harness: &Harness) -> Verdict {
    let subject = harness.fresh().await;
    let mut written = Vec::new();
    for size in [1, 7, 2, 40, 1, 1, 13] {
        let mut batch = sample::facts(written.len() as u64, size);
        // An order that neither time nor kind nor number tells.
        batch.reverse();
        written.extend(subject.append(&batch).await);
    }
    subject.assert_same(&subject.entries().await?, &written, "the whole log");
    Ok(())
}

/// A batch is added whole or not at all, also if one of its facts is refused.
pub async fn append_is_all_or_nothing(harness: &Harness) -> Verdict {
    for place in 0..3 {
        let subject = harness.fresh().await;
        let before = subject.append(&sample::facts(0, 2)).await;
        let mut batch = sample::facts(10, 2);
        batch.insert(place, sample::huge(20));
        let appended = subject.backend().append(&batch).await;
        let after = subject.append(&sample::facts(30, 2)).await;

        let entries = subject.entries().await?;
        match appended {
            Ok(appended) => {
                let batch = placed(&batch, appended);
                subject.assert_same(
                    &entries,
                    before.iter().chain(&batch).chain(&after),
                    "the log with the whole batch",
                );
            }
            Err(error) => {
                for lane in subject.lanes() {
                    let own: Vec<&Fact> = batch.iter().filter(|fact| lane.contains(&fact.kind())).collect();
                    let among = entries.iter().filter(|entry| own.contains(&&entry.fact)).count();
                    let whole = among == own.len() && error.outcome() == Outcome::Unknown;
                    let all = own.len();
                    assert!(whole || among == 0, "{among} of {all} facts of a failed batch are there: {error:?}");
                }
                let others: Vec<Entry> = entries.into_iter().filter(|entry| !batch.contains(&entry.fact)).collect();
                subject.assert_same(&others, before.iter().chain(&after), "the log beside the failed batch");
            }
        }
    }
    Ok(())
}

/// There is one position per fact, each above every position given before.
pub async fn positions_rise(harness: &Harness) -> Verdict {
    let subject = harness.fresh().await;
    let mut highest = BTreeMap::new();
    for size in [1, 5, 0, 2, 30, 1, 1] {
        for entry in subject.append(&sample::facts(100, size)).await {
            let last = highest.insert(subject.lane(&entry.fact), entry.position);
            assert!(last < Some(entry.position), "{} was given after {last:?}", entry.position);
        }
    }
    Ok(())
}

/// A fact is readable as soon as its append returned.
pub async fn read_after_write(harness: &Harness) -> Verdict {
    let subject = harness.fresh().await;
    let mut written: Vec<Entry> = Vec::new();
    for number in 0..12 {
        let batch = subject.append(&sample::facts(number, 1 + number % 3)).await;
        let before = written.clone();
        written.extend(batch.iter().cloned());
        subject.assert_same(&subject.entries().await?, &written, "the whole log after an append");
        let newest = subject.read(ReadOptions::newest_first()).await?;
        subject.assert_same(&newest, written.iter().rev(), "the whole log backwards after an append");
        for lane in subject.lanes() {
            let is_in = |entry: &&Entry| lane.contains(&entry.fact.kind());
            if let Some(last) = before.iter().rfind(is_in) {
                let behind = subject.read(subject.behind(last)).await?;
                subject.assert_same(&behind, batch.iter().filter(is_in), "what stands behind the append before");
            }
        }
    }
    Ok(())
}

/// An empty batch adds nothing.
pub async fn an_empty_batch_adds_nothing(harness: &Harness) -> Verdict {
    let subject = harness.fresh().await;
    assert!(subject.append(&[]).await.is_empty(), "an empty batch has no positions");
    let mut written = subject.append(&sample::facts(0, 2)).await;
    assert!(subject.append(&[]).await.is_empty(), "an empty batch has no positions");
    written.extend(subject.append(&sample::facts(2, 1)).await);
    assert!(subject.append(&[]).await.is_empty(), "an empty batch has no positions");
    subject.assert_same(&subject.entries().await?, &written, "the log with empty batches between");
    Ok(())
}

/// Every member of a fact is kept, and every number to the letter.
pub async fn facts_are_kept_whole(harness: &Harness) -> Verdict {
    let subject = harness.fresh().await;
    let facts = sample::manifold();
    let mut written = subject.append(&facts).await;
    for fact in &facts {
        written.extend(subject.append(std::slice::from_ref(fact)).await);
    }
    subject.assert_same(&subject.entries().await?, &written, "facts with every member");
    subject.assert_same(
        &subject.read(ReadOptions::newest_first()).await?,
        written.iter().rev(),
        "facts with every member",
    );
    Ok(())
}

/// Batches that several tasks and threads append at once do not mix.
pub async fn concurrent_batches_do_not_mix(harness: &Harness) -> Verdict {
    const WRITERS: u64 = 6;
    const BATCHES: u64 = 10;
    const SIZE: u64 = 12;
    let subject = harness.fresh().await;
    let (done, mut results) = tokio::sync::mpsc::unbounded_channel();
    let start = Arc::new(Barrier::new(WRITERS as usize / 2));
    for writer in 0..WRITERS {
        let (log, done) = (subject.log.clone(), done.clone());
        let write = async move {
            for batch in 0..BATCHES {
                let facts = sample::facts((writer * BATCHES + batch) * SIZE, SIZE);
                let appended = log.backend().append(&facts).await;
                // Nobody listens any more once the check has failed.
                let _ = done.send((writer, facts, appended));
                tokio::task::yield_now().await;
            }
        };
        // Tasks take turns wherever the backend waits; threads also run where it does not. All on the one runtime, where
        // the backend's sockets live.
        if writer % 2 == 0 {
            tokio::spawn(write);
        } else {
            let (runtime, start) = (tokio::runtime::Handle::current(), start.clone());
            std::thread::spawn(move || {
                start.wait();
                runtime.block_on(write);
            });
        }
    }
    drop(done);

    let mut batches = Vec::new();
    while let Some((writer, facts, appended)) = results.recv().await {
        let appended = appended.unwrap_or_else(|error| panic!("appending beside others failed: {error:?}"));
        batches.push((writer, placed(&facts, appended)));
    }
    assert_eq!(batches.len() as u64, WRITERS * BATCHES, "a writer panicked");
    let mut written: Vec<Entry> = Vec::new();
    for lane in subject.lanes() {
        let is_in = |entry: &&Entry| lane.contains(&entry.fact.kind());
        let own = |(by, batch): &(u64, Vec<Entry>)| (*by, Vec::from_iter(batch.iter().filter(is_in).cloned()));
        let mut batches: Vec<(u64, Vec<Entry>)> = batches.iter().map(own).collect();
        // Each writer waited for one batch before it began the next, so its positions must rise.
        for writer in 0..WRITERS {
            let own = batches.iter().filter(|(by, _)| *by == writer).map(|(_, entries)| entries[0].position);
            assert!(own.is_sorted(), "a later batch of one writer stands before an earlier one");
        }
        batches.sort_by_key(|(_, entries)| entries[0].position);
        let all: Vec<Entry> = batches.into_iter().flat_map(|(_, entries)| entries).collect();
        assert!(all.is_sorted_by(|a, b| a.position < b.position), "positions of two batches overlap");
        written.extend(all);
    }
    subject.assert_same(&subject.entries().await?, &written, "what several writers appended");
    Ok(())
}

/// After `close`, an append fails with kind `Closed` and adds nothing.
pub async fn append_after_close_fails(harness: &Harness) -> Verdict {
    let subject = harness.fresh().await;
    let written = subject.append(&sample::facts(0, 2)).await;
    subject.backend().close().await.expect("closing must work");
    for facts in [sample::facts(2, 1), Vec::new()] {
        match subject.backend().append(&facts).await {
            Ok(_) => panic!("a batch of {} facts was accepted after close", facts.len()),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Closed, "{error:?}");
                assert_eq!(error.outcome(), Outcome::NotWritten, "{error:?}");
            }
        }
    }
    // A log that lived in the handle alone cannot be asked any more.
    if let Ok((entries, _)) = collect(subject.backend(), ReadOptions::oldest_first()).await
        && !entries.is_empty()
    {
        subject.assert_same(&entries, &written, "the log after an append that failed");
    }
    Ok(())
}

/// A batch whose future was dropped is in the log whole or not at all.
pub async fn a_dropped_append_is_whole_or_absent(harness: &Harness) -> Verdict {
    let subject = harness.fresh().await;
    let mut written = subject.append(&sample::facts(0, 2)).await;
    let mut dropped: Vec<Vec<Fact>> = Vec::new();
    for patience in [Duration::ZERO, Duration::from_micros(200)] {
        for polls in 0..12 {
            let batch: Vec<Fact> =
                (0..5).map(|n| sample::fact(Kind::Event, 1000 + dropped.len() as u64 * 10 + n, sample::NOON)).collect();
            poll_and_drop(&subject, &batch, polls, patience).await;
            dropped.push(batch);
        }
    }
    // Batches keep their order: once this one is there, no dropped one can still come before it.
    written.extend(subject.append(&sample::facts(2, 2)).await);

    let entries = subject.entries().await?;
    let lane = subject.lane(&dropped[0][0]);
    let (entries, elsewhere): (Vec<Entry>, Vec<Entry>) =
        entries.into_iter().partition(|entry| lane.contains(&entry.fact.kind()));
    for batch in &dropped {
        let there: Vec<usize> = (0..entries.len()).filter(|&at| batch.contains(&entries[at].fact)).collect();
        let Some(&first) = there.first() else { continue };
        let facts: Vec<&Fact> = entries[first..].iter().map(|entry| &entry.fact).take(batch.len()).collect();
        assert_eq!(there.len(), batch.len(), "{} of the {} facts of a dropped append", there.len(), batch.len());
        assert!(facts.into_iter().eq(batch), "the facts of a dropped append do not stand together and in order");
    }
    let others: Vec<Entry> = (entries.into_iter().chain(elsewhere))
        .filter(|entry| !dropped.iter().any(|batch| batch.contains(&entry.fact)))
        .collect();
    subject.assert_same(&others, &written, "the log beside dropped appends");
    Ok(())
}

/// Polls an append so many times, with pauses between, and drops it wherever it then is.
async fn poll_and_drop(subject: &Subject, batch: &[Fact], polls: usize, pause: Duration) {
    let mut append = std::pin::pin!(subject.backend().append(batch));
    for _ in 0..polls {
        let state = std::future::poll_fn(|cx| Poll::Ready(append.as_mut().poll(cx))).await;
        if let Poll::Ready(appended) = state {
            let _ = appended.unwrap_or_else(|error| panic!("an append that was waited for failed: {error:?}"));
            return;
        }
        if pause.is_zero() { tokio::task::yield_now().await } else { tokio::time::sleep(pause).await }
    }
}
