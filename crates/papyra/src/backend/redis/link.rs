//! What becomes of connections, counted: made, refused, broken, open.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use crate::Connections;

/// The counts of one log's connections.
#[derive(Debug, Default)]
pub(super) struct Links {
    open: AtomicU64,
    made: AtomicU64,
    failed: AtomicU64,
    broken: AtomicU64,
}

/// A connection as it is counted: open until it breaks, or until nobody has it any more.
#[derive(Debug)]
pub(super) struct Link {
    links: Arc<Links>,
    broken: AtomicBool,
}

impl Links {
    pub(super) fn made(self: &Arc<Self>) -> Link {
        self.made.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        Link { links: Arc::clone(self), broken: AtomicBool::new(false) }
    }

    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> Connections {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Connections {
            open: count(&self.open),
            made: count(&self.made),
            failed: count(&self.failed),
            broken: count(&self.broken),
        }
    }
}

impl Link {
    /// It leads nowhere any more. What was sent over it side by side may say so several times; it broke once.
    pub(super) fn broke(&self) {
        if !self.broken.swap(true, Ordering::Relaxed) {
            self.links.open.fetch_sub(1, Ordering::Relaxed);
            self.links.broken.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if !*self.broken.get_mut() {
            self.links.open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_open_until_it_breaks_or_is_dropped_and_breaks_once() {
        let links = Arc::new(Links::default());
        let (one, other) = (links.made(), links.made());
        links.failed();
        assert_eq!(links.counts(), Connections { open: 2, made: 2, failed: 1, broken: 0 });
        one.broke();
        one.broke();
        assert_eq!(links.counts(), Connections { open: 1, made: 2, failed: 1, broken: 1 });
        drop((one, other));
        assert_eq!(links.counts(), Connections { open: 0, made: 2, failed: 1, broken: 1 });
    }
}
