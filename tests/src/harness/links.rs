//! The links between nodes: a proxy before each, which reads what two nodes say to each other, tells it in the story, and can cut it off,
//! keep it back, lose it and say it again, by the kind of packet.
//!
//! A proxy is bound before its node, which advertises it, and learns from the ready line where to lead. It ends the WebSocket of who dials,
//! knows him by `X-Node-Id`, and dials the node with the same headers. Each way is judged where it comes in; batches keep their numbers,
//! so that receipts hold whatever is taken out of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contract::link::{Batch, NODE_HEADER, PATH, Packet, Packets};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderMap;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async, client_async};
use tokio_util::sync::CancellationToken;

use crate::harness::dialled::Dialled;
use crate::harness::failure::Failure;
use crate::harness::node::Node;
use crate::harness::story::Story;
use crate::harness::way::{Fate, Way};
use crate::harness::world::World;

type Stream = WebSocketStream<TcpStream>;

/// All links of one check. Its proxies last as long as its world.
#[derive(Debug)]
pub struct Links<'w> {
    world: &'w World,
    wires: Wires,
    places: Mutex<BTreeMap<String, Place>>,
}

/// Before one node.
#[derive(Debug)]
struct Place {
    address: SocketAddr,
    target: watch::Sender<Option<SocketAddr>>,
}

/// What all proxies share.
#[derive(Debug, Clone)]
struct Wires {
    story: Story,
    rules: Arc<Mutex<Rules>>,
}

#[derive(Debug, Default)]
struct Rules {
    /// By both names, in order.
    cuts: BTreeSet<(String, String)>,
    /// From whom, to whom.
    ways: BTreeMap<(String, String), Way>,
    open: Vec<Open>,
    /// Who dialled whom, and was let through, so far.
    dialled: Vec<(String, String)>,
    /// How often somebody dialled whose link is cut.
    refused: usize,
}

/// A link that is open now.
#[derive(Debug)]
struct Open {
    pair: (String, String),
    /// Only the acceptor's side is left, and it has not been told.
    is_orphan: bool,
    orphan: CancellationToken,
    end: CancellationToken,
}

impl<'w> Links<'w> {
    /// Links that do what they should.
    pub fn new(world: &'w World) -> Self {
        let wires = Wires { story: world.story().clone(), rules: Arc::default() };
        Self { world, wires, places: Mutex::default() }
    }

