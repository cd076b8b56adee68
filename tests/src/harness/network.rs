//! The network between nodes that gossip: a UDP proxy before each, so that a check can cut, slow down, thin out and double what two
//! chosen nodes say to each other.
//!
//! A proxy is bound before its node, which advertises it, and learns from the ready line where to lead. It tells peers apart by the
//! address that they send from, and keeps a socket for each, so that a node's answers go back through it. So whatever two nodes say to
//! each other passes the proxy of one of them, and a pair's fate acts at both.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use crate::harness::failure::Failure;
use crate::harness::node::Node;
use crate::harness::rng::Rng;
use crate::harness::world::World;

/// The most that a datagram can carry, and more.
const DATAGRAM: usize = 65_536;
/// Datagrams that wait at a proxy; more are lost, as on any network.
const WAITING: usize = 256;

/// The network of one check. Its proxies last as long as its world.
#[derive(Debug)]
pub struct Network<'w> {
    world: &'w World,
    rules: Arc<Mutex<Rules>>,
    places: Mutex<BTreeMap<String, Place>>,
}

/// What becomes of datagrams between two nodes, either way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fate {
    /// None arrives.
    pub cut: bool,
    /// Each arrives so much later.
    pub delay: Duration,
    /// So many of a hundred are lost.
    pub lost_percent: usize,
    /// Each arrives so many times more.
    pub repeats: usize,
}

/// Before one node.
#[derive(Debug)]
struct Place {
    address: SocketAddr,
    target: watch::Sender<Option<SocketAddr>>,
}

#[derive(Debug)]
struct Rules {
    /// Who sends from where.
    names: HashMap<SocketAddr, String>,
    /// By both names, in order.
    fates: BTreeMap<(String, String), Fate>,
    rng: Rng,
}

impl<'w> Network<'w> {
    /// A network that does what it should.
    pub fn new(world: &'w World) -> Self {
        let rules = Rules { names: HashMap::new(), fates: BTreeMap::new(), rng: world.rng() };
        Self { world, rules: Arc::new(Mutex::new(rules)), places: Mutex::default() }
    }

    /// Where the node of this name is, or will be, reached by others.
    ///
    /// # Errors
    ///
    /// A skip, if this machine has no port left.
    pub async fn place(&self, name: &str) -> Result<SocketAddr, Failure> {
        if let Some(place) = self.places().get(name) {
            return Ok(place.address);
        }
        let no_port = |error| Failure::skip(format!("no port for a proxy: {error}"));
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(no_port)?;
        let address = socket.local_addr().map_err(no_port)?;
        let (target, target_rx) = watch::channel(None);
        let carrier = Carrier { node: name.to_owned(), socket: Arc::new(socket), rules: self.rules.clone() };
        self.world.keep(carrier.carry(target_rx));
        self.places().insert(name.to_owned(), Place { address, target });
        Ok(address)
    }

    /// Starts the node `name` behind its proxy, or starts it again.
    ///
    /// # Errors
    ///
    /// As `World::node_called`; `NeverReady` if its ready line has no `gossip=`.
    pub async fn node(&self, name: &str, flags: &[&str]) -> Result<Node, Failure> {
        self.node_named(name, name, flags).await
    }

    /// As [`node`](Self::node), where the node believes that it has another name than the check gives it.
    ///
    /// # Errors
    ///
    /// As [`node`](Self::node).
    pub async fn node_named(&self, name: &str, believed: &str, flags: &[&str]) -> Result<Node, Failure> {
        let place = self.place(name).await?.to_string();
        let own = ["--node", believed, "--gossip-advertise", &place];
        let node = self.world.node_called(name, &[&own, flags].concat()).await?;
        let gossip = node.gossip()?;
        self.rules().names.insert(gossip, name.to_owned());
        if let Some(place) = self.places().get(name) {
            place.target.send_replace(Some(gossip));
        }
        Ok(node)
    }

    /// Nothing passes between the two, from now on.
    pub fn cut(&self, a: &str, b: &str) {
        self.set(a, b, Fate { cut: true, ..Fate::default() }, "gossip cut");
    }

    /// All passes between the two again.
    pub fn heal(&self, a: &str, b: &str) {
        self.set(a, b, Fate::default(), "gossip healed");
    }

    /// Of a hundred datagrams between the two so many are lost, and the others take so much longer.
    pub fn worsen(&self, a: &str, b: &str, lost_percent: usize, delay: Duration) {
        let told = format!("gossip: {lost_percent} % lost, {} ms late", delay.as_millis());
        self.set(a, b, Fate { lost_percent, delay, ..Fate::default() }, &told);
    }

    /// Each datagram between the two arrives so many times more.
    pub fn repeat(&self, a: &str, b: &str, repeats: usize) {
        let told = format!("gossip arrives {} times", repeats + 1);
        self.set(a, b, Fate { repeats, ..Fate::default() }, &told);
    }

