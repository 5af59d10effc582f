//! When the shipper has to stop.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use tokio::{sync::watch, time::Instant};

/// The wish that shipping ends.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Stop {
    /// Nobody has it.
    #[default]
    Never,
    /// Once nothing waits any more or nothing can be shipped, and then at the latest.
    By(Instant),
    /// At once.
    Now,
}

/// Does the work unless it has to stop before; `None` if it had to.
pub(super) async fn unless<T>(mut stop: watch::Receiver<Stop>, work: impl Future<Output = T>) -> Option<T> {
    let halt = async {
        loop {
            let wish = *stop.borrow_and_update();
            match wish {
                Stop::Now => return,
                Stop::By(at) if tokio::time::timeout_at(at, stop.changed()).await.is_err() => return,
                Stop::By(_) => {}
                Stop::Never => {
                    if stop.changed().await.is_err() {
                        return;
                    }
                }
            }
        }
    };
    let (mut halt, mut work) = (pin!(halt), pin!(work));
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => halt.as_mut().poll(cx).map(|()| None),
    })
    .await
}
