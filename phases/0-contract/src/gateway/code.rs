//! Error codes: one word for each reason, the same in frames and over HTTP.

use axum::http::StatusCode;

/// Why a request was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// It breaks the form that the contract fixes.
    Malformed,
    /// This node does not have it, or not yet.
    Unsupported,
    /// The connection has no name yet.
    NotRegistered,
    /// The connection has a name already.
    AlreadyRegistered,
    /// The token does not prove who this is.
    Unauthorized,
    /// Nobody is there by that name.
    NotConnected,
    /// No mailbox of the user has room.
    Overloaded,
    /// The last socket that held it went before it was written.
    Unavailable,
    /// Not written in time; it may still arrive.
    Timeout,
}

impl Code {
    /// As the wire spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::NotRegistered => "not_registered",
            Self::AlreadyRegistered => "already_registered",
            Self::Unauthorized => "unauthorized",
            Self::NotConnected => "not_connected",
            Self::Overloaded => "overloaded",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
        }
    }

    /// Whether the same again, with the same `messageId`, may help.
    pub fn retry(self) -> bool {
        matches!(self, Self::Overloaded | Self::Unavailable | Self::Timeout)
    }

    /// The status that says it over HTTP.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Malformed | Self::Unsupported | Self::NotRegistered | Self::AlreadyRegistered => {
                StatusCode::BAD_REQUEST
            }
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NotConnected => StatusCode::NOT_FOUND,
            Self::Overloaded | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}
