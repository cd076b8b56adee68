//! The arguments of `cargo tutor`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::project::Project;

/// Rebuild a distributed WebSocket router, one step at a time.
///
/// Without a command: says what to do next. Exit codes: 0 passed, 1 failing checks, 2 usage or environment.
#[derive(Debug, Parser)]
#[command(name = "cargo tutor", bin_name = "cargo tutor", version, after_long_help = JSON_HELP)]
pub struct Args {
    /// Print one JSON document instead of a screen; `cargo tutor --help` tells its members.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What `cargo tutor` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build a phase and run its checks.
    Phase(PhaseArgs),
    /// Show the next rung of the hints for the last failure.
    Hint(PhaseNumber),
    /// List the phases: mine, pristine, borrowed, passed.
    List,
    /// Start a phase over; keeps a copy of what is there.
    Reset(PhaseNumber),
    /// Compare your code with the reference, step by step; after green.
    Compare(CompareArgs),
    /// Answer a phase's key question in your own words, then see a model answer; after green.
    Ask(AskArgs),
    /// Measure your code and the reference side by side; after green.
    Debrief(DebriefArgs),
    /// Build later phases on the reference of this one.
    Borrow(PhaseNumber),
    /// Build later phases on your own code again.
    Return(PhaseNumber),
    /// Run a phase's checks at each save.
    Watch(PhaseNumber),
    /// Talk through a node, from phase 2 on, at the terminal.
    Chat(ChatArgs),
    /// Play with a cluster at the terminal, from phase 4 on: kill, pause, cut, heal, and watch.
    Play(PlayArgs),
    /// Run a Kafka broker, and write, read, take it away, from phase 3 on.
    Kafka(KafkaArgs),
    /// Measure the reference in release mode, by the benchmark of this name; or `save`: the wait for a verdict.
    Bench(BenchArgs),
    /// Soak a phase's reference in faults while traffic goes on, and account for every message: 3 (Kafka), 5 (three nodes).
    Soak(SoakArgs),
    /// For contributors: let clients that no one here wrote talk to the references.
    Clients(ClientsArgs),
    /// For contributors: prove that the course teaches.
    Verify(VerifyArgs),
    /// For contributors: cut starters and listings out of the references.
    Generate(GenerateArgs),
    /// For contributors: install what `test` needs.
    Setup,
    /// For contributors: everything that has to hold before a change is merged.
    Test,
}

/// A phase.
#[derive(Debug, clap::Args)]
pub struct PhaseNumber {
    /// The phase's number.
    pub phase: u8,
}

/// Arguments of `phase`.
#[derive(Debug, Clone, clap::Args)]
pub struct PhaseArgs {
    /// The phase's number.
    pub phase: u8,
    /// Check the reference instead of your code.
    #[arg(long, conflicts_with = "bin")]
    pub reference: bool,
    /// Check this program, which speaks the same wire; nothing is built.
    #[arg(long, value_name = "PATH")]
    pub bin: Option<PathBuf>,
    /// Run this check only.
    #[arg(long, value_name = "ID")]
    pub check: Option<String>,
    /// Run all checks this many times, with a new seed each time.
    #[arg(long, value_name = "R", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: u32,
    /// Where the checks' random choices begin.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Say how long building and checking took.
    #[arg(long)]
    pub timings: bool,
    /// For a phase that reads from Kafka.
    #[command(flatten)]
    pub which: Which,
}

/// Which broker; without any of these, librdkafka's mock cluster.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Which {
    /// Run Apache Kafka: needs Java 17 and, the first time, Maven.
    #[arg(long)]
    pub real: bool,
    /// Use a broker that exists.
    #[arg(long, value_name = "HOST:PORT", env = "KAFKA_BROKERS", conflicts_with = "real")]
    pub kafka: Option<String>,
}

impl Which {
    /// What the program `broker` is told.
    pub fn arguments(&self, project: &Project) -> Vec<String> {
        let cache = || project.root.join("target/tools").display().to_string();
        match &self.kafka {
            Some(kafka) => vec!["--kafka".into(), kafka.clone()],
            None if self.real => vec!["--real".into(), "--cache".into(), cache()],
            None => Vec::new(),
        }
    }
}

/// Arguments of `compare`.
#[derive(Debug, clap::Args)]
pub struct CompareArgs {
    /// The phase's number.
    pub phase: u8,
    /// Show this step only, as 5.6.
    #[arg(long, value_name = "STEP")]
    pub step: Option<String>,
    /// Show the reference before your own code passes.
    #[arg(long)]
    pub spoil: bool,
}

/// Arguments of `ask`.
#[derive(Debug, clap::Args)]
pub struct AskArgs {
    /// The phase's number.
    pub phase: u8,
    /// Show the model answer before your code passes, and without an answer of your own.
    #[arg(long)]
    pub spoil: bool,
}

/// Arguments of `debrief`.
#[derive(Debug, clap::Args)]
pub struct DebriefArgs {
    /// The phase's number.
    pub phase: u8,
    /// Build both with optimisations first, which takes minutes.
    #[arg(long)]
    pub release: bool,
}

/// Where a node listens that was not told otherwise.
pub const DEFAULT_NODE: &str = "127.0.0.1:8080";

