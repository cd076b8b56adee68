//! Step 5.6: a broadcast reaches everybody.

use super::scene::{DELIVER_TIMEOUT, SOON, Scene, hears, knows};
use crate::Observed;
use crate::harness::users::place;
use crate::harness::{Failure, Talk, World, ensure, eventually};

pub async fn all(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let nodes = scene.linked(&["n1", "n2", "n3"], &[]).await?;
    let mut clients = Vec::new();
    for (node, names) in nodes.iter().zip([["alice#1", "bob"], ["alice#2", "carol"], ["dave#1", "dave#2"]]) {
        for name in names {
            clients.push(node.user(name).await?.0);
        }
    }
    let mut nameless = nodes[0].connect("nameless").await?;
    let (_erin, conn) = nodes[2].user("erin").await?;
    knows(&nodes[0], "erin", &[place("n3", &conn)]).await?;
    let answer = nodes[0].admin().post("/broadcast", r#"{"hear": "all"}"#).await?;
    let counted = answer.status == 202 && answer.body == serde_json::json!({"nodes": 3});
    ensure(counted, Observed::WrongAnswer, r#"202 {"nodes":3}"#)?;
    let mut ids = Vec::new();
    for client in &mut clients {
        ids.push(hears(client, None, r#"{"hear": "all"}"#, Observed::BroadcastMissed).await?);
        client.expect_nothing_else(Observed::DeliveredTwice).await?;
    }
    ensure(ids.iter().all(|id| *id == ids[0]), Observed::WrongId, "the same id on every socket")?;
    nameless.expect_nothing_else(Observed::Misdelivered).await?;
    nodes[1].admin().post("/broadcast", "{").await?.expect(400, Some("malformed"))?;
    // n3 is told, and its answer never comes.
    scene.links.hold("n3", "n1", "outcome");
    let told = scene.links.passed("n1", "n3", "broadcast");
    let unanswered = async {
        let sent = || async {
            let is_sent = scene.links.passed("n1", "n3", "broadcast") > told;
            ensure(is_sent, Observed::BroadcastMissed, "the broadcast on its way to n3")
        };
        eventually(SOON, sent).await?;
        scene.links.cut("n1", "n3");
        Ok(())
    };
    let admin = nodes[0].admin().clone().patient(DELIVER_TIMEOUT + SOON);
    let (answer, ()) = tokio::try_join!(admin.post("/broadcast", "2"), unanswered)?;
    let counted = answer.status == 202 && answer.body == serde_json::json!({"nodes": 2});
    ensure(counted, Observed::ToldTooEarly, r#"202 {"nodes":2}: those that have said so"#)
}
