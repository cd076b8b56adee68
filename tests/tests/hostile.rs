//! A node among clients that mean it harm: each is answered by an `error`, by HTTP or by a documented close, nothing panics, nothing
//! is left of them, and a client that behaves notices nothing.
//!
//! `ROUTER_HOSTILE_SEED=7 cargo test -p checks --test hostile` repeats a run whose seed was 7.

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use checks::harness::frame::{self, Frame};
use checks::harness::{Node, Peer as _, RawClient, Rng, Seen, Talk, World};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// Short, so that who falls silent is soon closed.
const FLAGS: &[&str] = &[
    "--heartbeat",
    "150ms",
    "--heartbeat-timeout",
    "600ms",
    "--slow-grace",
    "600ms",
    "--close-grace",
    "200ms",
    "--sweep",
    "50ms",
    "--max-message",
    "4096",
    // Little, so that the answers to a flood of Pings soon fill the buffer behind it too.
    "--mailbox-bytes",
    "16384",
];
const MAX_MESSAGE: usize = 4096;
/// For a machine that does something else as well.
const PATIENCE: Duration = Duration::from_secs(5);
/// A request line and headers, or a body, may take 10 s.
const SLOWEST: Duration = Duration::from_secs(13);
/// A node has 10 MiB or so; whatever is done to it, it shall not need so much more.
const GROWTH_KIB: u64 = 24 * 1024;
/// The codes that a node closes with, see the page about the wire; a hostile client cannot be too slow or drained here.
const CLOSE_CODES: &[u16] = &[1002, 1007, 1008, 1009];

