//! What the shell makes of a cluster: `GET /cluster`, and why a node is degraded.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::admin::Admin;
use super::error::ApiError;
use crate::cluster::{ClusterView, Member, View};
use crate::{Node, NodeId};

/// `GET /cluster`.
pub fn routes() -> Router<Arc<Admin>> {
    Router::new().route("/cluster", get(show))
}

async fn show(State(admin): State<Arc<Admin>>) -> Result<Json<Value>, ApiError> {
    // This route stands only where there is a cluster, see `admin::routes`.
    let board = admin.cluster.as_ref().ok_or_else(|| ApiError::not_found("no such route"))?;
    let (report, view) = (board.report(), board.view().borrow().clone());
    let config = &admin.node.config;
    let unexpected: Vec<_> = view.live.keys().filter(|node| !config.gossip.expect.contains(node)).collect();
    Ok(Json(json!({
        "node": config.node,
        "incarnation": report.incarnation,
        "members": report.members.iter().map(|member| row(member, link(&admin, member))).collect::<Vec<_>>(),
        "expected": config.gossip.expect,
        "missing": missing(&view, &config.gossip.expect),
        "unexpected": if config.gossip.expect.is_empty() { Vec::new() } else { unexpected },
        "rejected": report.rejected,
        "duplicate": report.duplicate,
    })))
}

/// How the way to a member is; a node has none to itself.
fn link(admin: &Admin, member: &Member) -> Option<&'static str> {
    let forward = admin.forward.as_ref().filter(|_| member.node != admin.node.config.node)?;
    Some(if forward.is_up(&member.node) { "up" } else { "down" })
}

fn row(member: &Member, link: Option<&str>) -> Value {
    json!({
        "node": member.node,
        "incarnation": member.incarnation,
        "state": member.state,
        "link": link,
        "addresses": member.addresses,
        "version": member.version,
        "last_heard_ms": member.last_heard.map(|heard| heard.elapsed().as_millis() as u64),
        "sent": member.sent,
        "received": member.received,
        "repeats": member.repeats,
    })
}

/// Says in `/health` who is missing, and that somebody else has this node's name, for as long as it is so.
pub async fn watch_over(node: Arc<Node>, mut view: ClusterView) {
    loop {
        judge(&node, &view.borrow_and_update());
        // An error means that nobody is left who could tell.
        if view.changed().await.is_err() {
            return;
        }
    }
}

fn judge(node: &Node, view: &View) {
    let missing: Vec<_> = missing(view, &node.config.gossip.expect).into_iter().map(ToString::to_string).collect();
    match missing.is_empty() {
        true => node.health.well("members"),
        false => node.health.ill("members", format!("not in the cluster, though expected: {}", missing.join(", "))),
    }
    match view.duplicate {
        false => node.health.well("name"),
        true => node.health.ill("name", format!("another node of the cluster is called {}", node.config.node)),
    }
}

fn missing<'a>(view: &View, expected: &'a [NodeId]) -> Vec<&'a NodeId> {
    expected.iter().filter(|node| !view.live.contains_key(*node)).collect()
}
