//! What a check is given: a binary to start nodes from, a story to write, a seed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::{sleep_until, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::Observed;
use crate::harness::broker::Broker;
use crate::harness::failure::{Failure, ensure};
use crate::harness::node::Node;
use crate::harness::process::{Process, RUNNING};
use crate::harness::proxy::Proxy;
use crate::harness::rng::Rng;
use crate::harness::story::Story;
use crate::harness::topic::{Kafka, Topic};
use crate::report::{Failed, NodeReport};

/// Why a check is skipped that needs Kafka where nobody gave any.
pub const NO_KAFKA: &str = "there is no Kafka broker for checks";
/// How long a node may take to its ready line; a few milliseconds are usual.
const READY_WITHIN: Duration = Duration::from_secs(2);
/// After a failure: by when what was printed before it has been read.
const IN_A_PIPE: Duration = Duration::from_millis(1);
/// After a failure: how long to wait for a process that is about to end, so that a crash is told as what it is.
const LAST_WORDS: Duration = Duration::from_millis(50);
/// Much longer than from a client's going, at the end of a check, to the look at what its node has said by then.
const A_MOMENT: Duration = Duration::from_millis(50);

/// The surroundings of one check. Dropping it kills its nodes.
#[derive(Debug)]
pub struct World {
    binary: PathBuf,
    seed: u64,
    story: Story,
    kafka: Result<Kafka, Failure>,
    nodes: Mutex<Vec<(String, Arc<Process>)>>,
    between: Mutex<Vec<AbortOnDropHandle<()>>>,
}

impl World {
    /// A world without nodes; its story begins now.
    pub fn new(binary: &Path, seed: u64) -> Self {
        Self {
            binary: binary.to_owned(),
            seed,
            story: Story::begin(),
            kafka: Err(Failure::skip(NO_KAFKA)),
            nodes: Mutex::default(),
            between: Mutex::default(),
        }
    }

    /// The same with a Kafka broker, which other worlds share, or with the reason why there is none.
    pub fn with_kafka(self, kafka: Result<Kafka, Failure>) -> Self {
        Self { kafka, ..self }
    }

    /// The broker that is shared.
    ///
    /// # Errors
    ///
    /// A skip, if there is none.
    pub fn broker(&self) -> Result<Broker, Failure> {
        Ok(self.kafka()?.shared(&self.story))
    }

    /// A broker of this check's own, which may go away without harm to others.
    ///
    /// # Errors
    ///
    /// A skip, if it does not come up.
    pub async fn own_broker(&self) -> Result<Broker, Failure> {
        self.kafka()?.another(&self.story).await
    }

    /// A mock cluster of this check's own, if mock clusters are what the checks of this run are about.
    ///
    /// # Errors
    ///
    /// A skip, as for [`own_broker`](Self::own_broker).
    pub async fn own_mock(&self) -> Result<Option<Broker>, Failure> {
        if self.kafka()?.is_mock { self.own_broker().await.map(Some) } else { Ok(None) }
    }

    /// A topic of this check's own, on the shared broker.
    ///
    /// # Errors
    ///
    /// A skip, if there is no broker, or it does not do it.
    pub async fn topic(&self, partitions: u32) -> Result<Topic, Failure> {
        Topic::new(&self.broker()?, partitions).await
    }

    fn kafka(&self) -> Result<&Kafka, Failure> {
        self.kafka.as_ref().map_err(Clone::clone)
    }

    /// Where to record what no client records by itself.
    pub fn story(&self) -> &Story {
        &self.story
    }

    /// A generator for payloads and orders: the same in each run with the same seed.
    pub fn rng(&self) -> Rng {
        Rng::new(self.seed)
    }

    /// Starts the only node of a check, called `node`.
    ///
    /// # Errors
    ///
    /// `NeverReady`, or `NodeExited`, or a skip if the binary cannot be started at all.
    pub async fn node(&self, flags: &[&str]) -> Result<Node, Failure> {
        self.node_called("node", flags).await
    }

    /// Starts a node by name.
    ///
    /// # Errors
    ///
    /// As [`node`](Self::node).
    pub async fn node_called(&self, name: &str, flags: &[&str]) -> Result<Node, Failure> {
        let process = self.start(name, flags)?;
        let ready = match timeout(READY_WITHIN, process.ready()).await {
            Ok(Some(ready)) => ready,
            Ok(None) | Err(_) => return Err(self.never_ready(name)),
        };
        Node::new(name, &self.story, process, ready).ok_or_else(|| self.never_ready(name))
    }

