//! An inbound frame's envelope, read once; the payload in it is found and validated, never built.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::Code;
use crate::UserId;
use crate::message::Payload;

/// A `ref` has at most so many bytes.
const LONGEST_REF: usize = 64;
/// A `messageId` (and an `Idempotency-Key`) has 1 to so many bytes.
const LONGEST_KEY: usize = 128;

/// A frame that could be read.
#[derive(Debug)]
pub struct Inbound {
    /// By which the client wants to be answered.
    pub reference: Option<Box<str>>,
    /// What it asks for.
    pub request: Request,
}

/// What a client can ask for.
#[derive(Debug)]
pub enum Request {
    /// To be called so from now on.
    Register { user: UserId, token: Option<String> },
    /// A sign of life.
    Ping,
    /// To bring this to a user.
    Message { to: UserId, payload: Payload, key: Option<String> },
}

/// A frame that could not, and how to answer it.
#[derive(Debug)]
pub struct Refused {
    /// The frame's `ref`, where that much could be read.
    pub reference: Option<Box<str>>,
    /// Why.
    pub code: Code,
    /// Why, for a person.
    pub message: Cow<'static, str>,
}

/// The known members, each found but not yet understood. A member given twice is an error of the parser's; unknown ones are skipped.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, rename = "type", deserialize_with = "present")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "ref", deserialize_with = "present")]
    reference: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "userId", deserialize_with = "present")]
    user_id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    token: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    to: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    payload: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    durable: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "messageId", deserialize_with = "present")]
    message_id: Option<&'a RawValue>,
}

/// `null` is a value like any other, not an absence.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads a text frame.
///
/// # Errors
///
/// [`Refused`], which says how to answer; the connection stays.
pub fn decode(frame: &Utf8Bytes) -> Result<Inbound, Refused> {
    let envelope = envelope(frame).map_err(|why| refused(None, Code::Malformed, why))?;
    let reference = envelope.reference.map(reference).transpose().map_err(|why| refused(None, Code::Malformed, why))?;
    match request(&envelope, frame) {
        Ok(request) => Ok(Inbound { reference, request }),
        Err((code, why)) => Err(refused(reference, code, why)),
    }
}

fn refused(reference: Option<Box<str>>, code: Code, message: impl Into<Cow<'static, str>>) -> Refused {
    Refused { reference, code, message: message.into() }
}

fn envelope(frame: &str) -> Result<Envelope<'_>, String> {
    // The derived reader would take an array for an object with its members in order.
    if !frame.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{') {
        return Err("a frame is a JSON object".into());
    }
    serde_json::from_str(frame).map_err(|error| format!("not a frame: {error}"))
}

fn reference(value: &RawValue) -> Result<Box<str>, &'static str> {
    let text = string(value).filter(|text| text.len() <= LONGEST_REF);
    text.map(Into::into).ok_or("ref is a string of at most 64 bytes")
}

fn request(envelope: &Envelope<'_>, frame: &Utf8Bytes) -> Result<Request, (Code, Cow<'static, str>)> {
    let malformed = |why: &'static str| (Code::Malformed, Cow::Borrowed(why));
    let kind = envelope.kind.and_then(string).ok_or(malformed("type is missing, or no string"))?;
    match &*kind {
        "register" => Ok(Request::Register {
            user: user(envelope.user_id)
                .ok_or(malformed("userId is a name of 1 to 128 bytes without control characters"))?,
            token: optional(envelope.token, usize::MAX).map_err(|()| malformed("token is a string"))?,
        }),
        "ping" => Ok(Request::Ping),
        "message" => Ok(Request::Message {
            to: user(envelope.to).ok_or(malformed("to is a name of 1 to 128 bytes without control characters"))?,
            payload: payload(envelope.payload, frame).ok_or(malformed("payload is missing"))?,
            key: key(envelope).ok_or(malformed("messageId is a string of 1 to 128 bytes, durable true or false"))?,
        }),
        _ => Err((Code::Unsupported, "this node does not know this type of frame".into())),
    }
}