    /// Where the node of this name takes links, or will take them, as far as others know.
    ///
    /// # Errors
    ///
    /// A skip, if this machine has no port left.
    pub async fn place(&self, name: &str) -> Result<SocketAddr, Failure> {
        if let Some(place) = self.places().get(name) {
            return Ok(place.address);
        }
        let no_port = |error| Failure::skip(format!("no port for a proxy: {error}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(no_port)?;
        let address = listener.local_addr().map_err(no_port)?;
        let (target, target_rx) = watch::channel(None);
        self.world.keep(accept(listener, name.to_owned(), target_rx, self.wires.clone()));
        self.places().insert(name.to_owned(), Place { address, target });
        Ok(address)
    }

    /// From now on links to the node of this name lead to `node`.
    ///
    /// # Errors
    ///
    /// `NeverReady` if its ready line has no `link=`.
    pub fn lead_to(&self, name: &str, node: &Node) -> Result<(), Failure> {
        self.lead_astray(name, node.link()?);
        Ok(())
    }

    /// From now on links to the node of this name lead to whoever listens at `address`.
    pub fn lead_astray(&self, name: &str, address: SocketAddr) {
        if let Some(place) = self.places().get(name) {
            place.target.send_replace(Some(address));
        }
    }

    /// Ends the link of these two, and lets no other through.
    pub fn cut(&self, a: &str, b: &str) {
        let mut rules = self.wires.rules();
        // Under the lock: what is told behind it is lost.
        self.world.story().record(a, b, "link cut");
        rules.cuts.insert(pair(a, b));
        let whole = rules.open.iter().filter(|open| open.pair == pair(a, b) && !open.is_orphan);
        whole.for_each(|open| open.end.cancel());
    }

    /// Ends the link of these two for who dialled; the other one hears nothing more, and is not told that it has ended.
    pub fn orphan(&self, a: &str, b: &str) {
        self.world.story().record(a, b, "link ended on one side only");
        let mut rules = self.wires.rules();
        for open in rules.open.iter_mut().filter(|open| open.pair == pair(a, b)) {
            open.is_orphan = true;
            open.orphan.cancel();
        }
    }

    /// They may have a link again.
    pub fn heal(&self, a: &str, b: &str) {
        self.world.story().record(a, b, "link healed");
        self.wires.rules().cuts.remove(&pair(a, b));
    }

    /// Keeps back what is of this kind, until it is released.
    pub fn hold(&self, from: &str, to: &str, kind: &'static str) {
        self.world.story().record(from, to, format!("(link: {kind} is kept back from now on)"));
        self.wires.rules().way(from, to).held.insert(kind);
    }

    /// Says what was kept back, in its order, and keeps nothing back any more.
    pub async fn release(&self, from: &str, to: &str) {
        self.world.story().record(from, to, "(link: what was kept back is let go)");
        let kept = {
            let mut rules = self.wires.rules();
            let way = rules.way(from, to);
            way.held.clear();
            std::mem::take(&mut way.kept)
        };
        self.inject(from, to, kept).await;
    }

    /// Loses what was kept back, and keeps nothing back any more.
    pub fn discard(&self, from: &str, to: &str) {
        self.world.story().record(from, to, "(link: what was kept back is lost)");
        let mut rules = self.wires.rules();
        let way = rules.way(from, to);
        way.held.clear();
        way.kept.clear();
    }

    /// Loses the next `count` packets of this kind.
    pub fn lose(&self, from: &str, to: &str, kind: &'static str, count: usize) {
        self.world.story().record(from, to, format!("(link: the next {count} of {kind} will be lost)"));
        self.wires.rules().way(from, to).losing.insert(kind, count);
    }

    /// Says everything of this kind again that has passed, as it was.
    pub async fn say_again(&self, from: &str, to: &str, kind: &str) {
        let again: Vec<_> = {
            let mut rules = self.wires.rules();
            rules.way(from, to).passed.iter().filter(|packet| packet.name() == kind).cloned().collect()
        };
        self.world.story().record(from, to, format!("(link: {} of {kind} come again)", again.len()));
        self.inject(from, to, again).await;
    }

    /// How many packets of this kind have passed.
    pub fn passed(&self, from: &str, to: &str, kind: &str) -> usize {
        self.wires.rules().way(from, to).counts.get(kind).copied().unwrap_or(0)
    }

    /// How many rows the largest part of a snapshot had that has passed.
    pub fn largest_part(&self, from: &str, to: &str) -> usize {
        let largest = self.wires.rules().way(from, to).largest_part;
        self.world.story().look(&[(from, to, &format!("(link: the largest part of a snapshot had {largest} rows)"))]);
        largest
    }

    /// How many links these two have now.
    pub fn open(&self, a: &str, b: &str) -> usize {
        self.wires.rules().open.iter().filter(|open| open.pair == pair(a, b) && !open.is_orphan).count()
    }

    /// How many links of these two are left of which only the acceptor does not know that they have ended.
    pub fn orphans(&self, a: &str, b: &str) -> usize {
        self.wires.rules().open.iter().filter(|open| open.pair == pair(a, b) && open.is_orphan).count()
    }

    /// Who has dialled whom so far, and was let through.
    pub fn dialled(&self) -> Vec<(String, String)> {
        self.wires.rules().dialled.clone()
    }

    /// How often somebody has dialled so far whose link was cut.
    pub fn refused(&self) -> usize {
        self.wires.rules().refused
    }

    async fn inject(&self, from: &str, to: &str, packets: Vec<Packet>) {
        let inject = self.wires.rules().way(from, to).inject.clone();
        if let Some(inject) = inject {
            // An error means that the link has ended; then there is nobody to say it to.
            let _ = inject.send(packets).await;
        }
    }

    fn places(&self) -> MutexGuard<'_, BTreeMap<String, Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rules {
    fn way(&mut self, from: &str, to: &str) -> &mut Way {
        self.ways.entry((from.to_owned(), to.to_owned())).or_default()
    }

    /// A new link, if it may be; what makes an orphan of it, and what ends it.
    fn begin(&mut self, dialler: &str, acceptor: &str) -> Option<(CancellationToken, CancellationToken)> {
        if self.cuts.contains(&pair(dialler, acceptor)) {
            self.refused += 1;
            return None;
        }
        self.dialled.push((dialler.to_owned(), acceptor.to_owned()));
        let (orphan, end) = (CancellationToken::new(), CancellationToken::new());
        let pair = pair(dialler, acceptor);
        self.open.push(Open { pair, is_orphan: false, orphan: orphan.clone(), end: end.clone() });
        Some((orphan, end))
    }

    fn ended(&mut self, end: &CancellationToken) {
        // A token that is cancelled by whoever ends it tells its entry from the others.
        end.cancel();
        self.open.retain(|open| !open.end.is_cancelled());
    }
}

impl Wires {
    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Judges what one node says to another, and tells it as long as it is little; gives what passes.
    fn judge(&self, from: &str, to: &str, packets: Vec<Packet>) -> Vec<Packet> {
        let mut rules = self.rules();
        let is_cut = rules.cuts.contains(&pair(from, to));
        let way = rules.way(from, to);
        let judged: Vec<_> = packets.into_iter().map(|packet| (way.judge(&packet, is_cut), packet)).collect();
        for alike in judged.chunk_by(|(a, _), (b, _)| a == b) {
            let packets: Vec<_> = alike.iter().map(|(_, packet)| packet).collect();
            way.tell(&self.story, from, to, alike[0].0, &packets);
        }
        judged.into_iter().filter(|(fate, _)| *fate == Fate::Passes).map(|(_, packet)| packet).collect()
    }

    /// Tells what is said once more, or after all.
    fn tell(&self, from: &str, to: &str, packets: &[Packet]) {
        self.rules().way(from, to).tell(&self.story, from, to, Fate::Passes, &packets.iter().collect::<Vec<_>>());
    }
}

fn pair(a: &str, b: &str) -> (String, String) {
    let (first, second) = if a <= b { (a, b) } else { (b, a) };
    (first.to_owned(), second.to_owned())
}

async fn accept(listener: TcpListener, name: String, target: watch::Receiver<Option<SocketAddr>>, wires: Wires) {
    let mut links = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        links.spawn(carry(stream, name.clone(), target.clone(), wires.clone()));
        while links.try_join_next().is_some() {}
    }
}

/// One link; whatever ends it ends both sides.
async fn carry(
    stream: TcpStream,
    name: String,
    mut target: watch::Receiver<Option<SocketAddr>>,
    wires: Wires,
) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut headers = HeaderMap::new();
    #[expect(clippy::result_large_err, reason = "as the library has it")]
    let callback = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        headers = request.headers().clone();
        Ok(response)
    };
    let near = accept_hdr_async(stream, callback).await.ok()?;
    let Some(dialler) = headers.get(NODE_HEADER).and_then(|name| name.to_str().ok()).map(str::to_owned) else {
        wires.story.aside("somebody", &name, format!("dials without {NODE_HEADER}"));
        return None;
    };
    let dialled = Dialled::new(&wires.story, &dialler, &name);
    let target = (*target.wait_for(Option::is_some).await.ok()?)?;
    let Some((orphan, end)) = wires.rules().begin(&dialler, &name) else {
        dialled.ended("the link is cut");
        return None;
    };
    let carried = async {
        let far = match dial(target, &headers).await {
            Ok(far) => far,
            Err(why) => return why,
        };
        dialled.upgraded();
        let ((to_near, mut from_near), (to_far, mut from_far)) = (near.split(), far.split());
        let mut there = Pump::new(&wires, &dialled, &dialler, &name, to_far);
        let mut back = Pump::new(&wires, &dialled, &name, &dialler, to_near);
        let closer = tokio::select! {
            () = there.run(&mut from_near) => Some(&dialler),
            () = back.run(&mut from_far) => Some(&name),
            () = orphan.cancelled() => None,
        };
        // The dialler's side goes; the acceptor's stays until the acceptor ends it.
        drop((from_near, back));
        while closer.is_none() && matches!(from_far.next().await, Some(Ok(_))) {}
        format!("{} closes", closer.unwrap_or(&name))
    };
    let why = tokio::select! {
        why = carried => why,
        () = end.cancelled() => "cut".to_owned(),
    };
    wires.rules().ended(&end);
    dialled.ended(&why);
    Some(())
}

