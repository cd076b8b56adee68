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

/// Its routes.
pub fn routes(upgrades: Arc<Upgrades>) -> Router {
    let health = health_route(upgrades.stop.clone());
    Router::new()
        .route("/ws", get(upgrade))
        .with_state(upgrades)
        .merge(health)
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
}

/// `GET /health`, which both listeners answer.
pub fn health_route(stop: Stop) -> Router {
    Router::new().route("/health", get(async move || health(&stop)))
}

/// Any other path.
pub async fn not_found() -> ApiError {
    ApiError::not_found("no such route")
}

/// A path that there is, asked in a way that there is not.
pub async fn wrong_method() -> ApiError {
    ApiError::permanent(StatusCode::METHOD_NOT_ALLOWED, "unsupported", "this route has another method")
}

fn health(stop: &Stop) -> Response {
    match stop.reason() {
        None => Json(json!({"status": "ok", "reasons": []})).into_response(),
        Some(reason) => {
            let body = Json(json!({"status": "draining", "reasons": [reason]}));
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}
