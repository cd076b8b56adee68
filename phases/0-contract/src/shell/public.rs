//! The public listener: `/ws` and `/health`.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::error::ApiError;
use super::stop::Stop;
use super::upgrade::{Upgrades, upgrade};
use crate::{Health, Node};

/// Its routes.
pub fn routes(upgrades: Arc<Upgrades>) -> Router {
    let health = health_route(upgrades.stop.clone(), upgrades.node.clone());
    Router::new()
        .route("/ws", get(upgrade))
        .with_state(upgrades)
        .merge(health)
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
}

/// `GET /health`, which both listeners answer.
pub fn health_route(stop: Stop, node: Arc<Node>) -> Router {
    Router::new().route("/health", get(async move || health(&stop, &node.health)))
}

/// Any other path.
pub async fn not_found() -> ApiError {
    ApiError::not_found("no such route")
}

/// A path that there is, asked in a way that there is not.
pub async fn wrong_method() -> ApiError {
    ApiError::permanent(StatusCode::METHOD_NOT_ALLOWED, "unsupported", "this route has another method")
}

/// What is wrong with something that other nodes depend on as well stays 200: it must not take every node out of the balancer.
fn health(stop: &Stop, health: &Health) -> Response {
    let reasons = health.reasons();
    match stop.reason() {
        None if reasons.is_empty() => Json(json!({"status": "ok", "reasons": []})).into_response(),
        None => Json(json!({"status": "degraded", "reasons": reasons})).into_response(),
        Some(reason) => {
            let body = Json(json!({"status": "draining", "reasons": [reason]}));
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}