    fn set(&self, a: &str, b: &str, fate: Fate, told: &str) {
        self.world.story().record(a, b, told);
        self.rules().fates.insert(pair(a, b), fate);
    }

    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn places(&self) -> MutexGuard<'_, BTreeMap<String, Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rules {
    /// How often a datagram between the peer at `address` and `node` arrives, and how much later. Who is not known yet has no fate.
    fn decide(&mut self, address: SocketAddr, node: &str) -> (usize, Duration) {
        let fate = self.names.get(&address).and_then(|peer| self.fates.get(&pair(peer, node)));
        let fate = fate.copied().unwrap_or_default();
        let is_lost = fate.cut || (fate.lost_percent > 0 && self.rng.below(100) < fate.lost_percent);
        (if is_lost { 0 } else { 1 + fate.repeats }, fate.delay)
    }
}

fn pair(a: &str, b: &str) -> (String, String) {
    let (first, second) = if a <= b { (a, b) } else { (b, a) };
    (first.to_owned(), second.to_owned())
}

/// The proxy before `node`.
#[derive(Debug, Clone)]
struct Carrier {
    node: String,
    socket: Arc<UdpSocket>,
    rules: Arc<Mutex<Rules>>,
}

/// Between one peer and the node, until the node is another process.
struct Flow {
    target: SocketAddr,
    datagrams: mpsc::Sender<Vec<u8>>,
    _task: AbortOnDropHandle<()>,
}

#[derive(Debug, Clone, Copy)]
enum Way {
    ToNode,
    ToPeer,
}

impl Carrier {
    async fn carry(self, target: watch::Receiver<Option<SocketAddr>>) {
        let mut flows: HashMap<SocketAddr, Flow> = HashMap::new();
        let mut buffer = vec![0; DATAGRAM];
        loop {
            // An error is about an earlier datagram, which is lost.
            let Ok((length, peer)) = self.socket.recv_from(&mut buffer).await else { continue };
            // Nobody is there yet: lost, too.
            let Some(target) = *target.borrow() else { continue };
            if flows.get(&peer).is_none_or(|flow| flow.target != target) {
                let Ok(flow) = self.flow(peer, target).await else { continue };
                flows.insert(peer, flow);
            }
            if let Some(flow) = flows.get(&peer) {
                // Where too many wait, this one is lost.
                let _ = flow.datagrams.try_send(buffer[..length].to_vec());
            }
        }
    }

    async fn flow(&self, peer: SocketAddr, target: SocketAddr) -> std::io::Result<Flow> {
        let near = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        near.connect(target).await?;
        let (datagrams, datagrams_rx) = mpsc::channel(WAITING);
        let task = AbortOnDropHandle::new(tokio::spawn(self.clone().run(near, peer, datagrams_rx)));
        Ok(Flow { target, datagrams, _task: task })
    }

    async fn run(self, near: UdpSocket, peer: SocketAddr, mut datagrams: mpsc::Receiver<Vec<u8>>) {
        let mut waiting: VecDeque<(Instant, Way, Vec<u8>)> = VecDeque::new();
        let mut buffer = vec![0; DATAGRAM];
        loop {
            let due = waiting.front().map_or_else(Instant::now, |(due, ..)| *due);
            let (way, datagram) = tokio::select! {
                datagram = datagrams.recv() => match datagram {
                    Some(datagram) => (Way::ToNode, datagram),
                    None => return,
                },
                received = near.recv(&mut buffer) => match received {
                    Ok(length) => (Way::ToPeer, buffer[..length].to_vec()),
                    // The node has gone, and an earlier datagram with it.
                    Err(_) => continue,
                },
                () = sleep_until(due), if !waiting.is_empty() => {
                    if let Some((_, way, datagram)) = waiting.pop_front() {
                        // A datagram that cannot be sent is a datagram lost.
                        let _ = match way {
                            Way::ToNode => near.send(&datagram).await,
                            Way::ToPeer => self.socket.send_to(&datagram, peer).await,
                        };
                    }
                    continue;
                }
            };
            let (copies, delay) = self.rules.lock().unwrap_or_else(PoisonError::into_inner).decide(peer, &self.node);
            waiting.extend(std::iter::repeat_n((Instant::now() + delay, way, datagram), copies));
            waiting.truncate(WAITING);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_has_one_fate_whoever_is_named_first() {
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut rules = Rules { names: HashMap::new(), fates: BTreeMap::new(), rng: Rng::new(1) };
        rules.names.extend([(at(1), "n1".to_owned()), (at(2), "n2".to_owned())]);
        rules.fates.insert(pair("n2", "n1"), Fate { cut: true, ..Fate::default() });
        rules.fates.insert(pair("n1", "n3"), Fate { repeats: 2, ..Fate::default() });
        assert_eq!(rules.decide(at(1), "n2").0, 0);
        assert_eq!(rules.decide(at(2), "n1").0, 0);
        assert_eq!(rules.decide(at(1), "n3").0, 3);
        assert_eq!(rules.decide(at(2), "n3").0, 1);
        assert_eq!(rules.decide(at(9), "n1").0, 1);
    }

    #[test]
    fn some_of_a_hundred_are_lost() {
        let mut rules = Rules { names: HashMap::new(), fates: BTreeMap::new(), rng: Rng::new(1) };
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        rules.names.insert(at, "n1".to_owned());
        rules.fates.insert(pair("n1", "n2"), Fate { lost_percent: 30, ..Fate::default() });
        let lost = (0..1000).filter(|_| rules.decide(at, "n2").0 == 0).count();
        assert!((200..400).contains(&lost), "{lost} of 1000");
    }
}
