//! An endless read: read to the end, wait a little, read on behind the last entry.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;

use crate::{Entry, EntryStream, ErrorKind, Log, Order, ReadOptions, Result};

/// How often a log that is not there is looked for.
const INTERVAL: Duration = Duration::from_millis(100);

/// How often a log may be missing, or shorter than we know it to have been, before that is an error: somebody may be moving
/// its file this very moment.
const PATIENCE: u32 = 50;

/// See [`Log::follow`].
pub(super) struct Follow {
    log: Log,
    options: ReadOptions,
    reading: Option<EntryStream>,
    pause: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// The position behind which we read is one that the log itself gave.
    positioned: bool,
    /// How often in a row the log could not be found.
    missed: u32,
}

impl Follow {
    pub(super) fn new(log: Log, options: ReadOptions) -> Self {
        let options = ReadOptions { order: Order::OldestFirst, ..options };
        Follow { log, options, reading: None, pause: None, positioned: false, missed: 0 }
    }

    fn rest(&mut self) {
        self.reading = None;
        self.pause = Some(Box::pin(tokio::time::sleep(INTERVAL)));
    }

    /// Until the backend says that there may be something new.
    fn wait_for_news(&mut self) {
        self.reading = None;
        let (log, after) = (self.log.clone(), self.options.after);
        self.pause = Some(Box::pin(async move { log.backend.news(after).await }));
    }
}

impl Stream for Follow {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(pause) = &mut this.pause {
                std::task::ready!(pause.as_mut().poll(cx));
                this.pause = None;
            }
            let reading = this.reading.get_or_insert_with(|| this.log.backend.read(this.options.clone()));
            match std::task::ready!(Pin::new(reading).poll_next(cx)) {
                Some(Ok(entry)) => {
                    this.options.after = Some(entry.position);
                    (this.positioned, this.missed) = (true, 0);
                    return Poll::Ready(Some(Ok(entry)));
                }
                Some(Err(error)) if error.kind() == ErrorKind::NotFound => {
                    this.missed += 1;
                    // A log that does not exist yet may be created while we wait; a wrong position never becomes right, and
                    // one that we were given ourselves is wrong only if another log has taken the place of ours.
                    let waits = match this.options.after {
                        None => true,
                        Some(_) => this.positioned && this.missed < PATIENCE,
                    };
                    if !waits {
                        return Poll::Ready(Some(Err(error)));
                    }
                    this.rest();
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    this.missed = 0;
                    this.wait_for_news();
                }
            }
        }
    }
}
