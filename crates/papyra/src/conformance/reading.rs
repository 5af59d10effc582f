//! What must hold of `read`.

use super::{
    harness::{Harness, Verdict, offered},
    sample,
    subject::{Subject, collect},
};
use crate::{DeadLetter, Entry, ErrorKind, Event, Fact, Kind, Order, Payload, Position, ReadOptions};

const ORDERS: [Order; 2] = [Order::OldestFirst, Order::NewestFirst];

/// Asserts that a read gives exactly what it must, in both orders; `written` is the whole log, oldest first.
async fn assert_selected(subject: &Subject, written: &[Entry], options: ReadOptions) -> Verdict {
    let wanted = |entry: &&Entry| options.after.is_none_or(|p| entry.position > p) && options.selects(&entry.fact);
    let mut want: Vec<&Entry> = written.iter().filter(wanted).collect();
    for order in ORDERS {
        let options = ReadOptions { order, ..options.clone() };
        subject.assert_same(&subject.read(options.clone()).await?, want.iter().copied(), &format!("{options:?}"));
        want.reverse();
    }
    Ok(())
}

/// Appends facts in batches of several sizes.
async fn write(subject: &Subject, facts: &[crate::Fact]) -> Vec<Entry> {
    let mut written = Vec::new();
    for batch in facts.chunks(37) {
        written.extend(subject.append(batch).await);
    }
    written
}

/// Entries come in the wanted order.
pub async fn read_in_both_orders(harness: &Harness) -> Verdict {
    let subject = harness.fresh().await;
    let written = write(&subject, &sample::disordered(100)).await;
    subject.assert_same(&subject.read(ReadOptions::oldest_first()).await?, &written, "oldest first");
    subject.assert_same(&subject.read(ReadOptions::newest_first()).await?, written.iter().rev(), "newest first");
    Ok(())
}

/// With `after`, exactly the entries above that position come.
pub async fn read_after_a_position(harness: &Harness) -> Verdict {
    let subject = harness.fresh().await;
    let written = write(&subject, &sample::disordered(80)).await;
    for entry in &written {
        assert_selected(&subject, &written, subject.behind(entry)).await?;
    }
    let late = written[60].fact.timestamp().seconds();
    for middle in [&written[40], &written[41], &written[42]] {
        let own = ReadOptions::oldest_first().after(middle.position).kind(middle.fact.kind());
        assert_selected(&subject, &written, own.clone()).await?;
        assert_selected(&subject, &written, own.since(sample::NOON)).await?;
        assert_selected(&subject, &written, subject.behind(middle).since(late)).await?;
        // Kinds that share a lane with it.
        let two = subject.lane(&middle.fact).into_iter().filter(|kind| *kind != Kind::Unknown).take(2);
        let two = two.fold(ReadOptions::oldest_first().after(middle.position), ReadOptions::kind);
        assert_selected(&subject, &written, two.since(sample::NOON)).await?;
    }

    // A position that the log has not reached: nothing is above it, and saying so is right too.
    for order in ORDERS {
        let last = &written[79];
        let options = ReadOptions { order, after: Some(beyond(last.position)), ..subject.behind(last) };
        match collect(subject.backend(), options).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            read => subject.assert_same(&offered(read, "reading behind the end")?.0, [], "what stands behind the end"),
        }
    }
    Ok(())
}

fn beyond(last: Position) -> Position {
    match (last.seq(), last.pair()) {
        (Some(seq), _) => Position::from_seq(seq + 1000),
        (None, Some((major, minor))) => Position::from_pair(major + 1000, minor),
        (None, None) => unreachable!("a position is a number or a pair"),
    }
}

