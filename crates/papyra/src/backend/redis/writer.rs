//! The writer: a thread of its own with a runtime of its own, so that batches are finished whatever becomes of the host's.

use std::{
    sync::{Mutex, PoisonError},
    thread,
};

use tokio::{
    runtime::Builder,
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::{
    batch::{Done, Encoded, Request},
    keys::Lane,
    lane::Work,
    server::Server,
};
use crate::{Entry, Error, ErrorKind, Result};

/// How many appends wait for a lane.
const QUEUE: usize = 64;

/// The way to the writer's lanes.
#[derive(Debug)]
pub(super) struct Writer {
    lanes: Mutex<Vec<(Lane, mpsc::Sender<Request>)>>,
    ended: Mutex<Option<oneshot::Receiver<()>>>,
}

/// What all lanes together did.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// The id of each fact, in the order given.
    pub(super) ids: Vec<super::id::Id>,
    pub(super) bytes: u64,
    pub(super) remarks: Vec<Entry>,
    pub(super) lost: u64,
}

impl Writer {
    pub(super) fn start(server: &Server) -> Result<Writer> {
        let failed = |error| Error::new(ErrorKind::Io, "cannot start the writer's thread").with_source(error);
        let (mut lanes, mut works) = (Vec::new(), Vec::new());
        for lane in server.keys().lanes() {
            let (sender, requests) = mpsc::channel(QUEUE);
            lanes.push((*lane, sender));
            works.push((Work::new(server.clone(), *lane), requests));
        }
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (end, ended) = oneshot::channel();
        let work = move || {
            runtime.block_on(async {
                let lanes: Vec<_> =
                    works.into_iter().map(|(work, requests)| tokio::spawn(work.run(requests))).collect();
                for lane in lanes {
                    // A lane that panicked has dropped its requests, and so told everyone.
                    let _ = lane.await;
                }
            });
            runtime.shutdown_background();
            let _ = end.send(());
        };
        thread::Builder::new().name("papyra-redis".to_owned()).spawn(work).map_err(failed)?;
        Ok(Writer { lanes: Mutex::new(lanes), ended: Mutex::new(Some(ended)) })
    }

    /// Adds facts; those of each lane are one batch. No facts: asks each lane whether it can be written to.
    pub(super) async fn append(&self, facts: Vec<Encoded>, deadline: Instant) -> Result<Written> {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut written = Written { ids: vec![Default::default(); facts.len()], ..Written::default() };
        let mut parts: Vec<(Vec<usize>, Vec<Encoded>)> = lanes.iter().map(|_| Default::default()).collect();
        let asks = facts.is_empty();
        for (at, fact) in facts.into_iter().enumerate() {
            let lane = lanes.iter().position(|(lane, _)| lane.streams().contains(&fact.stream)).unwrap_or(0);
            parts[lane].0.push(at);
            parts[lane].1.push(fact);
        }
        let mut waiting = Vec::new();
        for ((_, lane), (places, facts)) in lanes.iter().zip(parts) {
            if !facts.is_empty() || asks {
                let (answer, answered) = oneshot::channel();
                lane.send(Request { facts, deadline, answer }).await.map_err(|_| gone())?;
                waiting.push((places, answered));
            }
        }
        drop(lanes);
        let (mut failed, mut some): (Option<Error>, bool) = (None, false);
        for (places, answered) in waiting {
            match answered.await.unwrap_or_else(|_| Err(gone().with_unknown_outcome())) {
                Ok(Done { ids, bytes, remarks, lost }) => {
                    places.into_iter().zip(ids).for_each(|(place, id)| written.ids[place] = id);
                    written.bytes += bytes;
                    written.lost += lost;
                    written.remarks.extend(remarks);
                    some = true;
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match failed {
            None => Ok(written),
            // What other lanes have added stays added.
            Some(error) if some && !asks => Err(error.with_unknown_outcome()),
            Some(error) => Err(error),
        }
    }

    /// Takes no more, finishes what there is, and ends.
    pub(super) async fn close(&self) {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(ended) = ended {
            let _ = ended.await;
        }
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::Internal, "the writer's thread ended early")
}
