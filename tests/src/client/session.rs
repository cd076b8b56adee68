//! One connection of the client, from the attempt to its end.

use std::io::ErrorKind;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::outbox::Outbox;
use super::{Backoff, Config, Event};

type Socket = WebSocketStream<TcpStream>;

/// How a connection ended.
pub enum End {
    /// The caller has gone.
    Dropped,
    /// The node does not want this name.
    Refused(String),
    /// Nobody listens at the address: worth another attempt, once somebody does.
    Nobody(String),
    /// Anything else: worth another attempt.
    Lost(String),
}

/// Connects, registers, sends again what is unanswered, and goes on until something ends it.
pub async fn run(config: &Config, outbox: &mut Outbox, events: &mpsc::Sender<Event>, backoff: &mut Backoff) -> End {
    let registered = tokio::select! {
        registered = register(config) => registered,
        () = outbox.overdue() => return End::Dropped,
    };
    let (mut socket, conn) = match registered {
        Ok(registered) => registered,
        Err(end) => return end,
    };
    backoff.reset();
    if events.send(Event::Connected { conn }).await.is_err() {
        return End::Dropped;
    }
    for frame in outbox.again() {
        if let Err(error) = socket.feed(frame).await {
            return End::Lost(error.to_string());
        }
    }
    if let Err(error) = socket.flush().await {
        return End::Lost(error.to_string());
    }
    talk(socket, outbox, events).await
}

/// The socket, and the connection's id.
async fn register(config: &Config) -> Result<(Socket, String), End> {
    let lost = |error: &dyn std::error::Error| End::Lost(error.to_string());
    let stream = TcpStream::connect(config.address).await.map_err(|error| match error.kind() {
        ErrorKind::ConnectionRefused => End::Nobody(error.to_string()),
        _ => lost(&error),
    })?;
    let url = format!("ws://{}/ws", config.address);
    let (mut socket, _) = client_async(url, stream).await.map_err(|error| lost(&error))?;
    let mut register = json!({"type": "register", "userId": config.user, "ref": "register"});
    if let Some(token) = &config.token {
        register["token"] = token.as_str().into();
    }
    socket.send(Message::text(register.to_string())).await.map_err(|error| lost(&error))?;
    match next_frame(&mut socket).await {
        Ok(answer) if answer["type"] == "registered" => Ok((socket, text(&answer["connId"]))),
        Ok(answer) => Err(End::Refused(format!("{}: {}", text(&answer["code"]), text(&answer["message"])))),
        Err(why) => Err(End::Lost(why)),
    }
}

async fn talk(mut socket: Socket, outbox: &mut Outbox, events: &mpsc::Sender<Event>) -> End {
    loop {
        let event = tokio::select! {
            frame = outbox.next() => {
                let Some(frame) = frame else { return goodbye(socket).await };
                if let Err(error) = socket.send(frame).await {
                    return End::Lost(error.to_string());
                }
                continue;
            }
            frame = next_frame(&mut socket) => match frame {
                Ok(frame) => event(&frame, outbox),
                Err(why) => return End::Lost(why),
            },
        };
        if let Some(event) = event
            && events.send(event).await.is_err()
        {
            return goodbye(socket).await;
        }
    }
}

async fn goodbye(mut socket: Socket) -> End {
    // The node may have gone first; there is nobody to tell then.
    let _ = socket.close(None).await;
    End::Dropped
}

/// The next frame that is JSON; cancel-safe. An error says why there will be none.
async fn next_frame(socket: &mut Socket) -> Result<Value, String> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                if let Ok(frame) = serde_json::from_str(&text) {
                    return Ok(frame);
                }
            }
            Some(Ok(Message::Close(Some(close)))) => return Err(format!("closed with {}", u16::from(close.code))),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error.to_string()),
            None => return Err("closed".to_owned()),
        }
    }
}

fn event(frame: &Value, outbox: &mut Outbox) -> Option<Event> {
    let key = frame["ref"].as_str().unwrap_or_default();
    match frame["type"].as_str()? {
        "message" => Some(Event::Message {
            from: frame["from"].as_str().map(str::to_owned),
            id: text(&frame["id"]),
            payload: frame["payload"].clone(),
        }),
        "ok" => outbox.answered(key).map(|message| Event::Written { to: message.to }),
        "error" => outbox.answered(key).map(|message| Event::Refused { to: message.to, code: text(&frame["code"]) }),
        _ => None,
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