/// With the headers that say who it is; those of the WebSocket itself are this link's own.
async fn dial(target: SocketAddr, headers: &HeaderMap) -> Result<Stream, String> {
    let stream = TcpStream::connect(target).await.map_err(|_| "nobody listens there".to_owned())?;
    // Only slower where it is refused.
    let _ = stream.set_nodelay(true);
    let mut request = format!("ws://{target}{PATH}").into_client_request().map_err(|error| error.to_string())?;
    let own = headers.iter().filter(|(name, _)| name.as_str().starts_with("x-"));
    request.headers_mut().extend(own.map(|(name, value)| (name.clone(), value.clone())));
    client_async(request, stream).await.map(|(stream, _)| stream).map_err(|error| match error {
        Error::Http(response) => format!("the upgrade is refused, {}", response.status().as_u16()),
        _ => "the upgrade is not answered".to_owned(),
    })
}

/// One way of one link.
struct Pump<'d> {
    wires: Wires,
    dialled: &'d Dialled,
    from: String,
    to: String,
    sink: SplitSink<Stream, Message>,
    injected: mpsc::Receiver<Vec<Packet>>,
}

impl<'d> Pump<'d> {
    fn new(wires: &Wires, dialled: &'d Dialled, from: &str, to: &str, sink: SplitSink<Stream, Message>) -> Self {
        let (inject, injected) = mpsc::channel(1);
        wires.rules().way(from, to).inject = Some(inject);
        Self { wires: wires.clone(), dialled, from: from.to_owned(), to: to.to_owned(), sink, injected }
    }

