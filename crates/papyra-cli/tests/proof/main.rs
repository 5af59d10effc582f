//! Proofs from outside: the built program against killed processes, full disks, damage, other programs and power cuts.
//!
//! Each test compares the log with a record of what was sent and acknowledged. `scripts/prove` raises the counts of the same
//! tests; docs/proof.md says what each has shown.

mod append_errors;
mod backups;
mod beside;
mod chance;
mod damage;
mod damager;
mod disk_full;
mod effort;
mod feeder;
mod fleet;
mod giants;
mod kill;
mod lab;
mod ledger;
mod locks;
mod moved;
mod parts;
mod power;
mod python;
mod redis;
#[path = "../../../papyra/tests/redis/lab/mod.rs"]
mod redis_lab;
mod spool;
mod strace;
mod syscalls;
mod tmpfs;
