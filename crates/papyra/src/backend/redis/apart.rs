//! Work that reads and writes files beside the server: on a thread of its own, with a runtime and connections of its own, so
//! that it keeps nobody waiting.

use std::future::Future;

use tokio::runtime::Builder;

use super::server::Server;
use crate::{Result, blocking};

pub(super) async fn apart<T, F>(
    name: &str,
    server: &Server,
    work: impl FnOnce(Server) -> F + Send + 'static,
) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>>,
{
    let server = server.apart();
    let work = move || {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(blocking::not_started)?;
        runtime.block_on(work(server))
    };
    blocking::run(name, work).await
}
