//! Streams of what blocking work produces on a thread of its own.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use tokio::sync::mpsc;

pub(super) use crate::blocking::{not_started, run};
use crate::{
    Entry, Result,
    blocking::{died, spawn},
};

/// How many entries are handed over at once, at first and at most: the first ones come soon, the many come cheap.
const FIRST_CHUNK: usize = 16;
const MAX_CHUNK: usize = 512;
/// How many chunks wait for a slow reader.
const CHUNKS: usize = 2;

/// Streams what blocking work produces. The work ends early when the stream is dropped: its sink then says so.
pub(super) fn stream(
    name: &str,
    work: impl FnOnce(&mut dyn FnMut(Result<Entry>) -> bool) + Send + 'static,
) -> impl Stream<Item = Result<Entry>> + Send + 'static {
    let (chunks, receiver) = mpsc::channel(CHUNKS);
    let spawned = spawn(name, move || {
        let mut fuse = Fuse(Some(chunks.clone()));
        let mut chunk = Vec::with_capacity(FIRST_CHUNK);
        let mut size = FIRST_CHUNK;
        work(&mut |entry| {
            chunk.push(entry);
            if chunk.len() < size {
                return !chunks.is_closed();
            }
            size = (size * 2).min(MAX_CHUNK);
            chunks.blocking_send(std::mem::replace(&mut chunk, Vec::with_capacity(size))).is_ok()
        });
        let _ = chunks.blocking_send(chunk);
        fuse.0 = None;
    });
    let ready = match spawned {
        Ok(()) => Vec::new(),
        Err(error) => vec![Err(error)],
    };
    Chunks { ready: ready.into_iter(), receiver }
}

/// A thread that ended before its work was done must not look like the end of the log.
struct Fuse(Option<mpsc::Sender<Vec<Result<Entry>>>>);

impl Drop for Fuse {
    fn drop(&mut self) {
        if let Some(chunks) = &self.0 {
            let _ = chunks.blocking_send(vec![Err(died())]);
        }
    }
}

struct Chunks {
    ready: std::vec::IntoIter<Result<Entry>>,
    receiver: mpsc::Receiver<Vec<Result<Entry>>>,
}

impl Stream for Chunks {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(entry) = self.ready.next() {
                return Poll::Ready(Some(entry));
            }
            match std::task::ready!(self.receiver.poll_recv(cx)) {
                Some(chunk) => self.ready = chunk.into_iter(),
                None => return Poll::Ready(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EntryStream, ErrorKind};

    #[test]
    fn a_thread_that_panics_does_not_look_like_the_end() {
        let entries = EntryStream::new(stream("papyra-test", |_| panic!("on purpose")));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(entries.collect()).unwrap_err().kind(), ErrorKind::Internal);
    }
}
