//! Step 1.5: heartbeat.

use std::time::Duration;

use tokio::time::{Instant, interval, sleep};

use super::flood::{Flood, Tally, push_until};
use crate::Observed;
use crate::harness::frame::{self, Frame};
use crate::harness::{Failure, Judge, Node, Peer, RawClient, Seen, Socket, World, ensure};

/// Two Pings may be missed: three intervals make the timeout.
const FAST: &[&str] = &["--heartbeat", "40ms", "--heartbeat-timeout", "120ms", "--close-grace", "100ms"];
/// The same as durations.
const HEARTBEAT: Duration = Duration::from_millis(40);
const TIMEOUT: Duration = Duration::from_millis(120);
/// A client that is kept so long is not merely found late.
const KEPT: Duration = Duration::from_millis(220);
/// A sign of life comes so often.
const CHATTER: Duration = Duration::from_millis(15);
/// Between two pushes to a client that only listens.
const NEWS: Duration = Duration::from_millis(5);
/// The size of a message in a client's flood of its own.
const FLOOD_BYTES: usize = 12_000;
/// The timeout of that flood's client.
const PAUSED_TIMEOUT: Duration = Duration::from_millis(240);
/// Longer than that.
const PAUSED: Duration = Duration::from_millis(300);

pub async fn pings(world: &World) -> Result<(), Failure> {
    let node = world.node(&FAST[..2]).await?;
    let mut a = node.connect_raw("a").await?;
    for _ in 0..2 {
        let ping = a.see(HEARTBEAT * 10).await;
        ensure(matches!(ping, Some(Seen::Ping(_))), Observed::NeverPinged, "a Ping each 40 ms")?;
    }
    Ok(())
}

pub async fn silent(world: &World) -> Result<(), Failure> {
    let node = world.node(FAST).await?;
    let began = Instant::now();
    let mut a = node.connect_raw("a").await?;
    a.expect_close(1008)
        .await
        .seen_as(Observed::StillOpen, Observed::SilentStillOpen)
        .expecting("Close 1008 after 120 ms")?;
    // The clock began before the node's own, so it can only show more.
    ensure(began.elapsed() >= TIMEOUT - HEARTBEAT, Observed::ClosedTooEarly, "Close 1008 after 120 ms, not before")?;
    found(&node, 1).await
}

pub async fn cut(world: &World) -> Result<(), Failure> {
    let (node, proxy) = world.node_behind_proxy(FAST).await?;
    let _a = node.connect_through("a", proxy.address()).await?;
    proxy.cut();
    found(&node, 1).await
}

pub async fn stuck(world: &World) -> Result<(), Failure> {
    let node = world.node(&[FAST, &["--deliver-timeout", "50ms"]].concat()).await?;
    for time in 1.. {
        let _deaf = node.connect_stalled("a").await?;
        let is_stuck = match node.listed(&[]).await {
            Ok(id) => !push_until(&node, &id, Tally::stalled).await?.undecided.is_empty(),
            Err(failure) if node.admin().counter("closed.silent").await? < time => return Err(failure),
            Err(_) => false,
        };
        found(&node, time).await?;
        // On a busy machine the client may have been found before it was stuck, which proves nothing.
        if is_stuck {
            break;
        }
    }
    Ok(())
}

/// The node has closed so many clients as silent, and lists none.
async fn found(node: &Node, times: u64) -> Result<(), Failure> {
    let expected = format!("closed.silent {times}, after 120 ms");
    node.counted("closed.silent", times).await.judged(Observed::SilentStillOpen, expected)?;
    let none = |rows: &[Socket]| rows.is_empty().then_some(());
    node.sockets_until(none, Observed::GhostSocket, "no socket in /sockets").await
}

pub async fn chatty(world: &World) -> Result<(), Failure> {
    judged_when_punctual(world, Sign::Chatter).await
}

pub async fn ponging(world: &World) -> Result<(), Failure> {
    judged_when_punctual(world, Sign::Pongs).await
}

pub async fn listener(world: &World) -> Result<(), Failure> {
    judged_when_punctual(world, Sign::PongsAmidNews).await
}

pub async fn paused(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--mailbox-messages", "64", "--heartbeat", "80ms", "--heartbeat-timeout", "240ms"]).await?;
    let mut a = node.connect_stalled("a").await?;
    let Some(mut flood) = Flood::start(&mut a, FLOOD_BYTES) else { return Ok(()) };
    a.record_sent("messages, and reads no echo");
    flood.stuck_behind(&node, 33).await?;
    // It would send on if only the node read on, so its silence is not its own.
    sleep(PAUSED).await;
    let kept = node.admin().counter("closed.silent").await? == 0;
    node.admin().record_seen(format!("/stats: closed.silent {}, after {} ms", u8::from(!kept), PAUSED.as_millis()));
    ensure(kept, Observed::AliveButClosed, "closed.silent 0")?;
    // Now it reads: the node has room again, reads on, and finds what has waited there all the time.
    a.record_sent("(begins to read)");
    let resumed = Instant::now();
    let reading = async { while !a.next().await.is_last() {} };
    tokio::select! {
        _ = flood.goes_on(1) => {}
        () = reading => {}
    }
    let kept = node.admin().counter("closed.silent").await? == 0;
    node.admin().record_seen(format!("/stats: closed.silent {}", u8::from(!kept)));
    // On a busy machine the client may have fallen silent itself meanwhile.
    let punctual = resumed.elapsed() < PAUSED_TIMEOUT;
    ensure(kept || !punctual, Observed::AliveButClosed, "closed.silent 0, since it sends on")
}

