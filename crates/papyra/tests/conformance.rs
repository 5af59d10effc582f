//! Memory keeps the whole contract, a backend that offers little passes over the rest, and no sentence is without a check.

use std::collections::BTreeSet;

use async_trait::async_trait;
use papyra::{
    Appended, Backend, ErrorKind, Fact, Position, Result,
    backend::memory::Memory,
    conformance::{self, Harness},
};

papyra::conformance!(|_| Memory::new());

/// The least that is a backend: append and close.
#[derive(Debug, Default)]
struct WriteOnly(std::sync::Mutex<(u64, bool)>);

#[async_trait]
impl Backend for WriteOnly {
    fn name(&self) -> &'static str {
        "write-only"
    }

    async fn append(&self, facts: &[Fact]) -> Result<Appended> {
        let (last, closed) = &mut *self.0.lock().unwrap();
        if *closed {
            return Err(papyra::Error::new(ErrorKind::Closed, "the log is closed"));
        }
        let positions = (*last + 1..).take(facts.len()).map(Position::from_seq).collect();
        *last += facts.len() as u64;
        Ok(Appended::new(positions, 0))
    }

    async fn close(&self) -> Result<()> {
        self.0.lock().unwrap().1 = true;
        Ok(())
    }
}

mod write_only {
    papyra::conformance!(async |_dir| super::WriteOnly::default());
}

#[test]
fn what_is_not_offered_is_passed_over_in_words() {
    let harness = Harness::new(|_| WriteOnly::default());
    let passed_over = |verdict: conformance::Verdict| verdict.unwrap_err().to_string();
    assert_eq!(
        passed_over(harness.verdict(conformance::read_in_both_orders)),
        "the backend `write-only` does not support reading"
    );
    assert!(passed_over(harness.verdict(conformance::scan_does_not_write)).contains("scan"));
    assert!(passed_over(harness.verdict(conformance::recover_keeps_sound_facts)).contains("recovery"));
    // What concerns append and close alone is proven even here.
    assert!(harness.verdict(conformance::positions_rise).is_ok());
    assert!(harness.verdict(conformance::append_after_close_fails).is_ok());
    assert!(harness.verdict(conformance::close_twice_is_fine).is_ok());
}

macro_rules! memory_is_passed_over_nowhere {
    ($($check:ident,)*) => {
        #[test]
        fn memory_is_passed_over_nowhere() {
            let harness = Harness::new(|_| Memory::new());
            $(assert!(harness.verdict(conformance::$check).is_ok(), stringify!($check));)*
        }
    };
}

papyra::__conformance_checks!(memory_is_passed_over_nowhere);

#[test]
fn each_must_has_its_check_and_each_check_its_must() {
    let source = include_str!("../src/backend.rs");
    let (_, contract) = source.split_once("pub trait Backend").unwrap();
    let (contract, _) = contract.split_once("\n}\n").unwrap();
    let named: Vec<&str> =
        contract.split("`[").skip(1).map(|rest| rest.split_once("]`").expect("a closed bracket").0).collect();
    let set = |names: &[&'static str]| names.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(set(&named), set(conformance::CHECKS));
    assert_eq!(named.len(), conformance::CHECKS.len(), "a name stands in the documentation twice");
}
