//! A port of one's choice before the mock cluster, which lets the system choose its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// After a failed accept, mostly for want of descriptors: long enough for some to come back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Leads each connection to `port` on to `target`, for as long as this process lives.
pub async fn start(port: u16, target: SocketAddr) -> Result<SocketAddr> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    tokio::spawn(accept(listener, target));
    Ok(address)
}

async fn accept(listener: TcpListener, target: SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => drop(tokio::spawn(lead(client, target))),
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// A broker that is down refuses; its client then sees the connection end.
async fn lead(mut client: TcpStream, target: SocketAddr) {
    let Ok(mut broker) = TcpStream::connect(target).await else { return };
    // What goes wrong on the one is told on the other, by its end.
    let _ = (client.set_nodelay(true), broker.set_nodelay(true));
    let _ = copy_bidirectional(&mut client, &mut broker).await;
}
