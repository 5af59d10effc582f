//! A progress bar for long work, on a terminal only.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use papyra::Progress;

/// Short work needs no bar.
const PATIENCE: Duration = Duration::from_millis(300);
const INTERVAL: Duration = Duration::from_millis(100);
/// On fewer columns the long form would need a second line, and every step would leave one behind.
const WIDE: u16 = 60;

/// A bar that is drawn on stderr while this value lives, and leaves nothing behind.
pub(crate) struct Bar {
    progress: Progress,
    drawn: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

impl Bar {
    /// Begins to show how far the work is, if it is to be shown at all.
    pub(crate) fn begin(what: &'static str, shown: bool) -> Bar {
        let progress = Progress::new();
        let over = Arc::new(AtomicBool::new(false));
        let (looked_at, ended) = (progress.clone(), over.clone());
        let draw = move || draw(what, &looked_at, &ended);
        // A bar is no reason to fail: without a thread there is none.
        let drawn = shown.then(|| thread::Builder::new().name("papyra-bar".to_owned()).spawn(draw).ok()).flatten();
        Bar { progress, drawn: drawn.map(|thread| (over, thread)) }
    }

    /// Where the work counts.
    pub(crate) fn progress(&self) -> Progress {
        self.progress.clone()
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some((over, thread)) = self.drawn.take() {
            over.store(true, Ordering::Relaxed);
            thread.thread().unpark();
            // Whatever is printed next must find the line empty.
            let _ = thread.join();
        }
    }
}

/// How wide the terminal is, where it tells.
fn columns() -> Option<u16> {
    #[cfg(unix)]
    return rustix::termios::tcgetwinsize(std::io::stderr())
        .ok()
        .map(|size| size.ws_col)
        .filter(|columns| *columns > 0);
    #[cfg(not(unix))]
    return None;
}

fn draw(what: &'static str, progress: &Progress, over: &AtomicBool) {
    let began = Instant::now();
    let mut bar = None;
    while !over.load(Ordering::Relaxed) {
        thread::park_timeout(INTERVAL);
        if began.elapsed() < PATIENCE {
            continue;
        }
        let bar = bar.get_or_insert_with(|| {
            // Of what is merely read, nobody knows how much there is.
            let style = ProgressStyle::with_template(match progress.expected() {
                0 => "{msg}, {bytes} so far",
                _ if columns().is_some_and(|columns| columns < WIDE) => "{msg} {percent}%",
                _ => "{msg} [{wide_bar}] {bytes} of {total_bytes}, {eta} left",
            });
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr()).with_message(what);
            match style {
                Ok(style) => bar.with_style(style.progress_chars("=> ")),
                Err(_) => bar,
            }
        });
        bar.set_length(progress.expected());
        bar.set_position(progress.done());
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}
