//! Whether nodes say what is so: who is there, and where each user is.

use anyhow::{Result, ensure};
use checks::harness::users::place;
use checks::harness::{Cluster, Node};

use super::book::{Pen, Place};
use super::stage::{Stage, name};
use super::user;
use crate::subject::told;

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
            for (user, at) in places.iter().enumerate() {
                knows(stage.node(*node)?, &name(*node), user, &expected(at, group)).await?;
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

/// Where nodes of this group know a user.
fn expected(at: &Place, group: &[usize]) -> Vec<String> {
    match at {
        Place::At { node, conn } if group.contains(node) => vec![place(&name(*node), conn)],
        _ => Vec::new(),
    }
}

async fn knows(node: &Node, name: &str, user: usize, expected: &[String]) -> Result<()> {
    let seen = node.places(&user::name(user)).await.map_err(told)?;
    let (says, is) = (at(&seen), at(expected));
    ensure!(seen == expected, "{name} says that {} is {says}, and the truth is: {is}", user::name(user));
    Ok(())
}

fn at(places: &[String]) -> String {
    if places.is_empty() { "nowhere".to_owned() } else { format!("at {}", places.join(" and at ")) }
}
