//! The gateway's decoder against whatever a client may think of: it answers with a documented code and never panics, and what it
//! takes means the same when it is said again.

use contract::gateway::decode::{Inbound, Refused, Request, decode};
use contract::gateway::{Code, encode};
use contract::{Frame, Message, MessageIds};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Bytes, Utf8Bytes};

/// Members that the page about the wire names, one that is spelled with an escape, and some that it does not name.
const MEMBERS: &[&str] = &[
    "type",
    "ref",
    "userId",
    "token",
    "to",
    "payload",
    "messageId",
    "durable",
    r"t\u0079pe",
    "Type",
    "",
    "from",
    r"\u0000",
    r"\ud800",
];

/// Values on both sides of a limit, as they stand in a frame.
fn edges() -> Vec<String> {
    let long = |length: usize| format!("\"{}\"", "x".repeat(length));
    let mut edges: Vec<_> = [64, 65, 128, 129].map(long).to_vec();
    // 64 times two bytes, and one more.
    edges.extend([format!("\"{}\"", "ë".repeat(64)), format!("\"{}x\"", "ë".repeat(64))]);
    edges.extend(["[", "{\"a\":"].map(|open| open.repeat(300)));
    edges.push(format!("{}{}", "[".repeat(300), "]".repeat(300)));
    edges.extend(EDGES.iter().map(|&edge| edge.to_owned()));
    edges
}

const EDGES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1e999999",
    "-1.5E+400",
    "123456789012345678901234567890",
    "01",
    "1.",
    "NaN",
    "\"\"",
    "\"a\"",
    "\"register\"",
    "\"ping\"",
    "\"message\"",
    "\"fly\"",
    r#""\u0000""#,
    r#""\u007f""#,
    r#""\u0085""#,
    r#""\ud83d\ude00""#,
    r#""\ud800""#,
    r#""\udc00\ud800""#,
    r#""\ud8""#,
    r#""\x""#,
    "\"\u{0}\"",
    "\"\n\"",
    "\"\u{2028}\"",
    "\"",
    "[]",
    "{}",
    "[1,]",
    r#"{"a":1,"a":2}"#,
    " 1 ",
    "\u{feff}1",
    "",
    "1 2",
    "// 1",
];

