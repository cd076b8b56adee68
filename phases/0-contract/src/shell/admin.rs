//! The admin listener: what an operator asks and orders.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::error::ApiError;
use super::public::{health_route, not_found};
use super::sockets::Sockets;
use super::stop::Stop;
use crate::{Completion, ConnId, Frame, Node, Outcome, PushError, SocketHandle};

/// What the routes work on.
pub struct Admin {
    pub node: Arc<Node>,
    pub sockets: Sockets,
    pub stop: Stop,
}

/// Its routes. With a token, all but `/health` ask for it.
pub fn routes(admin: Arc<Admin>) -> Router {
    let health = health_route(admin.stop.clone());
    Router::new()
        .route("/sockets", get(list))
        .route("/sockets/{conn}", post(push))
        .route("/stats", get(async |State(admin): State<Arc<Admin>>| Json(admin.node.stats.to_json())))
        .route("/metrics", get(async |State(admin): State<Arc<Admin>>| admin.node.stats.to_prometheus()))
        .route("/drain", post(drain))
        .fallback(not_found)
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
    Json(json!({"sockets": admin.sockets.rows()}))
}

async fn drain(State(admin): State<Arc<Admin>>) -> StatusCode {
    admin.stop.drain();
    StatusCode::ACCEPTED
}

async fn push(
    State(admin): State<Arc<Admin>>,
    Path(conn): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let gone = || ApiError::not_found(format!("no open connection {conn}"));
    let handle = ConnId::parse(&conn).and_then(|conn| admin.sockets.get(conn)).ok_or_else(gone)?;
    let frame = frame(request, &admin).await?;
    match deliver(&handle, frame, admin.node.config.deliver_timeout).await {
        Some(outcome) => answer(outcome, &admin),
        None => Err(gone()),
    }
}

async fn frame(request: Request, admin: &Admin) -> Result<Frame, ApiError> {
    let binary = request.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == "application/octet-stream");
    let limit = admin.node.config.max_message;
    let too_large =
        |_| ApiError::permanent(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("at most {limit} bytes"));
    let body = axum::body::to_bytes(request.into_body(), limit).await.map_err(too_large)?;
    if binary {
        return Ok(Frame::Binary(body));
    }
    text(body).ok_or_else(|| ApiError::permanent(StatusCode::BAD_REQUEST, "malformed", "a text frame must be UTF-8"))
}

fn text(body: Bytes) -> Option<Frame> {
    Utf8Bytes::try_from(body).ok().map(Frame::Text)
}

/// Pushes and waits for the outcome; `None` when the connection has gone since it was looked up.
async fn deliver(handle: &SocketHandle, frame: Frame, patience: Duration) -> Option<Outcome> {
    let (outcome_tx, outcome) = oneshot::channel();
    // Nobody listens any more once the patience is over: the answer has been given then.
    let completion = Completion::new(move |outcome| _ = outcome_tx.send(outcome));
    match handle.try_push(Arc::new(frame), Some(completion)) {
        Err(PushError::Gone) => None,
        Err(PushError::Overloaded) => Some(Outcome::Overloaded),
        Ok(()) => Some(match tokio::time::timeout(patience, outcome).await {
            Ok(outcome) => outcome.unwrap_or(Outcome::Unavailable),
            Err(_) => Outcome::Timeout,
        }),
    }
}

fn answer(outcome: Outcome, admin: &Admin) -> Result<Response, ApiError> {
    let messages = &admin.node.stats.messages;
    match outcome {
        Outcome::Written => Ok((StatusCode::ACCEPTED, Json(json!({"outcome": "written"}))).into_response()),
        Outcome::NotConnected => Err(ApiError::not_found("the connection is closing")),
        Outcome::Overloaded => {
            messages.overloaded.increment();
            Err(ApiError::passing(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "the connection's mailbox is full"))
        }
        Outcome::Unavailable => {
            messages.unavailable.increment();
            Err(ApiError::passing(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "the connection went before it was written",
            ))
        }
        Outcome::Timeout => {
            messages.timeout.increment();
            Err(ApiError::passing(StatusCode::GATEWAY_TIMEOUT, "timeout", "not written in time; it may still arrive"))
        }
    }
}
