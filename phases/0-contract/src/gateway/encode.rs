//! Everything that goes out, spelled by hand: a frame is written once, and its payload copied once.

use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::Code;
use crate::message::Message;
use crate::{ConnId, Frame, MessageId, UserId};

/// What the braces, names and quotes of the longest frame take, with an id: so that a frame is one allocation.
const ENVELOPE: usize = 96;

const BEFORE_ID: &str = r#"{"type":"message","id":""#;
const BEFORE_FROM: &str = r#","from":"#;
const BEFORE_PAYLOAD: &str = r#","payload":"#;

/// `message {id, from?, payload}`, for the recipient.
pub fn message(message: &Message) -> Frame {
    let mut text = String::with_capacity(length(message));
    text.push_str(BEFORE_ID);
    push_id(&mut text, message.id);
    text.push('"');
    if let Some(from) = &message.from {
        text.push_str(BEFORE_FROM);
        push_string(&mut text, from.as_str());
    }
    text.push_str(BEFORE_PAYLOAD);
    text.push_str(message.payload.as_str());
    text.push('}');
    frame(text)
}

/// Bytes of the frame, unless a name has to be escaped. Exactly: what is left over would cost `Bytes` an allocation of its own.
fn length(message: &Message) -> usize {
    let id = BEFORE_ID.len() + message.id.length() + 1;
    let from = message.from.as_ref().map_or(0, |from| BEFORE_FROM.len() + from.as_str().len() + 2);
    id + from + BEFORE_PAYLOAD.len() + message.payload.as_str().len() + 1
}

/// `registered {ref?, userId, connId}`.
pub fn registered(reference: Option<&str>, user: &UserId, conn: ConnId) -> Frame {
    let mut text = begin("registered", reference);
    text.push_str(r#","userId":"#);
    push_string(&mut text, user.as_str());
    text.push_str(&format!(r#","connId":"{conn}"}}"#));
    frame(text)
}

/// `pong {ref?}`.
pub fn pong(reference: Option<&str>) -> Frame {
    frame(begin("pong", reference) + "}")
}

/// `ok {ref, id, outcome:"written"}`.
pub fn ok(reference: &str, id: MessageId) -> Frame {
    let mut text = begin("ok", Some(reference));
    text.push_str(r#","id":""#);
    push_id(&mut text, id);
    text.push_str(r#"","outcome":"written"}"#);
    frame(text)
}

/// `error {ref?, code, message, retry}`.
pub fn error(reference: Option<&str>, code: Code, message: &str) -> Frame {
    let mut text = begin("error", reference);
    text.push_str(&format!(r#","code":"{}","message":"#, code.as_str()));
    push_string(&mut text, message);
    text.push_str(&format!(r#","retry":{}}}"#, code.retry()));
    frame(text)
}

fn frame(text: String) -> Frame {
    Frame::Text(Utf8Bytes::from(text))
}

fn begin(kind: &str, reference: Option<&str>) -> String {
    let mut text = String::with_capacity(ENVELOPE + reference.map_or(0, str::len));
    text.push_str(r#"{"type":""#);
    text.push_str(kind);
    text.push('"');
    if let Some(reference) = reference {
        text.push_str(r#","ref":"#);
        push_string(&mut text, reference);
    }
    text
}

fn push_id(text: &mut String, id: MessageId) {
    use std::fmt::Write;
    // Writing to a String cannot fail.
    let _ = write!(text, "{id}");
}

/// A JSON string; most have nothing to escape.
fn push_string(text: &mut String, value: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if value.bytes().all(plain) {
        text.push('"');
        text.push_str(value);
        text.push('"');
    } else {
        text.push_str(&serde_json::Value::from(value).to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Payload;
    use crate::{MessageIds, Topic};

    fn text(frame: &Frame) -> serde_json::Value {
        let Frame::Text(text) = frame else { panic!("all answers are text") };
        serde_json::from_str(text).expect("all answers are JSON")
    }

    #[test]
    fn names_are_escaped_and_payloads_are_not_touched() {
        let message = Message {
            id: MessageIds::new().next(),
            from: UserId::parse(r#"a"b\"#),
            to: UserId::parse("bob").expect("a name"),
            payload: Payload::parse(" [1.50] ".into()).expect("JSON"),
        };
        let Frame::Text(frame) = super::message(&message) else { panic!("text") };
        assert!(frame.ends_with(r#","payload":[1.50]}"#), "{frame}");
        assert_eq!(text(&Frame::Text(frame))["from"], r#"a"b\"#);
    }

    #[test]
    fn a_message_is_as_long_as_its_buffer() {
        let record = MessageId::of_record(Topic::parse("messages").expect("a name"), 3, 71);
        let payload = Payload::parse("[1]".into()).expect("JSON");
        let to = UserId::parse("bob").expect("a name");
        for (id, from) in [(MessageIds::new().next(), UserId::parse("alice")), (record, None)] {
            let message = Message { id, from, to: to.clone(), payload: payload.clone() };
            assert_eq!(super::message(&message).len(), length(&message));
        }
    }

    #[test]
    fn answers_carry_their_ref() {
        let error = text(&error(Some("1\n"), Code::Overloaded, "full"));
        assert_eq!(
            error,
            serde_json::json!({"type":"error","ref":"1\n","code":"overloaded","message":"full","retry":true})
        );
        assert_eq!(text(&pong(None)), serde_json::json!({"type":"pong"}));
    }
}
