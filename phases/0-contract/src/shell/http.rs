//! What both listeners serve on: HTTP/1.1 with upgrades, a bound on slow headers, and a stop that leaves no connection.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A client gets so long to send its request line and headers; a crowd that dribbles them cannot hold descriptors for ever.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// After a failed accept, mostly for want of descriptors: long enough for some to come back, short enough not to be noticed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Listens there.
///
/// # Errors
///
/// It cannot: in a sentence that says what to do.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| cannot_bind(address, &error))
}

/// That sentence.
pub fn cannot_bind(address: SocketAddr, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!("{address} is in use by another process: stop it, or choose another port")
        }
        _ => format!("cannot listen on {address}: {error}"),
    }
}

/// Where a listener listens, whose port the system may have chosen.
pub fn bound(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().expect("a listener that was bound has an address")
}

/// Accepts until `stop`, serving each connection on a task of `tasks`; a request under way is finished, an idle one closed.
pub async fn serve(listener: TcpListener, routes: Router, stop: CancellationToken, tasks: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                tasks.spawn(connection(stream, routes.clone(), stop.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, routes: Router, stop: CancellationToken) {
    // Frames are small and each is flushed when the queue is empty: waiting for more (Nagle) only adds delay. An error means
    // that the peer has gone already, which the first read will tell.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(routes);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    // What goes wrong on one connection is that client's trouble: it sees it, and nobody here could act on it.
    tokio::select! {
        _ = &mut connection => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