    async fn run(&mut self, source: &mut SplitStream<Stream>) {
        loop {
            let message = tokio::select! {
                message = source.next() => match message {
                    Some(Ok(Message::Binary(bytes))) => self.heard(bytes),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                    // The library answers Pings by itself, on either side.
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                    Some(Ok(text)) => text,
                },
                Some(packets) = self.injected.recv() => {
                    self.wires.tell(&self.from, &self.to, &packets);
                    passing(0, &packets)
                }
            };
            if self.sink.send(message).await.is_err() {
                break;
            }
        }
        let _ = self.sink.close().await;
    }

    /// What passes of a batch, told.
    fn heard(&self, bytes: bytes::Bytes) -> Message {
        let packets = Packets::of(bytes.clone())
            .and_then(|packets| Ok((packets.number, packets.collect::<Result<Vec<_>, _>>()?)));
        let Ok((number, packets)) = packets else {
            self.wires.story.aside(&self.from, &self.to, format!("({} bytes that are no packets)", bytes.len()));
            return Message::Binary(bytes);
        };
        packets.iter().for_each(|packet| self.dialled.heard(&self.from, packet));
        passing(number, &self.wires.judge(&self.from, &self.to, packets))
    }
}

fn passing(number: u64, packets: &[Packet]) -> Message {
    let mut batch = Batch::default();
    packets.iter().for_each(|packet| batch.push(packet));
    Message::Binary(batch.finish(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_has_ended_is_not_open() {
        let mut rules = Rules::default();
        let (_, end) = rules.begin("n1", "n2").expect("nothing is cut");
        let (_, other) = rules.begin("n1", "n2").expect("nothing is cut");
        rules.ended(&end);
        assert_eq!(rules.open.len(), 1);
        rules.cuts.insert(pair("n2", "n1"));
        assert!(rules.begin("n1", "n2").is_none() && !other.is_cancelled());
        assert_eq!((rules.refused, rules.dialled.len()), (1, 2));
    }
}
