//! The admin listener: what an operator asks and orders.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http_body_util::LengthLimitError;
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::cluster;
use super::error::ApiError;
use super::public::{health_route, not_found, wrong_method};
use super::sockets::Sockets;
use super::stop::Stop;
use super::users;
use crate::gateway::Code;
use crate::{
    Board, Completion, ConnId, Directory, Forward, Frame, MessageIds, Node, Outcome, PushError, Seams, SocketHandle,
    Stats,
};

/// A caller gets so long to send a body; a crowd that dribbles them cannot hold descriptors for ever.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// What the routes work on.
pub struct Admin {
    pub node: Arc<Node>,
    pub sockets: Sockets,
    pub stop: Stop,
    /// From phase 2 on.
    pub seams: Option<Seams>,
    pub ids: Arc<MessageIds>,
    /// Where there is something to pause.
    pub paused: Option<watch::Sender<bool>>,
    /// Where there is one.
    pub cluster: Option<Board>,
    /// The way to other nodes, where there is one.
    pub forward: Option<Arc<dyn Forward>>,
    /// Where users of other nodes are known, too.
    pub directory: Option<Arc<dyn Directory>>,
}

/// Its routes. With a token, all but `/health` ask for it.
pub fn routes(admin: Arc<Admin>) -> Router {
    let health = health_route(admin.stop.clone(), admin.node.clone());
    let users = if admin.seams.is_some() { users::routes() } else { Router::new() };
    let ingest = if admin.paused.is_some() { ingest_routes() } else { Router::new() };
    let cluster = if admin.cluster.is_some() { cluster::routes() } else { Router::new() };
    let directory = if admin.directory.is_some() { users::broadcast_route() } else { Router::new() };
    users
        .merge(ingest)
        .merge(cluster)
        .merge(directory)
        .route("/sockets", get(list))
        .route("/sockets/{conn}", post(push))
        .route("/stats", get(stats))
        .route("/metrics", get(metrics))
        .route("/drain", post(drain))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(admin.node.config.max_message))
        .layer(middleware::from_fn_with_state(admin.clone(), ask_for_token))
        .with_state(admin)
        .merge(health)
}

async fn ask_for_token(State(admin): State<Arc<Admin>>, request: Request, next: Next) -> Response {
    let given =
        request.headers().get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    match &admin.node.config.admin_token {
        Some(token) if !given.is_some_and(|given| same(given, token.as_bytes())) => {
            let message = "send the header Authorization: Bearer, with the node's --admin-token";
            ApiError::permanent(StatusCode::UNAUTHORIZED, "unauthorized", message).into_response()
        }
        _ => next.run(request).await,
    }
}

/// Compares in a time that tells nothing about how much of the secret was right.
fn same(given: &[u8], secret: &[u8]) -> bool {
    let differing = given.iter().zip(secret).fold(0, |differing, (a, b)| differing | (a ^ b));
    given.len() == secret.len() && std::hint::black_box(differing) == 0
}

async fn list(State(admin): State<Arc<Admin>>) -> Json<Value> {
    let user = |conn| admin.seams.as_ref().and_then(|seams| seams.presence.user(conn));
    Json(json!({"sockets": admin.sockets.rows(user)}))
}

async fn stats(State(admin): State<Arc<Admin>>) -> Json<Value> {
    Json(admin.stats().to_json())
}

async fn metrics(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], admin.stats().to_prometheus())
}

impl Admin {
    /// The counters, with those that are only looked up when somebody asks.
    fn stats(&self) -> &Stats {
        let users = self.seams.as_ref().map_or(0, |seams| seams.presence.users());
        self.node.stats.registry.users.set(users as u64);
        &self.node.stats
    }
}

fn ingest_routes() -> Router<Arc<Admin>> {
    let set = |paused| {
        post(async move |State(admin): State<Arc<Admin>>| {
            admin.paused.as_ref().map(|sender| sender.send_replace(paused));
            StatusCode::ACCEPTED
        })
    };
    Router::new().route("/ingest/pause", set(true)).route("/ingest/resume", set(false))
}

async fn drain(State(admin): State<Arc<Admin>>) -> StatusCode {
    admin.stop.drain();
    StatusCode::ACCEPTED
}

