//! Panics that are part of the play do not fill the terminal.

use std::{
    panic::{self, PanicHookInfo},
    sync::Arc,
};

type Hook = dyn Fn(&PanicHookInfo<'_>) + Send + Sync;

/// While it lives, panics from one source file are not printed; all others are, as before.
pub(super) struct QuietPanics(Arc<Hook>);

impl QuietPanics {
    pub(super) fn of(source: &'static str) -> Self {
        let before: Arc<Hook> = panic::take_hook().into();
        let others = before.clone();
        panic::set_hook(Box::new(move |panic| {
            if panic.location().is_none_or(|location| location.file() != source) {
                others(panic);
            }
        }));
        QuietPanics(before)
    }
}

impl Drop for QuietPanics {
    fn drop(&mut self) {
        // A panicking thread may not change the hook; the process is about to end with that panic anyway.
        if !std::thread::panicking() {
            let before = self.0.clone();
            panic::set_hook(Box::new(move |panic| before(panic)));
        }
    }
}
