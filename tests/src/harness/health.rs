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
        let looked = self.health_until(within, |body| {
            let reasons = body["reasons"].as_array().cloned().unwrap_or_default();
            let named = reasons.iter().filter_map(Value::as_str).any(|reason| reason.contains(what));
            ensure(body["status"] == "degraded" && named, Observed::NotDegraded, &expected)
        });
        looked.await
    }

    /// Waits until `/health` is ok; the story then has what it said last.
    ///
    /// # Errors
    ///
    /// `StillDegraded`.
    pub async fn is_ok(&self, within: Duration) -> Result<(), Failure> {
        let looked = self
            .health_until(within, |body| ensure(body["status"] == "ok", Observed::StillDegraded, r#"{"status":"ok"}"#));
        looked.await
    }

    async fn health_until(
        &self,
        within: Duration,
        wanted: impl Fn(&Value) -> Result<(), Failure> + Send + Sync,
    ) -> Result<(), Failure> {
        let looked = eventually(within, || async {
            let answer = self.admin().peek("/health").await.map_err(|failure| (failure, None))?;
            match wanted(&answer.body) {
                Ok(()) => Ok(answer),
                Err(failure) => Err((failure, Some(answer))),
            }
        });
        let (looked, answer) = match looked.await {
            Ok(answer) => (Ok(()), Some(answer)),
            Err((failure, answer)) => (Err(failure), answer),
        };
        if let Some(answer) = answer {
            self.admin().record_asked("GET /health");
            self.admin().record(&answer);
        }
        looked
    }
}