/// Text frames, and the code that answers them; `-` for those that are taken.
const TEXTS: &[(&str, &str)] = &[
    ("", "malformed"),
    ("\0", "malformed"),
    ("{", "malformed"),
    ("{}", "malformed"),
    ("[]", "malformed"),
    ("null", "malformed"),
    ("\u{feff}{\"type\":\"ping\"}", "malformed"),
    (r#"{"type":"ping"}{"type":"ping"}"#, "malformed"),
    (r#"{"type":"ping","type":"ping"}"#, "malformed"),
    (r#"{"type":"ping","\u0074ype":"ping"}"#, "malformed"),
    (r#"{"type":"ping",}"#, "malformed"),
    (r#"{"type":"ping","x":01}"#, "malformed"),
    (r#"{"type":"ping","x":"\ud8"}"#, "malformed"),
    ("{\"type\":\"ping\",\"x\":\"\n\"}", "malformed"),
    (r#"{"type":"ping","ref":null}"#, "malformed"),
    (r#"{"type":"ping","ref":"\ud800"}"#, "malformed"),
    (r#"{"type":"ping","ref":1e999999}"#, "malformed"),
    (r#"{"type":null}"#, "malformed"),
    (r#"{"type":["ping"]}"#, "malformed"),
    (r#"{"type":"PING"}"#, "unsupported"),
    (r#"{"type":""}"#, "unsupported"),
    (r#"{"type":"__proto__"}"#, "unsupported"),
    (r#"{"type":"register"}"#, "malformed"),
    (r#"{"type":"register","userId":""}"#, "malformed"),
    (r#"{"type":"register","userId":null}"#, "malformed"),
    (r#"{"type":"register","userId":"a\u0000"}"#, "malformed"),
    (r#"{"type":"register","userId":"a\u007f"}"#, "malformed"),
    (r#"{"type":"register","userId":"a\u0085"}"#, "malformed"),
    (r#"{"type":"register","userId":"\udc00"}"#, "malformed"),
    (r#"{"type":"register","userId":"a","token":1}"#, "malformed"),
    (r#"{"type":"message","to":"bob"}"#, "malformed"),
    (r#"{"type":"message","to":"","payload":1}"#, "malformed"),
    (r#"{"type":"message","to":{"a":1},"payload":1}"#, "malformed"),
    (r#"{"type":"message","to":"bob","payload":}"#, "malformed"),
    (r#"{"type":"message","to":"bob","payload":1,"messageId":""}"#, "malformed"),
    (r#"{"type":"message","to":"bob","payload":1,"durable":"yes"}"#, "malformed"),
    (r#"{"type":"message","to":"bob","payload":1}"#, "not_registered"),
    (r#"{"type":"message","to":"bob","payload":-1e-999999}"#, "not_registered"),
    (r#"{"type":"ping","x":{"a":1,"a":"\ud800"}}"#, "-"),
    (r#"{"type":"ping","x":123456789012345678901234567890e99999}"#, "-"),
];

/// What breaks WebSocket itself, and the code that answers it. `M` says that the payload is masked with zeros.
fn protocol_errors() -> Vec<(&'static str, Vec<u8>, u16)> {
    let client = |opcode, payload: &[u8]| Frame::client(opcode, payload);
    let begun = || client(frame::TEXT, b"{").unfinished().encode();
    let after_begun = |next: Frame| [begun(), next.encode()].concat();
    let reserved = |reserved| Frame { reserved, ..client(frame::TEXT, b"{}") }.encode();
    vec![
        ("unmasked", Frame { masked: false, ..client(frame::TEXT, b"{}") }.encode(), 1002),
        ("reserved bit 1", reserved(4), 1002),
        ("reserved bit 3", reserved(1), 1002),
        ("opcode 3", client(3, b"").encode(), 1002),
        ("opcode 11", client(11, b"").encode(), 1002),
        ("opcode 15", client(15, b"").encode(), 1002),
        ("a Ping of 126 bytes", client(frame::PING, &[b'x'; 126]).encode(), 1002),
        ("a Close of 126 bytes", client(frame::CLOSE, &[3; 126]).encode(), 1002),
        ("a Ping in parts", client(frame::PING, b"x").unfinished().encode(), 1002),
        ("a continuation of nothing", client(frame::CONTINUATION, b"{}").encode(), 1002),
        ("a message within a message", after_begun(client(frame::TEXT, b"{}")), 1002),
        ("a Close of one byte", client(frame::CLOSE, &[3]).encode(), 1002),
        ("a Close with code 0", client(frame::CLOSE, &[0, 0]).encode(), 1002),
        ("a Close with code 999", client(frame::CLOSE, &999_u16.to_be_bytes()).encode(), 1002),
        ("a Close with code 1005", client(frame::CLOSE, &1005_u16.to_be_bytes()).encode(), 1002),
        ("a Close with code 1006", client(frame::CLOSE, &1006_u16.to_be_bytes()).encode(), 1002),
        ("a Close with code 65535", client(frame::CLOSE, &[0xff, 0xff]).encode(), 1002),
        ("a Close whose reason is not UTF-8", client(frame::CLOSE, &[3, 232, 0xff]).encode(), 1007),
        ("a text that is not UTF-8", client(frame::TEXT, b"\xc0\x80").encode(), 1007),
        ("a text with half a surrogate", client(frame::TEXT, b"\xed\xa0\x80").encode(), 1007),
        ("half a character at the end", after_begun(client(frame::CONTINUATION, b"\xe2\x82")), 1007),
        ("one byte too many", client(frame::TEXT, &[b' '; MAX_MESSAGE + 1]).encode(), 1009),
        (
            "one byte too many, in parts",
            {
                let part = client(frame::CONTINUATION, &[b' '; MAX_MESSAGE]).unfinished();
                after_begun(part)
            },
            1009,
        ),
        ("a promise of one byte too many", client(frame::TEXT, b"").encode_header(MAX_MESSAGE as u64 + 1), 1009),
        ("a promise of 4 GiB", client(frame::TEXT, b"").encode_header(1 << 32), 1009),
        ("a promise of all there is", client(frame::BINARY, b"").encode_header(u64::MAX), 1009),
        ("a promise that is not kept", client(frame::TEXT, b"").encode_header(MAX_MESSAGE as u64), 1008),
        ("a message that does not end", begun(), 1008),
        ("half a header", vec![0x81], 1008),
    ]
}

/// Requests to the public listener, and what answers them; 0 where it just closes.
fn public_requests() -> Vec<(&'static str, Vec<u8>, &'static [u16])> {
    const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";
    const UPGRADE: &str = "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
    let get = |path: &str, headers: &str| format!("GET {path} HTTP/1.1\r\n{headers}\r\n").into_bytes();
    let ws = |headers: &[&str]| get("/ws", &headers.concat());
    let long = |length: usize| "x".repeat(length);
    vec![
        ("no headers", ws(&[]), &[426]),
        ("no key", ws(&[UPGRADE, VERSION]), &[426]),
        ("two keys", ws(&[UPGRADE, VERSION, KEY, KEY]), &[426]),
        ("an empty key", ws(&[UPGRADE, VERSION, "Sec-WebSocket-Key: \r\n"]), &[426]),
        ("a short key", ws(&[UPGRADE, VERSION, "Sec-WebSocket-Key: AAAA\r\n"]), &[426]),
        ("a long key", ws(&[UPGRADE, VERSION, "Sec-WebSocket-Key: ", &long(1000), "\r\n"]), &[426]),
        ("no version", ws(&[UPGRADE, KEY]), &[426]),
        ("version 12", ws(&[UPGRADE, KEY, "Sec-WebSocket-Version: 12\r\n"]), &[426]),
        ("no Connection", ws(&["Host: a\r\nUpgrade: websocket\r\n", VERSION, KEY]), &[426]),
        ("another upgrade", ws(&["Host: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n", VERSION, KEY]), &[426]),
        ("HTTP/1.0", b"GET /ws HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n".to_vec(), &[426]),
        ("POST", b"POST /ws HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n".to_vec(), &[405]),
        ("a body of 4 GiB", b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4294967296\r\n\r\n".to_vec(), &[404]),
        ("a header without a name", get("/ws", ": x\r\n"), &[400]),
        ("a header with a NUL", get("/ws", "X: \0\r\n"), &[400]),
        ("a header over two lines", get("/ws", "X: a\r\n b\r\n"), &[400]),
        ("200 headers", get("/ws", &"X: y\r\n".repeat(200)), &[431]),
        ("a header of a megabyte", get("/ws", &format!("X: {}\r\n", long(1 << 20))), &[431]),
        ("a path of a megabyte", get(&format!("/{}", long(1 << 20)), ""), &[414, 431]),
        ("a query of 30,000 bytes", get(&format!("/health?{}", long(30_000)), ""), &[200]),
        ("a query that is no query", get("/ws?%&=%zz&&a=%ff%00", ""), &[426]),
        ("a path that cannot be decoded", get("/%zz%ff%00", ""), &[404]),
        ("a path that climbs", get("/../../etc/passwd", ""), &[404]),
        ("no path", b"GET HTTP/1.1\r\n\r\n".to_vec(), &[400]),
        ("a method that there is not", b"WS /ws HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), &[405]),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), &[0, 400]),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(), &[0, 400]),
        ("an admin route", get("/sockets", "Host: a\r\n"), &[404]),
    ]
}

/// Requests to the admin listener, and what answers them.
fn admin_requests() -> Vec<(&'static str, Vec<u8>, &'static [u16])> {
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes();
    let post = |path: &str, headers: &str, body: &[u8]| {
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    };
    let bob = |headers: &str, body: &[u8]| post("/users/bob/messages", headers, body);
    let raw = |rest: &str| format!("POST /users/bob/messages HTTP/1.1\r\nHost: a\r\n{rest}").into_bytes();
    let key = |key: &str| format!("Idempotency-Key: {key}\r\n");
    vec![
        ("an empty name", get("/users/"), &[404]),
        ("a name with a NUL", get("/users/%00"), &[400]),
        ("a name that is not UTF-8", get("/users/%ff%fe"), &[400]),
        ("half a surrogate", get("/users/%ed%a0%80"), &[400]),
        ("an escape that is none", get("/users/%zz"), &[400, 404]),
        ("a name of 128 bytes", get(&format!("/users/{}", "x".repeat(128))), &[404]),
        ("a name of 129 bytes", get(&format!("/users/{}", "x".repeat(129))), &[400]),
        ("a name of 60,000 bytes", get(&format!("/users/{}", "%41".repeat(20_000))), &[400]),
        ("a socket that is not UTF-8", post("/sockets/%ff", "", b""), &[400]),
        ("socket 2^64", post("/sockets/18446744073709551616", "", b""), &[404]),
        ("socket -1", post("/sockets/-1", "", b""), &[404]),
        ("DELETE", b"DELETE /users/bob HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), &[405]),
        ("no body", bob("", b""), &[400]),
        ("half a value", bob("", b"{\"a\":"), &[400]),
        ("two values", bob("", b"1 2"), &[400]),
        ("a body that is not UTF-8", bob("", b"\"\xff\""), &[400]),
        ("a body with a NUL", bob("", b"\"\0\""), &[400]),
        ("a deep body", bob("", "[".repeat(4000).as_bytes()), &[400]),
        ("a deep body that ends", bob("", format!("{}{}", "[".repeat(2000), "]".repeat(2000)).as_bytes()), &[404]),
        ("the largest body", bob("", format!("\"{}\"", "x".repeat(MAX_MESSAGE - 2)).as_bytes()), &[404]),
        ("one byte too many", bob("", format!("\"{}\"", "x".repeat(MAX_MESSAGE - 1)).as_bytes()), &[413]),
        ("a promise of too many", raw("Content-Length: 18446744073709551615\r\n\r\n"), &[413, 431]),
        ("a length that is no number", raw("Content-Length: x\r\n\r\n"), &[400]),
        ("a negative length", raw("Content-Length: -1\r\n\r\n"), &[400]),
        ("two lengths", raw("Content-Length: 1\r\nContent-Length: 2\r\n\r\n1"), &[400]),
        ("a chunk of no size", raw("Transfer-Encoding: chunked\r\n\r\nzz\r\n"), &[400]),
        ("a chunk of all there is", raw("Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n"), &[400]),
        ("a large chunk", raw(&format!("Transfer-Encoding: chunked\r\n\r\n1001\r\n{}\r\n", "1".repeat(4097))), &[413]),
        ("an empty key", bob(&key(""), b"1"), &[400]),
        ("a key of 129 bytes", bob(&key(&"x".repeat(129)), b"1"), &[400]),
        ("a key that is not ASCII", bob(&key("\u{e9}"), b"1"), &[400]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_survives_whatever_comes() {
    let seed = std::env::var("ROUTER_HOSTILE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("seed {seed}");
    let world = World::new(&common::reference(2, "registry"), seed);
    let node = world.node(FLAGS).await.expect("the reference starts").untold();
    let admin = node.admin().address();
    // These take as long as they may, so they go on beside all others.
    let slow = tokio::spawn(slow_requests(node.ws(), admin));
    let site = Site { node, rng: world.rng(), before: 0 };
    let mut site = site.warmed_up().await;
    site.texts().await;
    site.is_well("texts").await;
    site.protocol_errors().await;
    site.is_well("protocol errors").await;
    site.random_frames().await;
    site.is_well("random frames").await;
    site.half_sent().await;
    site.is_well("half-sent frames").await;
    site.floods().await;
    site.is_well("floods").await;
    for (listener, requests) in [(site.node.ws(), public_requests()), (admin, admin_requests())] {
        for (name, request, wanted) in requests {
            let status = status(listener, &request).await;
            assert!(wanted.contains(&status), "{name}: answered {status}, not {wanted:?}");
        }
        site.is_well("requests").await;
    }
    site.random_requests(admin).await;
    site.is_well("random requests").await;
    slow.await.expect("a slow client is not waited for");
    site.is_well("slow requests").await;
    world.end().await;
}

struct Site {
    node: Node,
    rng: Rng,
    before: u64,
}

impl Site {
    /// Its memory counts from after it has served for the first time.
    async fn warmed_up(mut self) -> Self {
        self.converse("before").await;
        self.before = self.node.process().rss_kib().await.unwrap_or(0);
        self
    }

    /// After `what`: the node serves, has not panicked, has nobody in its tables, and needs hardly more memory.
    async fn is_well(&self, what: &str) {
        let report = self.node.process().report("node");
        assert!(report.panic.is_none() && report.state == "running", "{what}: {report:?}");
        for listener in [self.node.public(), self.node.admin().clone()] {
            let answer = listener.peek("/health").await.expect(what);
            assert_eq!(answer.status, 200, "{what}");
        }
        self.node.admin().nobody_left(PATIENCE).await.unwrap_or_else(|left| panic!("{what}: {left}"));
        assert_eq!(self.node.admin().counter("registry.swept").await.expect(what), 0, "{what}");
        let now = self.node.process().rss_kib().await.unwrap_or(0);
        assert!(now <= self.before + GROWTH_KIB, "{what}: {} KiB before, {now} KiB now", self.before);
        self.converse(what).await;
    }

    /// Two who behave understand each other, however their neighbours do.
    async fn converse(&self, what: &str) {
        let (mut alice, _) = self.node.user("alice").await.unwrap_or_else(|why| panic!("{what}: {why:?}"));
        let (mut bob, _) = self.node.user("bob").await.unwrap_or_else(|why| panic!("{what}: {why:?}"));
        alice.message("bob", "\"hi\"", Some("1")).await.expect(what);
        bob.expect_message(Some("alice"), "\"hi\"").await.unwrap_or_else(|why| panic!("{what}: {why:?}"));
        alice.expect_ok("1").await.unwrap_or_else(|why| panic!("{what}: {why:?}"));
        alice.close(1000).await.expect(what);
        bob.close(1000).await.expect(what);
    }

    async fn raw(&self) -> RawClient {
        self.node.connect_raw("hostile").await.expect("a connection")
    }

    /// Text frames: the corpus as it is, then harmed. Each is answered once, and the connection stays.
    async fn texts(&mut self) {
        let mut client = self.raw().await;
        for (text, wanted) in TEXTS {
            let answer = said(&mut client, text.as_bytes()).await;
            let code = answer["code"].as_str().unwrap_or("-");
            assert_eq!(code, *wanted, "{text:?} was answered with {answer}");
        }
        for length in [128, 129] {
            let text = format!(r#"{{"type":"message","to":"{}","payload":1}}"#, "x".repeat(length));
            let wanted = if length == 128 { "not_registered" } else { "malformed" };
            assert_eq!(said(&mut client, text.as_bytes()).await["code"], wanted, "a name of {length} bytes");
        }
        for _ in 0..300 {
            let mut text = TEXTS[self.rng.below(TEXTS.len())].0.as_bytes().to_vec();
            self.harm(&mut text);
            // What is not UTF-8 is no text: see the protocol errors.
            let text = String::from_utf8_lossy(&text).into_owned();
            let answer = said(&mut client, text.as_bytes()).await;
            let known = ["error", "pong", "registered"].map(Value::from);
            assert!(known.contains(&answer["type"]), "{text:?} was answered with {answer}");
        }
    }

    fn harm(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.rng.below(4) {
            let at = self.rng.below(bytes.len() + 1);
            match self.rng.below(4) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, self.rng.bytes(1)[0]),
                2 => bytes.insert(at, b"{}[]\",:\\u0"[self.rng.below(10)]),
                _ if at < bytes.len() => _ = bytes.remove(at),
                _ => {}
            }
        }
    }

    async fn protocol_errors(&self) {
        let errors = protocol_errors().into_iter().map(|(name, bytes, wanted)| async move {
            let mut client = self.raw().await;
            client.send_bytes(&bytes, name).await.expect(name);
            let code = closed(&mut client).await;
            assert_eq!(code, Some(wanted), "{name}");
        });
        futures_util::future::join_all(errors).await;
    }

    /// Frames whose bits are thrown: an answer, or a close that is documented.
    async fn random_frames(&mut self) {
        for round in 0..150 {
            let mut bytes = Vec::new();
            for _ in 0..=self.rng.below(4) {
                let length = self.rng.below(200);
                let frame = Frame {
                    fin: self.rng.below(4) > 0,
                    reserved: if self.rng.below(8) == 0 { 1 } else { 0 },
                    opcode: [0, 1, 2, 8, 9, 10, 7][self.rng.below(7)],
                    masked: self.rng.below(8) > 0,
                    payload: self.rng.bytes(length).to_vec(),
                };
                bytes.extend(frame.encode());
            }
            // So that the node need not wait for more.
            bytes.extend(Frame::client(7, []).encode());
            let mut client = self.raw().await;
            client.send_bytes(&bytes, "random frames").await.expect("sent");
            let code = closed(&mut client).await;
            assert!(code.is_some_and(|code| CLOSE_CODES.contains(&code)), "round {round}: closed with {code:?}");
        }
    }

    /// A frame is broken off, by a reset or by an end; the node has nobody to tell.
    async fn half_sent(&mut self) {
        for _ in 0..100 {
            let whole = Frame::client(frame::TEXT, self.rng.text(500)).encode();
            let mut client = self.raw().await;
            let length = self.rng.below(whole.len());
            client.send_bytes(&whole[..length], "half a frame").await.expect("sent");
            if self.rng.below(2) == 0 { client.reset() } else { drop(client) }
        }
    }

    /// More than anybody wants, from clients that read nothing of what it leads to.
    async fn floods(&self) {
        let empty = Frame::client(frame::CONTINUATION, []).unfinished().encode();
        let begun = Frame::client(frame::TEXT, []).unfinished().encode();
        let ping = Frame::client(frame::PING, [b'x'; 125]).encode();
        let junk = Frame::client(frame::TEXT, "junk").encode();
        let floods = [("empty continuations", begun, empty), ("Pings", vec![], ping), ("junk", vec![], junk)];
        let mut running = Vec::new();
        for (name, first, frame) in floods {
            let mut client = self.node.connect_stalled(name).await.expect("a connection");
            client.send_bytes(&first, name).await.expect("sent");
            let mut write = client.take_writing().expect("it has one");
            let many = frame.repeat(256);
            running.push(tokio::spawn(async move {
                while write.write_all(&many).await.is_ok() {}
                drop(client);
            }));
        }
        // The node lets go: they show no life, or do not take what they are told.
        let gone = self.node.admin().nobody_left(PATIENCE).await;
        running.iter().for_each(tokio::task::JoinHandle::abort);
        gone.unwrap_or_else(|left| panic!("floods: {left}"));
    }

    /// Requests that were good once.
    async fn random_requests(&mut self, admin: SocketAddr) {
        for (listener, requests) in [(self.node.ws(), public_requests()), (admin, admin_requests())] {
            for round in 0..150 {
                let mut request = requests[self.rng.below(requests.len())].1.clone();
                request.truncate(2000);
                self.harm(&mut request);
                let status = status(listener, &request).await;
                let known = matches!(status, 0 | 101 | 200 | 202 | 400..=499 | 505);
                let request = String::from_utf8_lossy(&request);
                assert!(known, "round {round}: {request:?} was answered with {status}");
            }
        }
    }
}

/// Says something that is answered at once.
async fn said(client: &mut RawClient, text: &[u8]) -> Value {
    client.send_bytes(&Frame::client(frame::TEXT, text).encode(), "text").await.expect("sent");
    loop {
        match timeout(PATIENCE, client.next()).await {
            Ok(Seen::Ping(ping)) => {
                client.send_quietly(&Frame::client(frame::PONG, ping)).await.expect("sent");
            }
            Ok(Seen::Text(answer)) => return serde_json::from_str(&answer).expect("what a node says is JSON"),
            other => panic!("{:?} was answered with {other:?}", String::from_utf8_lossy(text)),
        }
    }
}

/// The code that the node closes with; what it says before that is of the protocol.
async fn closed(client: &mut RawClient) -> Option<u16> {
    let mut code = None;
    loop {
        match timeout(PATIENCE, client.next()).await.expect("the node closes") {
            Seen::Close(seen) => code = seen,
            Seen::Text(text) => {
                let said: Value = serde_json::from_str(&text).expect("what a node says is JSON");
                assert_eq!(said["type"], "error", "{text}");
            }
            Seen::Ping(_) | Seen::Pong(_) => {}
            Seen::End | Seen::Reset => return code,
            other => panic!("came: {other}"),
        }
    }
}

/// The status that answers a request, 0 if there is none; then the client has no more to say.
async fn status(listener: SocketAddr, request: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(listener).await.expect("it listens");
    let (mut read, mut write) = stream.split();
    let mut answer = Vec::new();
    let exchange = async {
        let asking = async {
            // It may have been answered, and closed, before all is sent.
            let _ = write.write_all(request).await;
        };
        let answering =
            async { while status_of(&answer).is_none() && matches!(read.read_buf(&mut answer).await, Ok(1..)) {} };
        tokio::pin!(asking, answering);
        tokio::select! {
            () = &mut asking => {}
            () = &mut answering => return,
        }
        // Who has asked for more than he sends is answered when it is clear that nothing follows.
        if timeout(Duration::from_millis(100), &mut answering).await.is_err() {
            let _ = write.shutdown().await;
            answering.await;
        }
    };
    timeout(PATIENCE, exchange).await.expect("an answer, or an end");
    status_of(&answer).unwrap_or(0)
}

fn status_of(answer: &[u8]) -> Option<u16> {
    let line = answer.strip_prefix(b"HTTP/1.")?.get(2..5)?;
    std::str::from_utf8(line).ok()?.parse().ok()
}

/// Clients that send a little now and then, and never all of it.
async fn slow_requests(public: SocketAddr, admin: SocketAddr) {
    let head = b"GET /health HTTP/1.1\r\nX-Slow: ";
    let body = b"POST /users/bob/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n\"";
    let to_socket = b"POST /ws HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n\"";
    let slow = [(public, &b""[..]), (public, head), (admin, head), (admin, body), (public, to_socket)];
    let slow = slow.map(|(listener, first)| async move {
        let what = String::from_utf8_lossy(first).into_owned();
        let (mut stream, begin) = (TcpStream::connect(listener).await.expect("it listens"), Instant::now());
        stream.write_all(first).await.expect("sent");
        let (mut read, mut write) = stream.into_split();
        let dribbles = !first.is_empty();
        let dribble = tokio::spawn(async move {
            while dribbles && write.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            std::future::pending::<()>().await;
        });
        let mut answer = Vec::new();
        // Whether it ends or is reset, it is let go.
        let _ = timeout(SLOWEST, read.read_to_end(&mut answer)).await.unwrap_or_else(|_| panic!("{what}: still open"));
        dribble.abort();
        let status = status_of(&answer);
        assert!(matches!(status, None | Some(400..=499)), "{what}: {status:?} after {:?}", begin.elapsed());
    });
    futures_util::future::join_all(slow).await;
}
