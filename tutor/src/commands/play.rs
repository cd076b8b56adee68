//! `play N`: a cluster at the terminal, to break things in. Who is there and who is where is told as it changes, one line each.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use checks::harness::{Failure, Links, Network, Node};
use checks::{Phase, World};
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::phase::{Code, build_code};
use crate::Ended;
use crate::cli::PlayArgs;
use crate::project::{self, Project};
use crate::screen::Paint;

/// Before it, a node knows of no others.
const FIRST: u8 = 4;
/// From here on nodes link to each other.
const LINKED: u8 = 5;
/// Between two looks at the nodes: soon enough for a person.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Lines typed that may wait.
const WAITING: usize = 16;
/// Fast enough to watch: a node that is silent is given up after two seconds or so.
const DIALS: [&str; 4] = ["--cookie", "play", "--gossip-interval", "200ms"];

/// Starts the nodes and does what is typed, until the end of input or Ctrl-C.
///
/// # Errors
///
/// There is no such phase, or it has no cluster, or its program does not build or start.
pub fn run(project: &Project, args: &PlayArgs) -> Result<Ended> {
    let phase = project::phase(args.phase)?;
    ensure!(phase.number >= FIRST, "nodes know of each other from phase {FIRST} on: cargo tutor play {FIRST}");
    let code = Code { reference: args.reference, release: false };
    let binary = build_code(project, phase, code, false)?.binary()?;
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
    runtime.block_on(play(&binary, phase, args.nodes))?;
    Ok(Ended::Passed)
}

async fn play(binary: &Path, phase: &Phase, nodes: u8) -> Result<()> {
    let world = World::new(binary, 1);
    let mut table = Table::new(&world, phase);
    println!("{HOW}");
    for number in 1..=nodes {
        println!("{}", table.act(Order::Start(format!("n{number}"))).await?);
    }
    let (lines_tx, mut lines) = mpsc::channel(WAITING);
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if lines_tx.blocking_send(line).is_err() {
                return;
            }
        }
    });
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            line = lines.recv() => match line {
                Some(line) if !ENDS.contains(&line.trim()) => table.typed(&line).await,
                _ => break,
            },
            _ = looks.tick() => table.look().await,
        }
    }
    world.end().await;
    Ok(())
}

/// What can be typed.
#[derive(Debug, PartialEq, Eq)]
enum Order {
    Start(String),
    Kill(String),
    Pause(String),
    Resume(String),
    Cut(String, String),
    Heal(String, String),
    HealAll,
}

impl Order {
    fn parse(line: &str) -> Option<Self> {
        let words: Vec<_> = line.split_whitespace().collect();
        let (a, b) = (|| words[1].to_owned(), || words[2].to_owned());
        Some(match (words.first().copied()?, words.len()) {
            ("start", 2) => Self::Start(a()),
            ("kill", 2) => Self::Kill(a()),
            ("pause", 2) => Self::Pause(a()),
            ("resume", 2) => Self::Resume(a()),
            ("cut", 3) => Self::Cut(a(), b()),
            ("heal", 3) => Self::Heal(a(), b()),
            ("heal", 1) => Self::HealAll,
            _ => return None,
        })
    }
}

/// The nodes, and what is between them.
struct Table<'w> {
    gossip: Network<'w>,
    links: Links<'w>,
    is_linked: bool,
    nodes: BTreeMap<String, Seat>,
    told: Sayings,
}

/// What was told last, by the node that says it and by what it is about.
type Sayings = BTreeMap<(String, String), String>;

struct Seat {
    node: Node,
    /// Neither killed nor paused: it can be asked.
    answers: bool,
}

impl<'w> Table<'w> {
    fn new(world: &'w World, phase: &Phase) -> Self {
        let (gossip, links) = (Network::new(world), Links::new(world));
        Self { gossip, links, is_linked: phase.number >= LINKED, nodes: BTreeMap::new(), told: BTreeMap::new() }
    }

    async fn typed(&mut self, line: &str) {
        match Order::parse(line) {
            None if line.trim().is_empty() => {}
            None => println!("there is no `{}`, but:\n{HOW}", visible(line.trim())),
            Some(order) => match self.act(order).await {
                Ok(done) => println!("{done}"),
                Err(error) => println!("{}", Paint::of_stdout().red(&error.to_string())),
            },
        }
    }

    /// Does it, and says so.
    async fn act(&mut self, order: Order) -> Result<String> {
        Ok(match order {
            Order::Start(name) => self.start(&name).await?,
            Order::Kill(name) => {
                let seat = self.seat(&name)?;
                seat.node.kill();
                seat.answers = false;
                format!("{name} is killed; `start {name}` starts it again")
            }
            Order::Pause(name) => {
                let seat = self.seat(&name)?;
                seat.node.pause();
                seat.answers = false;
                format!("{name} hangs; `resume {name}` lets it go on")
            }
            Order::Resume(name) => {
                let seat = self.seat(&name)?;
                seat.node.resume();
                seat.answers = true;
                format!("{name} goes on")
            }
            Order::Cut(a, b) => {
                self.both(&a, &b)?;
                self.gossip.cut(&a, &b);
                self.links.cut(&a, &b);
                format!("nothing passes between {a} and {b}; `heal {a} {b}` mends it")
            }
            Order::Heal(a, b) => {
                self.both(&a, &b)?;
                self.gossip.heal(&a, &b);
                self.links.heal(&a, &b);
                format!("{a} and {b} reach each other again")
            }
            Order::HealAll => {
                let names: Vec<_> = self.nodes.keys().collect();
                for (at, a) in names.iter().enumerate() {
                    for b in &names[at + 1..] {
                        self.gossip.heal(a, b);
                        self.links.heal(a, b);
                    }
                }
                "all reach each other again".to_owned()
            }
        })
    }

