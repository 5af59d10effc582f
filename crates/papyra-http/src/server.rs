//! A server around the router: one that stays within its limits whoever connects.

use std::{future::Future, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use papyra::{Error, ErrorKind, Result};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{Service, scans};

/// How long a request may take to arrive.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// How many bytes the head of a request may have.
const HEADER_BYTES: usize = 32 << 10;
/// How many headers it may have.
const HEADERS: usize = 64;
/// How long answers that are under way may take when the server ends.
const GRACE: Duration = Duration::from_secs(2);
/// How long to wait before the next connection if the system has none to give: without files left, say.
const PAUSE: Duration = Duration::from_millis(100);

/// Listens at an address, `127.0.0.1:0` for any free port.
///
/// # Errors
/// `Config` for an address that others reach, unless the service has a token or is
/// [open to all](Service::open_to_all); `Unavailable` if the address is taken, `Permission` if this user may not have it.
pub async fn listen(address: SocketAddr, service: &Service) -> Result<TcpListener> {
    if !address.ip().is_loopback() && !service.access.has_token() && !service.access.is_open_to_all {
        return Err(Error::new(
            ErrorKind::Config,
            format!("{address} can be reached by others, and there is no token"),
        )
        .with_cure(
            "give --token-file FILE, listen at 127.0.0.1, or say --insecure if the network is closed by other means",
        ));
    }
    TcpListener::bind(address).await.map_err(|error| {
        let kind = match error.kind() {
            io::ErrorKind::PermissionDenied => ErrorKind::Permission,
            _ => ErrorKind::Unavailable,
        };
        Error::new(kind, format!("cannot listen at {address}")).with_source(error)
    })
}

/// Serves until `stop` is ready. Then no request is taken any more, and those that are under way have two seconds.
pub async fn serve(listener: TcpListener, service: Service, stop: impl Future<Output = ()>) {
    let (router, state) = service.routes();
    if service.scans_first {
        state.scans.begin();
        // What it finds, or that it failed, is kept there.
        tokio::spawn(async move { scans::check(&state).await.map(drop) });
    }
    let limits = service.limits;
    let room = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &room) => accepted,
        };
        // Those that have ended are forgotten here.
        while connections.try_join_next().is_some() {}
        let Some((stream, place)) = accepted else {
            sleep(PAUSE).await;
            continue;
        };
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME).max_buf_size(HEADER_BYTES).max_headers(HEADERS);
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            // Why a connection ended, and whether in time, is the other side's business.
            let _ = timeout(limits.connection_time, connection).await;
            drop(place);
        });
    }
    drop(listener);
    // Followers never end by themselves: after the grace all connections are dropped.
    let _ = timeout(GRACE, graceful.shutdown()).await;
    connections.abort_all();
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(room).acquire_owned().await.ok()?;
    let (stream, _) = listener.accept().await.ok()?;
    // Events are small and want to be there at once.
    let _ = stream.set_nodelay(true);
    Some((stream, place))
}