/// A frame whose members are known ones, mostly, and whose values are any, often enough the right ones.
fn frame() -> impl Strategy<Value = String> {
    let value = prop_oneof![select(edges()), any_json().prop_map(|value| value.to_string())];
    let good = select(vec![
        r#""type":"ping""#,
        r#""type":"register","userId":"alice""#,
        r#""type":"register","userId":"zoë","token":"a.b.c""#,
        r#""type":"message","to":"bob","payload":{"a": 1.0e2}"#,
        r#""type":"message","to":"bob","payload":null,"messageId":"1","durable":true"#,
        r#""x":1"#,
    ]);
    let member = (select(MEMBERS), value).prop_map(|(name, value)| format!("\"{name}\":{value}"));
    (good, vec(member, 0..4)).prop_map(|(good, members)| {
        let all: Vec<_> = [good.to_owned()].into_iter().chain(members).collect();
        format!("{{{}}}", all.join(","))
    })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 64, 8, |inner| {
        let members = vec((prop_oneof![select(MEMBERS).prop_map(str::to_owned), any::<String>()], inner.clone()), 0..8);
        prop_oneof![
            vec(inner, 0..8).prop_map(Value::from),
            members.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// What a broken client, or a malicious one, does to a frame's bytes.
#[derive(Debug, Clone)]
enum Harm {
    Cut(Index),
    Drop(Index),
    Set(Index, u8),
    Insert(Index, u8),
    Repeat(Index, Index),
}

fn harm() -> impl Strategy<Value = Harm> {
    // The bytes that mean something in JSON, and some that mean something in UTF-8.
    let byte = prop_oneof![select(b"{}[]\",:\\u0 -e.\x00\x1f\x7f\xc0\xed\xff".to_vec()), any::<u8>()];
    prop_oneof![
        any::<Index>().prop_map(Harm::Cut),
        any::<Index>().prop_map(Harm::Drop),
        (any::<Index>(), byte.clone()).prop_map(|(at, byte)| Harm::Set(at, byte)),
        (any::<Index>(), byte).prop_map(|(at, byte)| Harm::Insert(at, byte)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Harm::Repeat(from, to)),
    ]
}

impl Harm {
    fn done(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        let at = |index: &Index| index.index(length);
        match self {
            Self::Cut(end) => bytes.truncate(at(end)),
            Self::Drop(one) => _ = bytes.remove(at(one)),
            Self::Set(one, byte) => bytes[at(one)] = *byte,
            Self::Insert(before, byte) => bytes.insert(at(before), *byte),
            Self::Repeat(from, to) => {
                let (from, to) = (at(from).min(at(to)), at(from).max(at(to)));
                bytes.extend_from_within(from..to);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(bytes in vec(any::<u8>(), 0..512)) {
        arrives(bytes)?;
    }

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        is_answered(&text)?;
    }

    #[test]
    fn any_json_is_answered(value in any_json()) {
        is_answered(&value.to_string())?;
    }

    #[test]
    fn any_member_is_answered(frame in frame()) {
        is_answered(&frame)?;
    }

    #[test]
    fn a_broken_frame_is_answered(frame in frame(), harms in vec(harm(), 1..6)) {
        let mut bytes = frame.into_bytes();
        harms.iter().for_each(|harm| harm.done(&mut bytes));
        arrives(bytes)?;
    }
}

/// What is not UTF-8 does not come so far: the connection is closed with 1007.
fn arrives(bytes: Vec<u8>) -> Result<(), TestCaseError> {
    match String::from_utf8(bytes) {
        Ok(text) => is_answered(&text),
        Err(broken) => {
            prop_assert!(Utf8Bytes::try_from(Bytes::from(broken.into_bytes())).is_err());
            Ok(())
        }
    }
}

fn is_answered(text: &str) -> Result<(), TestCaseError> {
    match decode(&Utf8Bytes::from(text)) {
        Ok(inbound) => is_as_promised(text, inbound),
        Err(refused) => is_refused_well(&refused),
    }
}

/// With a documented code and, in a frame that is JSON, a message that does not grow with what the client has sent.
fn is_refused_well(refused: &Refused) -> Result<(), TestCaseError> {
    let reference = refused.reference.as_deref();
    prop_assert!(matches!(refused.code, Code::Malformed | Code::Unsupported));
    prop_assert!(reference.is_none_or(|reference| reference.len() <= 64));
    prop_assert!(refused.message.len() <= 200, "{}", refused.message);
    let answer = json_of(&encode::error(reference, refused.code, &refused.message));
    prop_assert_eq!(&answer["code"], refused.code.as_str());
    prop_assert_eq!(answer.get("ref").and_then(Value::as_str), reference);
    Ok(())
}

fn is_as_promised(text: &str, inbound: Inbound) -> Result<(), TestCaseError> {
    let reference = inbound.reference.as_deref();
    prop_assert!(reference.is_none_or(|reference| reference.len() <= 64));
    let again = spelled(&inbound);
    let back = decode(&Utf8Bytes::from(again.as_str()));
    let back = back.map_err(|refused| TestCaseError::fail(format!("{again}: {}", refused.message)))?;
    prop_assert_eq!(&spelled(&back), &again, "it means something else when it is said again");
    match inbound.request {
        Request::Register { user, .. } => is_name(user.as_str()),
        Request::Ping => Ok(()),
        Request::Message { to, payload, key } => {
            is_name(to.as_str())?;
            prop_assert!(key.is_none_or(|key| (1..=128).contains(&key.len())));
            prop_assert!(text.contains(payload.as_str()), "a payload is a part of its frame");
            let id = MessageIds::new().next();
            let message = Message { id, from: Some(to.clone()), to, payload: payload.clone() };
            let Frame::Text(frame) = &*message.to_frame() else { return Err(TestCaseError::fail("no text")) };
            let end = format!(r#""payload":{}}}"#, payload.as_str());
            prop_assert!(frame.ends_with(&end), "it is carried byte for byte");
            Ok(())
        }
    }
}

fn is_name(name: &str) -> Result<(), TestCaseError> {
    prop_assert!((1..=128).contains(&name.len()) && !name.chars().any(char::is_control), "{name:?}");
    Ok(())
}

/// The same request, spelled out: the opposite of `decode`, which only a client needs.
fn spelled(inbound: &Inbound) -> String {
    let mut members = vec![];
    let mut add = |name: &str, value: Option<String>| members.extend(value.map(|value| format!("\"{name}\":{value}")));
    let string = |text: &str| Value::from(text).to_string();
    add("ref", inbound.reference.as_deref().map(string));
    match &inbound.request {
        Request::Register { user, token } => {
            add("type", Some(string("register")));
            add("userId", Some(string(user.as_str())));
            add("token", token.as_deref().map(string));
        }
        Request::Ping => add("type", Some(string("ping"))),
        Request::Message { to, payload, key } => {
            add("type", Some(string("message")));
            add("to", Some(string(to.as_str())));
            add("payload", Some(payload.as_str().to_owned()));
            add("messageId", key.as_deref().map(string));
        }
    }
    format!("{{{}}}", members.join(","))
}

fn json_of(frame: &Frame) -> Value {
    let Frame::Text(text) = frame else { return json!(null) };
    serde_json::from_str(text).expect("what goes out is JSON")
}