async fn push(State(admin): State<Arc<Admin>>, conn: Named, request: Request) -> Result<Response, ApiError> {
    let conn = name(conn)?;
    let gone = || ApiError::not_found(format!("no open connection {conn}"));
    let handle = ConnId::parse(&conn).and_then(|conn| admin.sockets.get(conn)).ok_or_else(gone)?;
    let frame = frame(request, &admin).await?;
    match deliver(&handle, frame, admin.node.config.deliver_timeout).await {
        Some(outcome) => answer(outcome, &admin.node, json!({"outcome": "written"})),
        None => Err(gone()),
    }
}

async fn frame(request: Request, admin: &Admin) -> Result<Frame, ApiError> {
    let binary = request.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == "application/octet-stream");
    let body = body(request, admin.node.config.max_message).await?;
    if binary {
        return Ok(Frame::Binary(body));
    }
    text(body).ok_or_else(|| ApiError::permanent(StatusCode::BAD_REQUEST, "malformed", "a text frame must be UTF-8"))
}

/// A request's body, which may be as large as a message.
pub async fn body(request: Request, limit: usize) -> Result<Bytes, ApiError> {
    let body = timeout(BODY_TIMEOUT, axum::body::to_bytes(request.into_body(), limit)).await;
    let body = body.map_err(|_| ApiError::passing(StatusCode::REQUEST_TIMEOUT, "timeout", "the body did not come"))?;
    body.map_err(|error| match error.source() {
        Some(why) if why.is::<LengthLimitError>() => {
            ApiError::permanent(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("at most {limit} bytes"))
        }
        _ => ApiError::of(Code::Malformed, "the body is broken, or broken off"),
    })
}

fn text(body: Bytes) -> Option<Frame> {
    Utf8Bytes::try_from(body).ok().map(Frame::Text)
}

/// A part of the path that names something, percent-decoded; an error if that is not UTF-8.
pub type Named = Result<Path<String>, PathRejection>;

/// The name.
pub fn name(named: Named) -> Result<String, ApiError> {
    named.map(|Path(name)| name).map_err(|error| ApiError::of(Code::Malformed, error.body_text()))
}

/// Pushes and waits for the outcome; `None` when the connection has gone since it was looked up.
async fn deliver(handle: &SocketHandle, frame: Frame, patience: Duration) -> Option<Outcome> {
    let (completion, outcome) = awaited();
    match handle.try_push(Arc::new(frame), Some(completion)) {
        Err(PushError::Gone) => None,
        Err(PushError::Overloaded) => Some(Outcome::Overloaded),
        Ok(()) => Some(within(patience, outcome).await),
    }
}

/// A completion, and where its outcome can be waited for.
pub fn awaited() -> (Completion, oneshot::Receiver<Outcome>) {
    let (outcome_tx, outcome) = oneshot::channel();
    // Nobody listens any more once the patience is over: the answer has been given then.
    (Completion::new(move |outcome| _ = outcome_tx.send(outcome)), outcome)
}

/// The outcome, or that it took too long.
pub async fn within(patience: Duration, outcome: oneshot::Receiver<Outcome>) -> Outcome {
    match timeout(patience, outcome).await {
        Ok(outcome) => outcome.unwrap_or(Outcome::Unavailable),
        Err(_) => Outcome::Timeout,
    }
}

/// Counts what a caller was told, and tells him; `written` is the answer to what went well.
pub fn answer(outcome: Outcome, node: &Node, written: Value) -> Result<Response, ApiError> {
    let messages = &node.stats.messages;
    let (counter, code, why) = match outcome {
        Outcome::Written => return Ok((StatusCode::ACCEPTED, Json(written)).into_response()),
        Outcome::NotConnected => (&messages.not_connected, Code::NotConnected, "nobody is connected by that name"),
        Outcome::Overloaded => (&messages.overloaded, Code::Overloaded, "the mailbox is full"),
        Outcome::Unavailable => (&messages.unavailable, Code::Unavailable, "the connection went before it was written"),
        Outcome::Timeout => (&messages.timeout, Code::Timeout, "not written in time; it may still arrive"),
    };
    counter.increment();
    Err(ApiError::of(code, why))
}
