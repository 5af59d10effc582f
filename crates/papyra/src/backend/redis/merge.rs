//! Several streams as one: their ids say in which order entries were added.

use super::{
    id::Id,
    keys::Stream,
    page::{Pages, Raw},
    server::Server,
};
use crate::{Order, Result};

/// A way through several streams. Of equal ids, which only other programs give, the order of the streams decides.
#[derive(Debug)]
pub(super) struct Merge {
    order: Order,
    pages: Vec<Pages>,
}

impl Merge {
    /// Through these streams, each from one id up to another, both included.
    pub(super) fn new(order: Order, parts: impl IntoIterator<Item = (Stream, Id, Id)>) -> Self {
        let parts = parts.into_iter();
        Merge { order, pages: parts.map(|(stream, from, upto)| Pages::new(stream, order, from, upto)).collect() }
    }

    /// The next entry.
    ///
    /// # Cancel safety
    /// Dropping the future loses no entry.
    pub(super) async fn next(&mut self, server: &Server) -> Result<Option<(Stream, Raw)>> {
        let mut best: Option<(usize, Id)> = None;
        for (at, pages) in self.pages.iter_mut().enumerate() {
            let Some(id) = pages.peek(server).await? else { continue };
            let comes_first = best.is_none_or(|(_, other)| match self.order {
                Order::OldestFirst => id < other,
                Order::NewestFirst => id >= other,
            });
            if comes_first {
                best = Some((at, id));
            }
        }
        let Some((at, _)) = best else { return Ok(None) };
        let pages = &mut self.pages[at];
        Ok(pages.take().map(|raw| (pages.stream, raw)))
    }
}