/// With `since`, exactly the entries that are not older come, in whatever order their timestamps stand.
pub async fn since_is_exact(harness: &Harness) -> Verdict {
    let subject = harness.fresh().await;
    let written = write(&subject, &sample::disordered(500)).await;
    let mut moments: Vec<f64> = written.iter().map(|entry| entry.fact.timestamp().seconds()).collect();
    moments.sort_by(f64::total_cmp);
    let beyond = [f64::MIN, 0.0, moments[0] - 1.0, moments[moments.len() - 1] + 1.0, f64::MAX];
    for since in beyond {
        assert_selected(&subject, &written, ReadOptions::default().since(since)).await?;
    }
    for &moment in moments.iter().step_by(29) {
        // Right on a timestamp, and the next numbers below and above it.
        for since in [moment.next_down(), moment, moment.next_up()] {
            assert_selected(&subject, &written, ReadOptions::default().since(since)).await?;
        }
        assert_selected(&subject, &written, ReadOptions::default().since(moment).kind(Kind::DeadLetter)).await?;
    }
    Ok(())
}

/// With `kinds`, exactly the entries of these kinds come; facts of unknown kinds never come.
pub async fn read_selects_kinds(harness: &Harness) -> Verdict {
    let subject = harness.fresh().await;
    let mut facts = sample::facts(0, 30);
    for place in [30, 14, 0] {
        facts.insert(place, sample::fact(Kind::Unknown, place as u64, sample::NOON));
    }
    let written = subject.append(&facts).await;
    for mask in 0..8 {
        let chosen = Kind::KNOWN.into_iter().enumerate().filter(|(bit, _)| mask & (1 << bit) != 0);
        let options = chosen.fold(ReadOptions::default(), |options, (_, kind)| options.kind(kind));
        assert_selected(&subject, &written, options).await?;
    }
    assert_selected(&subject, &written, ReadOptions::default().kind(Kind::Audit).kind(Kind::Audit)).await
}

/// With `about`, exactly the entries about this actor come, whatever form its address was given in.
pub async fn read_selects_actors(harness: &Harness) -> Verdict {
    let subject = harness.fresh().await;
    let mut facts = sample::facts(0, 30);
    // Addresses that are parts of each other, written in several forms, quoted in payloads, and unknown.
    let quoting =
        Event::new("t://other", "Said").with_payload(Payload::of(&"t://a, local://1 and ørders://naïve/\"x\""));
    facts.push(quoting.into());
    for address in ["t://a", "t://ab", "xt://a", "local:1", "local://1", "local://11", "ørders://naïve/\"x\"", "a\\b"]
    {
        facts.push(Event::new(address, "Met").into());
        facts.push(DeadLetter::new(address, "Missed").into());
    }
    for target in [r#"{"system":"local","actor_id":1}"#, r#"{"_address":"local:1"}"#, "null"] {
        let text = format!(r#"{{"kind":"dead_letter","target":{target},"message_type":"Old","timestamp":5}}"#);
        facts.extend(Fact::from_json(&text));
    }
    let written = subject.append(&facts).await;
    for actor in ["t://a", "t://ab", "local://1", "local:1", "local://11", "ørders://naïve/\"x\"", "a\\b", "t://nobody"]
    {
        assert_selected(&subject, &written, ReadOptions::default().about(actor)).await?;
        assert_selected(&subject, &written, ReadOptions::default().about(actor).kind(Kind::DeadLetter)).await?;
    }
    Ok(())
}

/// A log without facts reads as nothing, or says that it is not there.
pub async fn an_empty_log_reads_as_nothing(harness: &Harness) -> Verdict {
    let subject = harness.fresh().await;
    assert_nothing(&subject).await?;
    subject.append(&[]).await;
    assert_nothing(&subject).await
}

async fn assert_nothing(subject: &Subject) -> Verdict {
    for order in ORDERS {
        for options in [ReadOptions::default(), ReadOptions::default().since(0.0).kind(Kind::Event)] {
            match collect(subject.backend(), ReadOptions { order, ..options }).await {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                read => subject.assert_same(&offered(read, "reading an empty log")?.0, [], "an empty log"),
            }
        }
    }
    Ok(())
}