fn string(value: &RawValue) -> Option<Cow<'_, str>> {
    /// Borrows unless there are escapes.
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    serde_json::from_str::<Text>(value.get()).ok().map(|text| text.0)
}

fn user(value: Option<&RawValue>) -> Option<UserId> {
    UserId::parse(&string(value?)?)
}

fn payload(value: Option<&RawValue>, frame: &Utf8Bytes) -> Option<Payload> {
    Some(Payload::within(frame, value?.get()))
}

fn optional(value: Option<&RawValue>, longest: usize) -> Result<Option<String>, ()> {
    let Some(value) = value else { return Ok(None) };
    let text = string(value).filter(|text| (1..=longest).contains(&text.len()));
    text.map(|text| Some(text.into_owned())).ok_or(())
}

/// `Some` when both members are as they should be; `durable` says nothing before there is a place to keep messages.
fn key(envelope: &Envelope<'_>) -> Option<Option<String>> {
    let durable_is_bool = envelope.durable.is_none_or(|value| matches!(value.get(), "true" | "false"));
    optional(envelope.message_id, LONGEST_KEY).ok().filter(|_| durable_is_bool)
}

/// Whether a text will do as `Idempotency-Key`.
pub fn is_key(text: &str) -> bool {
    (1..=LONGEST_KEY).contains(&text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(frame: &str) -> Result<Inbound, Refused> {
        decode(&Utf8Bytes::from(frame))
    }

    #[test]
    fn a_payload_is_carried_byte_for_byte() {
        let frame = r#" {"type":"message","to":"bob","payload": {"b": 1.0e2,"a":"\u00e9" } ,"ref":"1"}"#;
        let Ok(Inbound { reference, request: Request::Message { to, payload, .. } }) = decoded(frame) else {
            panic!("it is a message")
        };
        assert_eq!(payload.as_str(), r#"{"b": 1.0e2,"a":"\u00e9" }"#);
        assert_eq!((to.as_str(), reference.as_deref()), ("bob", Some("1")));
    }

    #[test]
    fn null_is_a_payload_and_absence_is_not() {
        assert!(decoded(r#"{"type":"message","to":"bob","payload":null}"#).is_ok());
        assert!(decoded(r#"{"type":"message","to":"bob"}"#).is_err());
    }

    #[test]
    fn what_cannot_be_read_is_answered_with_its_ref_where_that_can() {
        for (frame, code, reference) in [
            ("", Code::Malformed, None),
            ("[\"ping\"]", Code::Malformed, None),
            (r#"{"type":"ping""#, Code::Malformed, None),
            (r#"{"type":"ping","type":"ping"}"#, Code::Malformed, None),
            (r#"{"type":"ping","ref":7}"#, Code::Malformed, None),
            (r#"{"type":"ping","ref":null}"#, Code::Malformed, None),
            (r#"{"ref":"x"}"#, Code::Malformed, Some("x")),
            (r#"{"type":"fly","ref":"x"}"#, Code::Unsupported, Some("x")),
            (r#"{"type":"register","userId":"","ref":"x"}"#, Code::Malformed, Some("x")),
            (r#"{"type":"register","userId":"a\u0000","ref":"x"}"#, Code::Malformed, Some("x")),
            (r#"{"type":"message","to":"a","payload":1,"durable":1,"ref":"x"}"#, Code::Malformed, Some("x")),
        ] {
            let refused = decoded(frame).expect_err(frame);
            assert_eq!((refused.code, refused.reference.as_deref()), (code, reference), "{frame}");
        }
        let long = format!(r#"{{"type":"ping","ref":"{}"}}"#, "x".repeat(65));
        assert_eq!(decoded(&long).expect_err("too long").reference, None);
    }

    #[test]
    fn unknown_members_are_skipped_however_deep() {
        let deep = format!(r#"{{"type":"ping","x":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
        assert!(decoded(&deep).is_ok());
    }
}
