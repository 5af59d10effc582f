//! One writer at a time.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::ChildStdout,
    time::{Duration, Instant},
};

use crate::{
    effort::{HANG, count},
    lab::{Kind, Lab, Process, event, events},
    ledger,
};

fn start(lab: &Lab, n: u64) -> Process {
    let mut process = Process(lab.command(&lab.appending()).spawn().unwrap());
    process.0.stdin.as_mut().unwrap().write_all((event(n) + "\n").as_bytes()).unwrap();
    process
}

fn first_line(stdout: ChildStdout) -> String {
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    line
}

#[test]
fn the_second_of_two_writers_is_told_who_holds_the_log() {
    for kind in [Kind::File, Kind::Segments] {
        the_second_is_told(&Lab::of(kind));
    }
}

fn the_second_is_told(lab: &Lab) {
    let mut holder = start(lab, 0);
    assert!(first_line(holder.0.stdout.take().unwrap()).contains("\"seq\":1"));
    let second = lab.append(&events([1])).ended(75);
    assert!(second.stderr.contains(&format!("process {} ", holder.0.id())), "{second:?}");
    assert!(second.stderr.contains("(append)"), "{second:?}");
    holder.kill();
    lab.append(&events([2])).ended(0);
    assert_eq!(ledger::listed(lab), [(0, 1), (2, 2)]);
}

#[test]
fn of_twenty_that_open_at_once_exactly_one_writes() {
    for round in 0..count(4, 100) {
        let lab = Lab::of([Kind::File, Kind::Segments][round % 2]);
        let mut crowd: Vec<Process> = (0..20).map(|n| start(&lab, n)).collect();
        let began = Instant::now();
        loop {
            let ended = crowd.iter_mut().filter_map(|process| process.0.try_wait().unwrap()).count();
            assert!(ended < 20, "round {round}: nobody writes");
            if ended == 19 {
                break;
            }
            assert!(began.elapsed() < HANG, "round {round}: more than one is still there");
            std::thread::sleep(Duration::from_millis(2));
        }
        let (mut winner, mut told) = (None, Vec::new());
        for (n, process) in crowd.iter_mut().enumerate() {
            match process.0.try_wait().unwrap() {
                None => winner = Some((n, process.0.id())),
                Some(status) => {
                    assert_eq!(status.code(), Some(75));
                    let mut words = String::new();
                    process.0.stderr.take().unwrap().read_to_string(&mut words).unwrap();
                    told.push(words);
                }
            }
        }
        let (n, pid) = winner.unwrap();
        assert!(told.iter().all(|words| words.contains(&format!("process {pid} "))), "{told:?}");
        assert!(first_line(crowd[n].0.stdout.take().unwrap()).contains("\"seq\":1"));
        crowd[n].kill();
        lab.append(&events([99])).ended(0);
        assert_eq!(ledger::listed(&lab), [(n as u64, 1), (99, 2)]);
        lab.must_be_clean();
    }
}
