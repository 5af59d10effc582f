//! Logs on Redis, tried on real servers: child processes of the tests.

mod lab;
mod shipping;