/// How a client shows that it lives.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sign {
    /// It sends text, and answers no Ping.
    Chatter,
    /// It answers each Ping, and sends nothing else.
    Pongs,
    /// The same, while it is pushed to.
    PongsAmidNews,
}

impl Sign {
    /// The widest gap in what the client reads that leaves a heartbeat to judge.
    fn gap(self) -> Duration {
        match self {
            // Half of the timeout: something comes at least once a heartbeat.
            Self::Chatter | Self::Pongs => HEARTBEAT * 3 / 2,
            // A timer that is made anew for each push must not get the time to go off.
            Self::PongsAmidNews => HEARTBEAT * 3 / 4,
        }
    }
}

/// How much slower each attempt's heartbeat is: a machine that is too busy for one may keep to the next.
const SLOWER: [u32; 3] = [1, 1, 3];

/// A client that shows signs of life is kept. On a busy machine the test or the node may itself be late; then nothing is proven, either
/// way, and another client tries again with another node.
async fn judged_when_punctual(world: &World, sign: Sign) -> Result<(), Failure> {
    let mut result = Ok(());
    for slower in SLOWER {
        let [pinged, silent] = [HEARTBEAT, TIMEOUT].map(|time| format!("{}ms", (time * slower).as_millis()));
        let node = world.node(&["--heartbeat", &pinged, "--heartbeat-timeout", &silent, FAST[4], FAST[5]]).await?;
        // Before the node's own clock, which begins somewhere on the way.
        let mut clock = Punctuality::new();
        let mut client = node.connect_raw("a").await?;
        let lived = live(&mut client, sign, slower, &mut clock);
        result = if sign == Sign::PongsAmidNews {
            node.admin().record_asked("POST /sockets/…, again and again");
            tokio::select! {
                result = lived => result,
                failure = push_on(&node) => failure,
            }
        } else {
            lived.await
        };
        if clock.widest <= sign.gap() * slower {
            break;
        }
    }
    result
}

/// Pushes to whoever is there, without end, and without a pause in which a heartbeat that waits for one would find it.
async fn push_on(node: &Node) -> Result<(), Failure> {
    loop {
        for socket in node.admin().sockets().await? {
            let path = format!("/sockets/{}", socket.conn);
            while node.admin().post_quietly(&path, "news".into()).await?.status == 202 {
                sleep(NEWS).await;
            }
        }
        // Nobody is there yet, or the last one has gone.
        sleep(NEWS).await;
    }
}

/// Shows signs of life for [`KEPT`]; fails if the connection is closed meanwhile.
async fn live(client: &mut RawClient, sign: Sign, slower: u32, clock: &mut Punctuality) -> Result<(), Failure> {
    let until = Instant::now() + KEPT * slower;
    let mut pinged = false;
    if sign == Sign::Chatter {
        client.record_sent("\"chatter\", again and again");
    }
    let mut speaks = interval(CHATTER);
    while Instant::now() < until {
        let seen = tokio::select! {
            _ = speaks.tick() => None,
            seen = client.next() => Some(seen),
        };
        match seen {
            None if sign == Sign::Chatter => client.send_quietly(&Frame::client(frame::TEXT, "chatter")).await?,
            Some(Seen::Ping(payload)) if sign != Sign::Chatter => {
                client.send(&Frame::client(frame::PONG, payload), "Pong").await?;
                pinged = true;
                clock.tick();
            }
            Some(Seen::Text(_)) => clock.tick(),
            Some(Seen::Ping(_)) | None => {}
            Some(end) => {
                clock.tick();
                client.record_seen(end.to_string());
                return Err(if sign == Sign::Chatter || pinged {
                    Failure::new(Observed::AliveButClosed, "a connection that stays open")
                } else {
                    let each = (HEARTBEAT * slower).as_millis();
                    Failure::new(Observed::NeverPinged, format!("a Ping each {each} ms, to answer"))
                });
            }
        }
    }
    clock.tick();
    Ok(())
}

/// The widest gap between two signs that test and node were both awake.
#[derive(Debug)]
struct Punctuality {
    last: Instant,
    widest: Duration,
}

impl Punctuality {
    fn new() -> Self {
        Self { last: Instant::now(), widest: Duration::ZERO }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        self.widest = self.widest.max(now - self.last);
        self.last = now;
    }
}