    async fn start(&mut self, name: &str) -> Result<String> {
        ensure!(self.nodes.get(name).is_none_or(|seat| !seat.answers), "{name} runs");
        let seed = self.gossip.place("n1").await.map_err(told)?.to_string();
        let link = self.links.place(name).await.map_err(told)?.to_string();
        let flags = [&DIALS[..], &["--seed", &seed], if self.is_linked { &["--link-advertise", &link] } else { &[] }];
        let node = self.gossip.node(name, &flags.concat()).await.map_err(told)?;
        if self.is_linked {
            self.links.lead_to(name, &node).map_err(told)?;
        }
        let (ws, admin) = (node.ws(), node.admin().address());
        self.nodes.insert(name.to_owned(), Seat { node, answers: true });
        let (name, user) = (Paint::of_stdout().bold(name), user_for(name));
        Ok(format!("{name}  cargo tutor chat {user} --node {ws}\n    curl {admin}/cluster"))
    }

    fn seat(&mut self, name: &str) -> Result<&mut Seat> {
        self.nodes.get_mut(name).ok_or_else(|| anyhow!("there is no {name}"))
    }

    fn both(&self, a: &str, b: &str) -> Result<()> {
        let stranger = [a, b].into_iter().find(|name| !self.nodes.contains_key(*name));
        stranger.map_or(Ok(()), |name| Err(anyhow!("there is no {name}")))
    }

    /// Asks all that answer, and tells what is new.
    async fn look(&mut self) {
        // What a node has said that is killed or hangs goes without a word: who did that knows.
        self.told.retain(|(teller, _), _| self.nodes.get(teller).is_some_and(|seat| seat.answers));
        let mut seen = Sayings::new();
        for (name, seat) in self.nodes.iter().filter(|(_, seat)| seat.answers) {
            let asked = tokio::join!(seat.node.cluster(), seat.node.admin().sockets());
            let (Ok(cluster), Ok(sockets)) = asked else {
                // It is asked again in the next round; until then it has said what it said last.
                let said = self.told.iter().filter(|((teller, _), _)| teller == name);
                seen.extend(said.map(|(about, how)| (about.clone(), how.clone())));
                continue;
            };
            for row in cluster.members.iter().filter(|row| row.node != *name) {
                let link = row.link.as_ref().map_or_else(String::new, |link| format!(", link {link}"));
                let what = format!("{name} sees {}", row.node);
                seen.insert((name.clone(), what), format!("{}{link}", row.state));
            }
            for socket in sockets {
                if let Some(user) = &socket.user {
                    let what = format!("{} on {name}", visible(user));
                    seen.insert((name.clone(), what), format!("connection {}", socket.conn));
                }
            }
        }
        let paint = Paint::of_stdout();
        news(&self.told, &seen).into_iter().for_each(|line| println!("{}", paint.dim(&line)));
        self.told = seen;
    }
}

/// Somebody else on each node, so that they can talk.
fn user_for(name: &str) -> &'static str {
    let number: usize = name.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(1);
    USERS[number.saturating_sub(1) % USERS.len()]
}

/// What has changed, a line each.
fn news(before: &Sayings, now: &Sayings) -> Vec<String> {
    let fresh = now.iter().filter(|(about, how)| before.get(*about) != Some(how));
    let fresh = fresh.map(|((_, what), how)| format!("  {what}: {how}"));
    let gone = before.keys().filter(|about| !now.contains_key(*about));
    fresh.chain(gone.map(|(_, what)| format!("  {what}: no more"))).collect()
}

/// Another user's control characters stay off this terminal.
fn visible(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// What keeps a check from running keeps this from it, too.
fn told(failure: Failure) -> anyhow::Error {
    match failure {
        Failure::Skipped { why } => anyhow!(why),
        Failure::Failed { expected, .. } => anyhow!("the node does not start: expected {expected}"),
    }
}

const HOW: &str = "\
kill n2 · start n2 · pause n2 · resume n2 · cut n1 n2 · heal n1 n2, or heal for
all that is cut; quit, Ctrl-D or Ctrl-C ends, and all nodes with it.";
const ENDS: [&str; 2] = ["quit", "exit"];
/// Whom to be on n1, n2 and so on.
const USERS: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_have_as_many_names_as_they_need() {
        assert_eq!(Order::parse(" kill  n2 "), Some(Order::Kill("n2".into())));
        assert_eq!(Order::parse("cut n1 n2"), Some(Order::Cut("n1".into(), "n2".into())));
        assert_eq!(Order::parse("heal"), Some(Order::HealAll));
        for wrong in ["", "kill", "kill n1 n2", "cut n1", "fly n1"] {
            assert_eq!(Order::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_what_is_new_is_told() {
        let said = |by: &str, what: &str, how: &str| ((by.to_owned(), what.to_owned()), how.to_owned());
        let before =
            Sayings::from([said("n1", "n1 sees n2", "live, link up"), said("n2", "alice on n2", "connection 1")]);
        assert_eq!(news(&before, &before), Vec::<String>::new());
        let now = Sayings::from([said("n1", "n1 sees n2", "dead, link down")]);
        assert_eq!(news(&before, &now), ["  n1 sees n2: dead, link down", "  alice on n2: no more"]);
    }
}
