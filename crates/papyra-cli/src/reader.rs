//! Whoever reads what this process prints.

use std::future::pending;

/// How often a command that waits looks whether anybody still reads.
#[cfg(unix)]
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(200);

/// Returns when the reader of stdout has gone; never where that cannot be seen, as of a file.
#[cfg(unix)]
pub(crate) async fn gone() {
    use rustix::{
        event::{PollFd, PollFlags, Timespec, poll},
        io::Errno,
    };

    let stdout = std::io::stdout();
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    loop {
        // Nothing is asked for: an error, as of a pipe without a reader, or a hang-up is told unasked.
        match poll(&mut [PollFd::new(&stdout, PollFlags::empty())], Some(&at_once)) {
            Ok(0) | Err(Errno::INTR) => tokio::time::sleep(LOOK_EVERY).await,
            Ok(_) => return,
            Err(_) => return pending().await,
        }
    }
}

/// Never returns: there the next write tells.
#[cfg(not(unix))]
pub(crate) async fn gone() {
    pending().await
}