    /// Starts a node behind a proxy, which is there before it.
    ///
    /// # Errors
    ///
    /// As [`node`](Self::node).
    pub async fn node_behind_proxy(&self, flags: &[&str]) -> Result<(Node, Proxy), Failure> {
        let proxy = Proxy::bind(&self.story).await?;
        let node = self.node(flags).await?;
        proxy.lead_to(node.ws());
        Ok((node, proxy))
    }

    /// What to report of a failure: a node that has ended, panicked or reached a `todo!` explains it better than the
    /// silence that followed. Of the others counts what they had said by then, as in the story: later they speak of a check that is over.
    pub async fn explain(&self, observed: Observed, expected: String, failed: Instant) -> Failed {
        let story = self.story.until(failed);
        sleep_until((failed + IN_A_PIPE).into()).await;
        let frozen = self.node_reports();
        for process in self.processes() {
            // Its streams end with it; a connection it held breaks a moment earlier.
            let _ = timeout(LAST_WORDS, process.last_words()).await;
        }
        let explains = |node: &NodeReport| node.todo.is_some() || node.panic.is_some() || node.state != RUNNING;
        let last = self.node_reports().into_iter().zip(frozen);
        let nodes: Vec<_> = last.map(|(last, frozen)| if explains(&last) { last } else { frozen }).collect();
        let observed = self.cause(&nodes).unwrap_or(observed);
        Failed { observed, expected, story, nodes }
    }

    /// Lets a task go on for as long as this world lasts: what stands between nodes is not to go before they do, or they would tell of
    /// that when a check has failed.
    pub(crate) fn keep(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = AbortOnDropHandle::new(tokio::spawn(task));
        self.between.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }

    /// What has to hold in every check: no node has panicked. The clients of a check leave when it ends, and what a running node makes of that
    /// is for another check to judge: of such a node, what it said a moment ago counts. Of one that has ended, all that it said.
    ///
    /// # Errors
    ///
    /// `Panicked`.
    pub async fn no_panic(&self) -> Result<(), Failure> {
        let now = Instant::now();
        for process in self.processes() {
            let ended = process.exit_status().is_some();
            if ended {
                // Its streams end with it, unless it has left a child behind that holds them.
                let _ = timeout(LAST_WORDS, process.last_words()).await;
            }
            let panicked = process.panicked_at().is_some_and(|at| ended || at + A_MOMENT < now);
            ensure(!panicked, Observed::Panicked, "a node that does not panic")?;
        }
        Ok(())
    }

    /// Nothing came, and no node has panicked so far: what panics from now on does so because the check has ended, and its
    /// clients with it.
    pub fn settle(&self) {
        self.processes().iter().for_each(|process| process.settle());
    }

    /// Kills all nodes and waits until they are gone.
    pub async fn end(&self) {
        let processes = self.processes();
        processes.iter().for_each(|process| process.kill());
        for process in processes {
            process.exited().await;
        }
    }

    fn start(&self, name: &str, flags: &[&str]) -> Result<Arc<Process>, Failure> {
        // As one could type it.
        let typed = flags.iter().map(|flag| if flag.contains(' ') { format!("'{flag}'") } else { (*flag).to_owned() });
        self.story.record("test", name, format!("start {}", typed.collect::<Vec<_>>().join(" ")));
        let base = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
        let process = Process::start(&self.binary, &[&base, flags].concat())
            .map_err(|error| Failure::skip(format!("{} cannot be started: {error}", self.binary.display())))?;
        let process = Arc::new(process);
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).push((name.to_owned(), process.clone()));
        Ok(process)
    }

    fn never_ready(&self, name: &str) -> Failure {
        self.story.record(name, "test", "(no ready line)");
        Failure::new(Observed::NeverReady, "ready ws=… admin=… on standard output")
    }

    fn cause(&self, nodes: &[NodeReport]) -> Option<Observed> {
        if nodes.iter().any(|node| node.todo.is_some()) {
            Some(Observed::ReachedTodo)
        } else if nodes.iter().any(|node| node.panic.is_some()) {
            Some(Observed::Panicked)
        } else if self.processes().iter().any(|process| process.exited_by_itself()) {
            Some(Observed::NodeExited)
        } else {
            None
        }
    }

    fn node_reports(&self) -> Vec<NodeReport> {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.iter().map(|(name, process)| process.report(name)).collect()
    }

    fn processes(&self) -> Vec<Arc<Process>> {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.iter().map(|(_, process)| process.clone()).collect()
    }
}
