//! Logs on Redis, tried on real servers: child processes of the tests.

mod conforming;
mod lab;
mod shipping;
mod spool;
