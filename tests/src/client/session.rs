//! One connection of the client, from the attempt to its end.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::{Backoff, Config, Event, Outgoing};

type Socket = WebSocketStream<TcpStream>;

/// How a connection ended.
pub enum End {
    /// The caller has gone.
    Dropped,
    /// The node does not want this name.
    Refused(String),
    /// Anything else: worth another attempt.
    Lost(String),
}

/// Messages that nobody has answered yet, oldest first.
pub struct Unanswered {
    // In front of each key, so that another life of this client never gives the same.
    prefix: String,
    last: u64,
    messages: VecDeque<(String, Outgoing)>,
}

impl Unanswered {
    pub fn new(user: &str) -> Self {
        Self { prefix: format!("{:x}", RandomState::new().hash_one(user)), last: 0, messages: VecDeque::new() }
    }

    fn add(&mut self, message: Outgoing) -> Message {
        self.last += 1;
        let key = format!("{}-{}", self.prefix, self.last);
        let frame = frame(&key, &message);
        self.messages.push_back((key, message));
        frame
    }

    fn answered(&mut self, key: &str) -> Option<Outgoing> {
        let at = self.messages.iter().position(|(known, _)| known == key)?;
        self.messages.remove(at).map(|(_, message)| message)
    }
}

fn frame(key: &str, Outgoing { to, payload }: &Outgoing) -> Message {
    // The key serves twice: as `ref` for this connection's answer, as `messageId` for the message's identity.
    Message::text(json!({"type": "message", "to": to, "payload": payload, "ref": key, "messageId": key}).to_string())
}

/// Connects, registers, sends again what is unanswered, and goes on until something ends it.
pub async fn run(
    config: &Config,
    unanswered: &mut Unanswered,
    outgoing: &mut mpsc::Receiver<Outgoing>,
    events: &mpsc::Sender<Event>,
    backoff: &mut Backoff,
) -> End {
    let mut socket = match register(config).await {
        Ok(socket) => socket,
        Err(end) => return end,
    };
    backoff.reset();
    if events.send(Event::Connected).await.is_err() {
        return End::Dropped;
    }
    for (key, message) in &unanswered.messages {
        if let Err(error) = socket.feed(frame(key, message)).await {
            return End::Lost(error.to_string());
        }
    }
    if let Err(error) = socket.flush().await {
        return End::Lost(error.to_string());
    }
    talk(socket, unanswered, outgoing, events).await
}

async fn register(config: &Config) -> Result<Socket, End> {
    let lost = |error: &dyn std::error::Error| End::Lost(error.to_string());
    let stream = TcpStream::connect(config.address).await.map_err(|error| lost(&error))?;
    let url = format!("ws://{}/ws", config.address);
    let (mut socket, _) = client_async(url, stream).await.map_err(|error| lost(&error))?;
    let mut register = json!({"type": "register", "userId": config.user, "ref": "register"});
    if let Some(token) = &config.token {
        register["token"] = token.as_str().into();
    }
    socket.send(Message::text(register.to_string())).await.map_err(|error| lost(&error))?;
    match next_frame(&mut socket).await {
        Ok(answer) if answer["type"] == "registered" => Ok(socket),
        Ok(answer) => Err(End::Refused(format!("{}: {}", text(&answer["code"]), text(&answer["message"])))),
        Err(why) => Err(End::Lost(why)),
    }
}

async fn talk(
    mut socket: Socket,
    unanswered: &mut Unanswered,
    outgoing: &mut mpsc::Receiver<Outgoing>,
    events: &mpsc::Sender<Event>,
) -> End {
    loop {
        let event = tokio::select! {
            message = outgoing.recv() => {
                let Some(message) = message else { return goodbye(socket).await };
                if let Err(error) = socket.send(unanswered.add(message)).await {
                    return End::Lost(error.to_string());
                }
                continue;
            }
            frame = next_frame(&mut socket) => match frame {
                Ok(frame) => event(&frame, unanswered),
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

fn event(frame: &Value, unanswered: &mut Unanswered) -> Option<Event> {
    let key = frame["ref"].as_str().unwrap_or_default();
    match frame["type"].as_str()? {
        "message" => Some(Event::Message {
            from: frame["from"].as_str().map(str::to_owned),
            id: text(&frame["id"]),
            payload: frame["payload"].clone(),
        }),
        "ok" => unanswered.answered(key).map(|message| Event::Written { to: message.to }),
        "error" => {
            unanswered.answered(key).map(|message| Event::Refused { to: message.to, code: text(&frame["code"]) })
        }
        _ => None,
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
