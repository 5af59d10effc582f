//! How far a file has been written, for whoever reads it meanwhile.

use std::{
    io,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

/// How far a file has been written.
#[derive(Debug, Default)]
pub(super) struct Written {
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct State {
    through: u64,
    given_up: bool,
}

impl Written {
    /// The file is so long by now.
    pub(super) fn tell(&self, through: u64) {
        self.state().through = through;
        self.more.notify_all();
    }

    /// Nothing more will be written: who waits for more waits in vain.
    pub(super) fn give_up(&self) {
        self.state().given_up = true;
        self.more.notify_all();
    }

    /// Waits until the file is so long.
    pub(super) fn wait_for(&self, through: u64) -> io::Result<()> {
        let mut state = self.state();
        while state.through < through {
            if state.given_up {
                return Err(io::Error::other("the file was not written to its end"));
            }
            state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn who_waits_goes_on_when_enough_is_written_and_is_told_when_it_never_will_be() {
        let written = Arc::new(Written::default());
        let waiting = |through| {
            let written = written.clone();
            std::thread::spawn(move || written.wait_for(through).is_ok())
        };
        let (near, far) = (waiting(5), waiting(9));
        written.tell(4);
        written.tell(5);
        assert!(near.join().unwrap());
        written.give_up();
        assert!(!far.join().unwrap());
        assert!(written.wait_for(5).is_ok(), "what is there can be read all the same");
    }
}
