//! What the checks of this phase share: nodes that gossip and link by way of proxies, and what they know of users.

use std::time::Duration;

use crate::Observed;
use crate::harness::users::user_path;
use crate::harness::{
    Client, Cluster, Failure, Heard, Links, Network, Node, PATIENCE, Peer, Talk, World, ensure, eventually,
    eventually_each,
};

/// Until word of something is everywhere: a hundredth of it is usual, and only failing checks wait so long.
pub const SOON: Duration = Duration::from_secs(5);
/// Between two words of gossip. Who is there is phase 4's matter: rounds as short as there would cost more than all that this phase does.
const ROUND: &str = "100ms";
/// The same where nodes are given up: it is rounds that a silence is counted in.
const WATCHFUL_ROUND: &str = "50ms";
/// Between two looks at what a node knows.
const LOOKS: Duration = Duration::from_millis(30);
/// A silence of a second or so: shorter ones a machine causes that is busy with other things.
pub const PHI: &str = "20";
/// No silence is long enough.
pub const NEVER: &str = "1000000";
/// Unless a check says otherwise. A node that a busy machine holds up for a second is no peer that has stalled.
pub const DELIVER_TIMEOUT: Duration = Duration::from_secs(10);
/// No beat comes while the check goes: nothing is made up for.
pub const NO_BEATS: [&str; 2] = ["--deliver-timeout", "60s"];

/// Nodes, and what is between them.
pub struct Scene<'w> {
    /// Where they gossip.
    pub gossip: Network<'w>,
    /// Where they link.
    pub links: Links<'w>,
    phi: &'static str,
    round: &'static str,
}

impl<'w> Scene<'w> {
    /// No nodes yet; none will ever be given up.
    pub fn new(world: &'w World) -> Self {
        Self { gossip: Network::new(world), links: Links::new(world), phi: NEVER, round: ROUND }
    }

    /// Nodes that are silent for some time are given up.
    pub fn watchful(world: &'w World) -> Self {
        Self { phi: PHI, round: WATCHFUL_ROUND, ..Self::new(world) }
    }

    /// Starts a node that knows n1, or starts it again; `flags` go before those that it has otherwise.
    ///
    /// # Errors
    ///
    /// As `World::node_called`; `NeverReady` if its ready line lacks something.
    pub async fn node(&self, name: &str, flags: &[&str]) -> Result<Node, Failure> {
        let (seed, link) = (self.gossip.place("n1").await?.to_string(), self.links.place(name).await?.to_string());
        let timeout = format!("{}s", DELIVER_TIMEOUT.as_secs());
        let own = [
            ["--cookie", "secret"],
            ["--gossip-interval", self.round],
            ["--phi", self.phi],
            ["--seed", &seed],
            ["--link-advertise", &link],
            ["--deliver-timeout", &timeout],
        ];
        let own = own.into_iter().filter(|[flag, _]| !flags.contains(flag)).flatten();
        let node = self.gossip.node(name, &own.chain(flags.iter().copied()).collect::<Vec<_>>()).await?;
        self.links.lead_to(name, &node)?;
        Ok(node)
    }

    /// Starts nodes, and waits until each has a link to each other.
    ///
    /// # Errors
    ///
    /// `NotAMember` or `LinkDown`, or as [`node`](Self::node).
    pub async fn linked(&self, names: &[&str], flags: &[&str]) -> Result<Vec<Node>, Failure> {
        let mut nodes = Vec::new();
        for name in names {
            nodes.push(self.node(name, flags).await?);
        }
        for (node, name) in nodes.iter().zip(names) {
            for other in names.iter().filter(|other| *other != name) {
                link_is(node, other, "up").await?;
            }
        }
        Ok(nodes)
    }
}

/// Waits until the link of `node` to `other` is up, or down.
///
/// # Errors
///
/// `NotAMember` if the other is no live member; `LinkDown` or `LinkToldUp`.
pub async fn link_is(node: &Node, other: &str, wanted: &str) -> Result<(), Failure> {
    let expected = format!("{other} live (link {wanted})");
    let looked = node.cluster_until(SOON, |cluster| {
        ensure(cluster.state(other) == Some("live"), Observed::NotAMember, &expected)?;
        let observed = if wanted == "up" { Observed::LinkDown } else { Observed::LinkToldUp };
        ensure(link(cluster, other) == Some(wanted), observed, &expected)
    });
    looked.await
}

