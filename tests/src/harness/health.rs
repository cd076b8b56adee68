//! What a node says of itself: `GET /health`.

use std::time::Duration;

use serde_json::Value;

use crate::Observed;
use crate::harness::eventually::eventually;
use crate::harness::failure::{Failure, ensure};
use crate::harness::node::Node;

impl Node {
    /// Waits until `/health` is degraded, for a reason that names `what`; the story then has what it said last.
    ///
    /// # Errors
    ///
    /// `NotDegraded`.
    pub async fn is_degraded(&self, within: Duration, what: &str) -> Result<(), Failure> {
        let expected = format!("degraded, with a reason that names {what}");
        let looked = eventually(within, || async {
            let body = self.admin().peek("/health").await?.body;
            let reasons = body["reasons"].as_array().cloned().unwrap_or_default();
            let named = reasons.iter().filter_map(Value::as_str).any(|reason| reason.contains(what));
            ensure(body["status"] == "degraded" && named, Observed::NotDegraded, &expected)
        });
        let looked = looked.await;
        self.admin().get("/health").await?;
        looked
    }

    /// Waits until `/health` is ok; the story then has what it said last.
    ///
    /// # Errors
    ///
    /// `StillDegraded`.
    pub async fn is_ok(&self, within: Duration) -> Result<(), Failure> {
        let looked = eventually(within, || async {
            let body = self.admin().peek("/health").await?.body;
            ensure(body["status"] == "ok", Observed::StillDegraded, r#"{"status":"ok"}"#)
        });
        let looked = looked.await;
        self.admin().get("/health").await?;
        looked
    }
}
