//! System calls that fail under a writer.

use crate::{
    effort::{count, skip},
    lab::{Kind, LOG, Lab, event, events, finish},
    ledger::Ledger,
    strace::Strace,
};

const CALLS: [&str; 10] =
    ["openat", "write", "pwrite64", "ftruncate", "fsync", "fdatasync", "rename", "unlink", "flock", "mkdir"];

/// The files of a log of 32 facts that rotates.
const DIRECTORY: [&str; 6] = [
    "facts/facts.000001.ndjson",
    "facts/facts.000002.ndjson",
    "facts/facts.000003.ndjson",
    "facts/log.lock",
    "facts/log.swap.lock",
    "facts",
];

/// Appends while the calls from the `nth` on fail, and then while none does.
fn fails_and_goes_on(strace: &Strace, kind: Kind, call: &str, error: &str, when: &str, name: &str) -> Option<bool> {
    let lab = Lab::of(kind);
    let mut ledger = Ledger { next: 1, ..Ledger::default() };
    let run = lab.run(&lab.appending(), event(0)).ended(0);
    ledger.take(0, &run.stdout);
    // A torn tail, so that opening has something to settle.
    std::fs::OpenOptions::new()
        .append(true)
        .open(lab.log())
        .and_then(|mut log| std::io::Write::write_all(&mut log, b"{\"ki"))
        .unwrap();
    // Not the runtime's own descriptors: a pipe to itself has no disk that could fail.
    let files = match kind {
        Kind::File => &[LOG, "facts.ndjson.lock", "facts.ndjson.swap.lock", "."][..],
        _ => &DIRECTORY,
    };
    let command = strace.command_on(&lab, files, call, &format!("error={error}"), when, &lab.appending());
    let first = ledger.next;
    ledger.next += 30;
    let run = finish(command, events(first..ledger.next).as_bytes());
    if !strace.was_disturbed() {
        return None;
    }
    assert_eq!(run.signal, None, "{name}: {run:?}");
    assert!(!run.stderr.contains("panicked") && run.code != Some(70), "{name}: {run:?}");
    ledger.take(first, &run.stdout);
    if run.code == Some(0) {
        assert_eq!(ledger.acknowledged.len() as u64, ledger.next, "{name}: ended well, but not all is acknowledged");
    }
    let next = ledger.next;
    ledger.next += 1;
    let again = lab.run(&lab.appending(), event(next));
    assert_eq!(again.code, Some(0), "{name}: the next append: {again:?}, after {run:?}");
    ledger.take(next, &again.stdout);
    ledger.check(&lab);
    lab.must_be_clean();
    Some(run.code != Some(0))
}

#[test]
fn a_failing_system_call_makes_no_false_acknowledgement() {
    no_false_acknowledgement(Kind::File);
}

#[test]
fn a_failing_system_call_under_a_writer_that_rotates_makes_no_false_acknowledgement() {
    no_false_acknowledgement(Kind::Segments);
}

fn no_false_acknowledgement(kind: Kind) {
    let strace = match Strace::find() {
        Ok(strace) => strace,
        Err(why) => return skip(&why),
    };
    let (mut tried, mut failed) = (0, 0);
    for error in ["ENOSPC", "EIO", "EINTR", "EDQUOT", "EROFS", "EMFILE", "EAGAIN"].into_iter().take(count(2, 7)) {
        for call in CALLS {
            // Until there is no such call any more: once, and from then on.
            for nth in 1.. {
                // The standard library asks again after every interruption of an opening, a cut or a sync.
                let for_good = (error != "EINTR" || call == "write").then(|| format!("{nth}+"));
                let whens = [Some(nth.to_string()), for_good].into_iter().flatten();
                let ran = whens.map(|when| {
                    let name = format!("{kind:?}: {error} of {call} {when}");
                    fails_and_goes_on(&strace, kind, call, error, &when, &name)
                });
                let Some(worst) = ran.flatten().max() else { break };
                tried += 1;
                failed += u32::from(worst);
            }
        }
    }
    println!("{tried} calls failed, once and for good; {failed} of them ended the append in words");
    assert!(failed > 10, "only {failed} calls were seen to fail");
}
