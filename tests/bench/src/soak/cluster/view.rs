//! Whether nodes say what is so: who is there, and where each user is.

use anyhow::{Context, Result, anyhow, ensure};
use checks::harness::users::user_path;
use checks::harness::{Cluster, Node};
use serde::Deserialize;

use super::book::{Pen, Place};
use super::stage::{Stage, name};
use super::user;
use crate::subject::told;

#[derive(Deserialize)]
struct User {
    connections: Vec<Row>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Row {
    node: String,
    conn: String,
}

/// Looks once at each node. Those of a group can reach each other and nobody else.
///
/// # Errors
///
/// What differs from the truth, or that it has changed meanwhile.
pub async fn look(stage: &Stage<'_>, groups: &[&[usize]], pen: &Pen) -> Result<()> {
    let (places, changes) = {
        let book = pen.book();
        (book.places.clone(), book.changes)
    };
    let between = places.iter().position(|place| *place == Place::Between);
    ensure!(between.is_none(), "{} is on the way", user::name(between.unwrap_or_default()));
    for group in groups {
        agree_on_nodes(stage, group).await?;
        for node in *group {
            for (user, place) in places.iter().enumerate() {
                knows(stage.node(*node)?, &name(*node), user, &expected(place, group)).await?;
            }
        }
    }
    ensure!(pen.book().changes == changes, "users come and go");
    Ok(())
}

/// Whether all nodes of a group tell of each other in the lives that they are in, with a link, and of nobody else.
async fn agree_on_nodes(stage: &Stage<'_>, group: &[usize]) -> Result<()> {
    let mut views = Vec::new();
    for node in group {
        views.push(stage.node(*node)?.cluster().await.map_err(told)?);
    }
    for view in &views {
        let names: Vec<_> = views.iter().map(|other| other.node.as_str()).collect();
        let is_so = view.lives_are(&names) && !view.duplicate && views.iter().all(|other| is_linked(view, other));
        ensure!(is_so, "{} says {view}, and there are {}", view.node, names.join(", "));
    }
    Ok(())
}

fn is_linked(view: &Cluster, other: &Cluster) -> bool {
    let link = (view.node != other.node).then_some("up");
    let row = view.member(&other.node);
    row.is_some_and(|row| row.incarnation == other.incarnation && row.link.as_deref() == link)
}

/// What nodes of this group know of a user.
fn expected(place: &Place, group: &[usize]) -> Vec<Row> {
    match place {
        Place::At { node, conn } if group.contains(node) => vec![Row { node: name(*node), conn: conn.clone() }],
        _ => Vec::new(),
    }
}

async fn knows(node: &Node, name: &str, user: usize, expected: &[Row]) -> Result<()> {
    let answer = node.admin().peek(&user_path(&user::name(user))).await.map_err(told)?;
    let rows = if answer.status == 404 && answer.error_code() == Some("not_connected") {
        Vec::new()
    } else {
        let strange = || anyhow!("{name} answers for {}: {answer}", user::name(user));
        serde_json::from_value::<User>(answer.body.clone()).ok().with_context(|| strange().to_string())?.connections
    };
    let (seen, truth) = (told_rows(&rows), told_rows(expected));
    ensure!(rows == expected, "{name} says that {} is {seen}, and the truth is: {truth}", user::name(user));
    Ok(())
}

fn told_rows(rows: &[Row]) -> String {
    let rows: Vec<_> = rows.iter().map(|row| format!("at {}#{}", row.node, row.conn)).collect();
    if rows.is_empty() { "nowhere".to_owned() } else { rows.join(" and ") }
}
