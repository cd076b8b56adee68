//! Why a broker did not do what it was asked.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use rdkafka::error::KafkaError;
use serde_json::json;

/// Each has a status and a code of its own.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// 400.
    #[error("{0}")]
    Malformed(String),
    /// 404.
    #[error("there is no topic {0}")]
    UnknownTopic(String),
    /// 404.
    #[error("there is no partition {partition} of {topic}")]
    UnknownPartition { topic: String, partition: i32 },
    /// 409.
    #[error("{topic} has {partitions} partitions already")]
    Exists { topic: String, partitions: usize },
    /// 501.
    #[error("{0}")]
    Unsupported(&'static str),
    /// 503: the same again may help, once the broker is back.
    #[error("the broker does not answer: {0}")]
    Unavailable(String),
    /// 507.
    #[error("{0}")]
    Full(String),
}

impl From<KafkaError> for BrokerError {
    fn from(error: KafkaError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl BrokerError {
    fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed"),
            Self::UnknownTopic(_) | Self::UnknownPartition { .. } => (StatusCode::NOT_FOUND, "not_found"),
            Self::Exists { .. } => (StatusCode::CONFLICT, "exists"),
            Self::Unsupported(_) => (StatusCode::NOT_IMPLEMENTED, "unsupported"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Full(_) => (StatusCode::INSUFFICIENT_STORAGE, "full"),
        }
    }
}

impl IntoResponse for BrokerError {
    fn into_response(self) -> Response {
        let (status, code) = self.status();
        let retry = matches!(self, Self::Unavailable(_));
        let body = json!({"error": {"code": code, "message": self.to_string(), "retry": retry}});
        (status, Json(body)).into_response()
    }
}
