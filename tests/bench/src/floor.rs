//! Floors: the least servers that do the same. No mailbox bounds in bytes, no limits, no heartbeat, no acknowledgement.
//!
//! [`Floor::Echo`] is a bare tokio-tungstenite echo. [`Floor::Route`] is the smallest one-node router that speaks JSON: a map from
//! names to bounded channels, an envelope that is scanned and written anew, and a writer that flushes when its channel is empty.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use futures_util::stream::SplitSink;
use futures_util::{FutureExt, SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, accept_async_with_config};

/// Which floor.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Floor {
    /// Echoes.
    Echo,
    /// Routes.
    Route,
}

type Names = Arc<Mutex<HashMap<String, mpsc::Sender<Utf8Bytes>>>>;

/// Serves until standard input closes.
pub async fn serve(floor: Floor) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("ready ws={}", listener.local_addr()?);
    let names = Names::default();
    let accepting = async {
        while let Ok((stream, _)) = listener.accept().await {
            match floor {
                Floor::Echo => tokio::spawn(echo(stream)),
                Floor::Route => tokio::spawn(route(stream, names.clone())),
            };
        }
    };
    let (mut stdin, mut nothing) = (tokio::io::stdin(), tokio::io::sink());
    tokio::select! {
        () = accepting => {}
        _ = tokio::io::copy(&mut stdin, &mut nothing) => {}
    }
    Ok(())
}

async fn accept(stream: TcpStream) -> Option<WebSocketStream<TcpStream>> {
    // As the router does; without these the comparison would be one of options.
    stream.set_nodelay(true).ok()?;
    let config = WebSocketConfig::default().read_buffer_size(4096);
    accept_async_with_config(stream, Some(config)).await.ok()
}

async fn echo(stream: TcpStream) {
    let Some(mut ws) = accept(stream).await else { return };
    while let Some(Ok(message)) = ws.next().await {
        if is_data(&message) && ws.feed(message).await.is_err() {
            return;
        }
        // What has arrived already is answered before the flush.
        while let Some(Some(Ok(message))) = ws.next().now_or_never() {
            if is_data(&message) && ws.feed(message).await.is_err() {
                return;
            }
        }
        if ws.flush().await.is_err() {
            return;
        }
    }
}

fn is_data(message: &Message) -> bool {
    message.is_text() || message.is_binary()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    user_id: Option<&'a str>,
    to: Option<&'a str>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

async fn route(stream: TcpStream, names: Names) {
    let Some(ws) = accept(stream).await else { return };
    let (sink, mut stream) = ws.split();
    let (frames_tx, frames) = mpsc::channel(1024);
    tokio::spawn(write(sink, frames));
    let mut own = String::new();
    while let Some(Ok(message)) = stream.next().await {
        let Message::Text(text) = message else { continue };
        let Ok(envelope) = serde_json::from_str::<Envelope>(&text) else { continue };
        let names = || names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(user) = envelope.user_id {
            own = user.to_owned();
            names().insert(own.clone(), frames_tx.clone());
            let _ = frames_tx.try_send(format!(r#"{{"type":"registered","userId":"{user}"}}"#).into());
        } else if let (Some(to), Some(payload)) = (envelope.to, envelope.payload) {
            let recipient = names().get(to).cloned();
            if let Some(recipient) = recipient {
                let frame = format!(r#"{{"type":"message","from":"{own}","payload":{}}}"#, payload.get());
                let _ = recipient.try_send(frame.into());
            }
        }
    }
}

async fn write(mut sink: SplitSink<WebSocketStream<TcpStream>, Message>, mut frames: mpsc::Receiver<Utf8Bytes>) {
    while let Some(frame) = frames.recv().await {
        let mut next = Some(frame);
        while let Some(frame) = next {
            if sink.feed(Message::Text(frame)).await.is_err() {
                return;
            }
            next = frames.try_recv().ok();
        }
        if sink.flush().await.is_err() {
            return;
        }
    }
}
