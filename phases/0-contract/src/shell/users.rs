//! The admin routes about users, from phase 2 on.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::admin::{Admin, Named, answer, awaited, body, name, within};
use super::error::ApiError;
use crate::gateway::{Code, decode};
use crate::message::{Message, Payload};
use crate::{MessageId, Place, Seams, UserId};

/// `GET /users/{id}` and `POST /users/{id}/messages`.
pub fn routes() -> Router<Arc<Admin>> {
    Router::new().route("/users/{id}", get(connections)).route("/users/{id}/messages", post(send))
}

async fn connections(State(admin): State<Arc<Admin>>, id: Named) -> Result<Json<Value>, ApiError> {
    let (user, seams) = (user(id)?, seams(&admin)?);
    let node = &admin.node.config.node;
    let own = |conn| Place { node: node.clone(), conn };
    let places: Vec<_> = match &admin.directory {
        Some(directory) => directory.places(&user),
        None => seams.presence.connections(&user).into_iter().map(own).collect(),
    };
    if places.is_empty() {
        return Err(ApiError::of(Code::NotConnected, "nobody is connected by that name"));
    }
    Ok(Json(json!({"user": user, "connections": places})))
}

async fn send(State(admin): State<Arc<Admin>>, id: Named, request: Request) -> Result<Response, ApiError> {
    let (to, seams) = (user(id)?, seams(&admin)?);
    let id = message_id(&admin, request.headers(), &to)?;
    let payload = payload(request, admin.node.config.max_message).await?;
    let (completion, outcome) = awaited();
    seams.deliver.submit(&Message { id, from: None, to, payload }, completion);
    let outcome = within(admin.node.config.deliver_timeout, outcome).await;
    answer(outcome, &admin.node, json!({"id": id.to_string(), "outcome": "written"})).map(IntoResponse::into_response)
}

/// `POST /broadcast`.
pub fn broadcast_route() -> Router<Arc<Admin>> {
    Router::new().route("/broadcast", post(broadcast))
}

async fn broadcast(State(admin): State<Arc<Admin>>, request: Request) -> Result<Response, ApiError> {
    // This route stands only where there is a directory, see `admin::routes`.
    let directory = admin.directory.clone().ok_or_else(|| ApiError::not_found("no such route"))?;
    let payload = payload(request, admin.node.config.max_message).await?;
    let nodes = directory.broadcast(admin.ids.next(), payload).await;
    Ok((StatusCode::ACCEPTED, Json(json!({"nodes": nodes}))).into_response())
}

fn user(id: Named) -> Result<UserId, ApiError> {
    UserId::parse(&name(id)?)
        .ok_or_else(|| ApiError::of(Code::Malformed, "a name has 1 to 128 bytes and no control characters"))
}

/// These routes stand only where there are seams, see `admin::routes`.
fn seams(admin: &Admin) -> Result<&Seams, ApiError> {
    admin.seams.as_ref().ok_or_else(|| ApiError::not_found("no such route"))
}

fn message_id(admin: &Admin, headers: &HeaderMap, to: &UserId) -> Result<MessageId, ApiError> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(admin.ids.next()) };
    match key.to_str() {
        Ok(key) if decode::is_key(key) => Ok(MessageId::keyed("http", "", to, key)),
        _ => Err(ApiError::of(Code::Malformed, "Idempotency-Key has 1 to 128 printable bytes")),
    }
}

async fn payload(request: Request, limit: usize) -> Result<Payload, ApiError> {
    let payload = Utf8Bytes::try_from(body(request, limit).await?).ok().and_then(Payload::parse);
    payload.ok_or_else(|| ApiError::of(Code::Malformed, "the body is one JSON value"))
}
