//! An error as every HTTP route answers it.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::gateway::Code;

/// `{"error":{"code":"…","message":"…","retry":bool}}`.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    retry: bool,
}

impl ApiError {
    /// An error that the same request will meet again.
    pub fn permanent(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry: false }
    }

    /// An error that the same request may not meet again.
    pub fn passing(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry: true }
    }

    /// The error that a frame would answer with this code.
    pub fn of(code: Code, message: impl Into<String>) -> Self {
        Self { status: code.status(), code: code.as_str(), message: message.into(), retry: code.retry() }
    }

    /// Nothing by that name.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::permanent(StatusCode::NOT_FOUND, "not_found", message)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({"error": {"code": self.code, "message": self.message, "retry": self.retry}});
        (self.status, Json(body)).into_response()
    }
}
