//! Backends that behave badly, for the exit codes that a good one never gives.

use async_trait::async_trait;
use papyra::{
    Anomaly, AnomalyKind, Appended, Backend, Dsn, Error, Fact, RecoveryConfig, RecoveryReport, Result, ScanOptions,
    ScanReport, Schemes,
};

use crate::seam::{self, Said};

/// How a backend behaves badly.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    /// It is damaged, says that it recovered, and is damaged still.
    Stubborn,
    /// It is damaged and cannot recover.
    Helpless,
    /// It cannot even look.
    Blind,
    /// It never answers.
    Silent,
    /// It panics.
    Broken,
}

#[derive(Debug)]
struct Bad(Manner);

fn damaged() -> ScanReport {
    let mut report = ScanReport::new("bad", "bad:");
    report.add(Anomaly::new(AnomalyKind::CorruptedLine, "bad", "it is rusty"));
    report
}

#[async_trait]
impl Backend for Bad {
    fn name(&self) -> &'static str {
        "bad"
    }

    async fn append(&self, _: &[Fact]) -> Result<Appended> {
        Err(Error::unsupported("bad", "appending"))
    }

    async fn scan(&self, _: ScanOptions) -> Result<ScanReport> {
        match self.0 {
            Manner::Stubborn | Manner::Helpless => Ok(damaged()),
            Manner::Blind => Err(Error::unsupported("bad", "scan")),
            Manner::Silent => std::future::pending().await,
            Manner::Broken => panic!("a bug, on purpose"),
        }
    }

    async fn recover(&self, _: &RecoveryConfig) -> Result<RecoveryReport> {
        if self.0 != Manner::Stubborn {
            return Err(Error::unsupported("bad", "recovery"));
        }
        let mut report = RecoveryReport::default();
        (report.before, report.after) = (damaged(), Some(ScanReport::new("bad", "bad:")));
        Ok(report)
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

fn ask(manner: Manner, args: &[&str]) -> Said {
    let schemes = Schemes::new().with("bad", move |_: Dsn| async move { Ok(Bad(manner)) });
    seam::run(schemes, &[args, &["--url", "bad:"]].concat(), "")
}

pub(crate) fn run(args: &[&str]) -> Option<i32> {
    Some(ask(Manner::Stubborn, args).code.into())
}

pub(crate) fn run_silent(args: &[&str]) -> Option<i32> {
    Some(ask(Manner::Silent, args).code.into())
}

pub(crate) fn run_broken(args: &[&str]) -> Option<i32> {
    Some(ask(Manner::Broken, args).code.into())
}

const RECOVER: [&str; 2] = ["--mode", "recover"];

#[test]
fn a_recovery_that_did_not_help_is_not_believed() {
    for (command, code) in [
        (&["doctor", "run", "--mode", "Recover"] as &[&str], 2),
        (&["persistence", "startup-check", "--mode", "RECOVER"], 5),
        (&["persistence", "recover", "--mode", "Repair"], 3),
    ] {
        let said = ask(Manner::Stubborn, command);
        assert_eq!(said.code, code, "{said:?}");
        assert_eq!(said.stdout.matches("Found 1 persistence anomalies:\n").count(), 2, "{said:?}");
        assert!(!said.stdout.contains("Recovery completed") && !said.stdout.contains("Recovery successful"));
        let json = ask(Manner::Stubborn, &[command, &["-o", "json"]].concat()).stdout;
        assert!(json.contains(&format!("\"ok\":false,\"exit\":{code},")), "{json}");
    }
}

#[test]
fn damage_that_nobody_can_recover_keeps_the_gate_closed() {
    for (door, code) in [(["doctor", "run"], 2), (["persistence", "startup-check"], 5)] {
        let said = ask(Manner::Helpless, &[door, RECOVER].concat());
        assert_eq!(said.code, code, "{said:?}");
        assert!(said.stderr.contains("does not support recovery"), "{said:?}");
        assert_eq!(ask(Manner::Helpless, &door).code, 1);
    }
}

#[test]
fn what_a_backend_cannot_do_is_said_in_words_and_is_no_failure() {
    for command in [&["doctor", "run"] as &[&str], &["persistence", "startup-check", "--mode", "recover"]] {
        let said = ask(Manner::Blind, command);
        assert_eq!(said.code, 0, "{said:?}");
        assert_eq!(said.stdout, "the backend `bad` does not support scan: nothing was checked\n");
    }
    for (command, words) in [
        (&["persistence", "scan"] as &[&str], "does not support scan"),
        (&["persistence", "recover"], "does not support recovery"),
        (&["persistence", "compact", "--max-records", "1"], "does not support compaction"),
    ] {
        let said = ask(Manner::Blind, command);
        assert!(said.code == 0 && said.stdout.is_empty() && said.stderr.contains(words), "{said:?}");
    }
}

#[test]
fn a_check_that_takes_too_long_ends_and_lets_nothing_pass() {
    for door in [["doctor", "run"], ["persistence", "startup-check"]] {
        let said = ask(Manner::Silent, &[&door, &["--timeout", "1ms"][..]].concat());
        assert!(said.code == 69 && said.stdout.is_empty() && said.stderr.contains("1ms"), "{said:?}");
    }
}
