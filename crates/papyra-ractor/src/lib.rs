//! Observe ractor actors.
