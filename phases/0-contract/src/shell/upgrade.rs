//! Turns `GET /ws` into a connection: the handshake is the library's, what runs on it is phase 1's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_util::task::TaskTracker;

use super::error::ApiError;
use super::stop::Stop;
use crate::{ConnId, Node, Serve};

/// The wire's version, as a WebSocket subprotocol: echoed to those who offer it.
const SUBPROTOCOL: &str = "router.v1";

/// What it takes to accept a connection.
pub struct Upgrades {
    pub node: Arc<Node>,
    pub serve: Arc<dyn Serve>,
    pub stop: Stop,
    pub connections: TaskTracker,
    pub last_conn: AtomicU64,
}

/// `GET /ws`.
pub async fn upgrade(State(upgrades): State<Arc<Upgrades>>, mut request: Request) -> Response {
    if upgrades.stop.is_draining() {
        return ApiError::passing(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "this node is draining")
            .into_response();
    }
    if !is_welcome(request.headers().get(header::ORIGIN), &upgrades.node.config.origin) {
        return ApiError::permanent(StatusCode::FORBIDDEN, "unauthorized", "pages of this origin may not connect")
            .into_response();
    }
    if !has_one_key(request.headers()) {
        return refuse("send one Sec-WebSocket-Key, 16 bytes in Base64");
    }
    let mut response = match create_response_with_body(&request, Body::empty) {
        Ok(response) => response,
        Err(error) => return refuse(&error.to_string()),
    };
    if offers_subprotocol(request.headers()) {
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    let upgraded = hyper::upgrade::on(&mut request);
    let tasks = upgrades.connections.clone();
    tasks.spawn(async move {
        // An error here means that the client went before it had read the response.
        if let Ok(upgraded) = upgraded.await {
            upgrades.run(upgraded).await;
        }
    });
    response
}

impl Upgrades {
    async fn run(&self, upgraded: Upgraded) {
        let conn = ConnId::new(self.last_conn.fetch_add(1, Ordering::Relaxed) + 1);
        let Some((stream, read_already)) = unwrap(upgraded) else {
            tracing::error!(%conn, "upgraded something that is no TCP connection");
            return;
        };
        let limits = self.serve.limits(&self.node.config);
        let ws = WebSocketStream::from_partially_read(stream, read_already, Role::Server, Some(limits)).await;
        let _open = Open::count(&self.node);
        self.serve.serve(ws, conn, self.node.clone()).await;
    }
}

/// The TCP connection below, and what was read from it behind the request. That is copied: the library would go on reading into
/// this buffer, and hyper's has 8 KiB, which every connection would keep.
fn unwrap(upgraded: Upgraded) -> Option<(TcpStream, Vec<u8>)> {
    let parts = upgraded.downcast::<TokioIo<TcpStream>>().ok()?;
    Some((parts.io.into_inner(), parts.read_buf.to_vec()))
}

/// Counts a connection for as long as it lives, however its task ends.
struct Open<'node>(&'node Node);

impl<'node> Open<'node> {
    fn count(node: &'node Node) -> Self {
        node.stats.sockets.opened.increment();
        node.stats.sockets.open.increment();
        Self(node)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.stats.sockets.open.decrement();
    }
}

/// Only browsers send an Origin, and they do not let a page lie about it. Whoever sends none is no page.
fn is_welcome(origin: Option<&HeaderValue>, welcome: &[String]) -> bool {
    origin.is_none_or(|origin| welcome.is_empty() || welcome.iter().any(|welcome| origin == welcome.as_str()))
}

/// The library asks for a key and takes any; RFC 6455 (4.2.1) asks for one, of 16 bytes, which are 24 in Base64.
fn has_one_key(headers: &HeaderMap) -> bool {
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    // None at all is the library's to refuse: it says what else is missing.
    keys.next().is_none_or(|key| key.len() == 24) && keys.next().is_none()
}

fn offers_subprotocol(headers: &HeaderMap) -> bool {
    let offers = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    offers
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|offer| offer.trim() == SUBPROTOCOL)
}

fn refuse(why: &str) -> Response {
    let message = format!("this is a WebSocket endpoint: {why}");
    let error = ApiError::permanent(StatusCode::UPGRADE_REQUIRED, "malformed", message);
    let headers =
        [(header::UPGRADE, "websocket"), (header::CONNECTION, "upgrade"), (header::SEC_WEBSOCKET_VERSION, "13")];
    (headers, error).into_response()
}
