//! The floor: what a bare tokio-tungstenite server does with an echo. No mailbox, no limits, no heartbeat, one flush a frame
//! unless more are waiting to be read.

use anyhow::Result;
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::accept_async_with_config;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// Serves until standard input closes.
pub async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("ready ws={}", listener.local_addr()?);
    let accepting = async {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(echo(stream));
        }
    };
    let mut nothing = tokio::io::sink();
    let mut stdin = tokio::io::stdin();
    tokio::select! {
        () = accepting => {}
        _ = tokio::io::copy(&mut stdin, &mut nothing) => {}
    }
    Ok(())
}

async fn echo(stream: TcpStream) {
    // As the router does; without it the comparison would be one of socket options.
    let _ = stream.set_nodelay(true);
    let config = WebSocketConfig::default().read_buffer_size(4096);
    let Ok(mut ws) = accept_async_with_config(stream, Some(config)).await else { return };
    while let Some(Ok(message)) = ws.next().await {
        if !message.is_text() && !message.is_binary() {
            continue;
        }
        if ws.feed(message).await.is_err() {
            return;
        }
        // What has arrived already is answered before the flush.
        while let Some(Some(Ok(message))) = ws.next().now_or_never() {
            if (message.is_text() || message.is_binary()) && ws.feed(message).await.is_err() {
                return;
            }
        }
        if ws.flush().await.is_err() {
            return;
        }
    }
}