/// What a node says of its link to another one.
pub fn link<'a>(cluster: &'a Cluster, other: &str) -> Option<&'a str> {
    cluster.member(other)?.link.as_deref()
}

/// Waits until `node` says that a user is at these places, and at no others.
///
/// # Errors
///
/// `missing` if one of them is not known, `left_over` if one is known that should not be; the story then ends with what it said last.
pub async fn is_at(
    node: &Node,
    user: &str,
    wanted: &[String],
    missing: Observed,
    left_over: Observed,
) -> Result<(), Failure> {
    let look = || async {
        let seen = node.places(user).await.map_err(|failure| (failure, None))?;
        let is_missing = wanted.iter().any(|place| !seen.contains(place));
        let is_right = !is_missing && seen.len() == wanted.len();
        let failure = Failure::new(if is_missing { missing } else { left_over }, told(wanted));
        if is_right { Ok(seen) } else { Err((failure, Some(seen))) }
    };
    let (result, seen) = match eventually_each(LOOKS, SOON, look).await {
        Ok(seen) => (Ok(()), Some(seen)),
        Err((failure, seen)) => (Err(failure), seen),
    };
    if let Some(seen) = seen {
        node.admin().record_asked(format!("GET {}", user_path(user)));
        node.admin().record_seen(told(&seen));
    }
    result
}

/// Waits until `node` knows that a user is at these places, and at no others.
///
/// # Errors
///
/// `RowUnknown` or `RowKept`.
pub async fn knows(node: &Node, user: &str, wanted: &[String]) -> Result<(), Failure> {
    is_at(node, user, wanted, Observed::RowUnknown, Observed::RowKept).await
}

/// Looks once.
///
/// # Errors
///
/// `observed`, if `node` says anything else of the user than that it is at these places.
pub async fn knows_now(node: &Node, user: &str, wanted: &[String], observed: Observed) -> Result<(), Failure> {
    let seen = node.places(user).await?;
    node.admin().record_asked(format!("GET {}", user_path(user)));
    node.admin().record_seen(told(&seen));
    ensure(seen == wanted, observed, told(wanted))
}

/// The next that a client hears is a message with this payload, from this user or, over HTTP, from nobody; gives its id.
///
/// # Errors
///
/// `nothing` if nothing comes, or what is wrong with what came.
pub async fn hears(
    client: &mut Client,
    from: Option<&str>,
    payload: &str,
    nothing: Observed,
) -> Result<String, Failure> {
    let expected = format!("message {payload}");
    let heard = next(client, nothing, &expected).await?;
    ensure(heard.kind() == "message", Observed::WrongAnswer, &expected)?;
    ensure(heard.payload().as_deref() == Some(payload), Observed::WrongPayload, &expected)?;
    ensure(heard.member("from") == from && heard.has("from") == from.is_some(), Observed::WrongSender, &expected)?;
    Ok(heard.member("id").unwrap_or_default().to_owned())
}

/// The next that a client hears is the `ok` for this `ref`; gives the message's id.
///
/// # Errors
///
/// `NeverTold` if nothing comes, `WrongAnswer` if it is something else.
pub async fn is_told_ok(client: &mut Client, reference: &str) -> Result<String, Failure> {
    let expected = format!("ok (ref {reference})");
    let heard = next(client, Observed::NeverTold, &expected).await?;
    ensure(heard.is_ok(reference), Observed::WrongAnswer, &expected)?;
    Ok(heard.member("id").unwrap_or_default().to_owned())
}

async fn next(client: &mut Client, nothing: Observed, expected: &str) -> Result<Heard, Failure> {
    let heard = client.hear_within(SOON).await?;
    if heard.is_none() {
        client.record_seen("(nothing)");
    }
    heard.ok_or_else(|| Failure::new(nothing, expected))
}

/// What the chapter sends one to when it goes wrong has to say so. Whoever is told first may be the sender.
///
/// # Errors
///
/// `WrongCount` if the counter stays 0.
pub async fn has_counted(node: &Node, counter: &str) -> Result<(), Failure> {
    let expected = format!("{counter}, one each time");
    let look = || async { ensure(node.admin().counter(counter).await? > 0, Observed::WrongCount, &expected) };
    let counted = eventually(PATIENCE, look).await;
    node.admin().counter_seen(counter).await?;
    counted
}

/// What a look-up says, in words.
fn told(places: &[String]) -> String {
    if places.is_empty() { "404 not_connected".to_owned() } else { format!("200, at {}", places.join(", ")) }
}