/// Arguments of `chat`.
#[derive(Debug, clap::Args)]
pub struct ChatArgs {
    /// The name to register.
    pub name: String,
    /// The node's public listener.
    #[arg(long, value_name = "ADDRESS", default_value = DEFAULT_NODE)]
    pub node: SocketAddr,
    /// The token that proves the name, where the node asks for one.
    #[arg(long)]
    pub token: Option<String>,
}

/// Arguments of `play`.
#[derive(Debug, clap::Args)]
pub struct PlayArgs {
    /// The phase's number.
    pub phase: u8,
    /// How many nodes: n1, n2 and so on.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=20))]
    pub nodes: u8,
    /// Run the reference instead of your code.
    #[arg(long)]
    pub reference: bool,
}

/// Arguments of `kafka`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct KafkaArgs {
    /// Which broker.
    #[command(flatten)]
    pub which: Which,
    /// The broker's port; 0 lets the system choose.
    #[arg(long, value_name = "PORT", default_value_t = 9092)]
    pub port: u16,
    /// What to do with the broker that runs; without it, one is started and runs until Ctrl-C.
    #[command(subcommand)]
    pub action: Option<KafkaAction>,
}

/// What `kafka` can do with a broker that runs.
#[derive(Debug, Subcommand)]
pub enum KafkaAction {
    /// Write a record for a user.
    Send {
        /// The user, who is the record's key.
        user: String,
        /// What the user is sent: JSON, or any other text.
        payload: String,
        /// Where to.
        #[arg(long, default_value = "messages")]
        topic: String,
    },
    /// Print a topic's records, and those that come.
    Tail {
        /// Whose.
        #[arg(default_value = "messages")]
        topic: String,
        /// Print what is there, and end.
        #[arg(long)]
        once: bool,
    },
    /// List the topics.
    Topics,
    /// Take the broker away, with all connections to it.
    Down,
    /// Bring it back.
    Up,
}

/// Arguments of `bench`.
#[derive(Debug, clap::Args)]
pub struct BenchArgs {
    /// The benchmark's name, and whatever else it takes.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub args: Vec<String>,
}

/// Arguments of `soak`.
#[derive(Debug, clap::Args)]
pub struct SoakArgs {
    /// The phase's number.
    pub phase: u8,
    /// `--seed`. 3: `--records`, `--kills`, and `--mock` or `--kafka HOST:PORT` instead of Apache Kafka. 5: `--minutes`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub args: Vec<String>,
}

/// Arguments of `clients`.
#[derive(Debug, clap::Args)]
pub struct ClientsArgs {
    /// Only the reference of this phase: the first echoes, and the others let users talk.
    #[arg(long, value_name = "N")]
    pub phase: Option<u8>,
    /// Let them talk to this program, which does what the phase does on the same wire; nothing is built.
    #[arg(long, value_name = "PATH", requires = "phase")]
    pub bin: Option<PathBuf>,
}

/// Arguments of `verify`.
#[derive(Debug, Clone, clap::Args)]
pub struct VerifyArgs {
    /// Only this phase.
    pub phase: Option<u8>,
    /// How often each reference has to pass all its checks.
    #[arg(long, value_name = "R", default_value_t = 3)]
    pub repeat: u32,
    /// Only the points with these numbers.
    #[arg(long = "point", value_name = "POINT")]
    pub points: Vec<u8>,
}

/// Arguments of `generate`.
#[derive(Debug, clap::Args)]
pub struct GenerateArgs {
    /// Write nothing; fail if something would change.
    #[arg(long)]
    pub check: bool,
}

const JSON_HELP: &str = "\
With --json, standard output is one JSON document (verify: one per line):

  phase    {phase, verdict: passed|failed|not_built, done, steps, build_ms, checks_ms, errors, checks: [{check, step, title,
           elapsed_ms, outcome: passed|failed|skipped, and if failed: observed, expected, story: [{at_ms, from, to, text, aside}],
           nodes: [{name, state, todo, panic, last_lines, lines_before}]}]}
           with --repeat: {phase, runs, checks: [{check, step, title, failures, seeds, verdict: passed|flaky|failed}],
           first: {seed, report: one of `checks` above}, the first failure of the first run that had one, or null}
  hint     {phase, check, observed, rung, of, text}, or {phase, passed} where all passes
  list     {phases: [{phase, title, code: mine|pristine|borrowed, passed: date or null, broken, waits_for: phase or null}]}
  reset    {phase, kept}            borrow, return  {phase, changed, before, after}
  compare  {phase, steps: [{step, title, invariant, places: [{file, item, reference, yours, same}]}]}
  ask      {phase, question, answer, model, kept}; what is not there is null
  debrief  {phase, profile, rounds, measures: [{measure, title, unit, yours, reference, ratio,
           yours_range: [least, most], reference_range, rounds_disagree}]}
  verify   {point, name, passed, detail} per line, and last {passed, failed}
  clients  {passed, failed, skipped}
  kafka    {kafka, control}; send {partition, offset}; tail {partition, offset, key, value, headers} per line;
           topics {topics: [{topic, partitions}]}; down, up {down}
  others   {next} or {passed, failed}

An error (exit code 2) is {error}.";
