//! What a run of checks has to say: serialised as it stands by `--json`, and rendered by the tutor.

use serde::{Deserialize, Serialize};

use crate::Observed;

/// How one check ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CheckReport {
    /// The check's id.
    pub check: String,
    /// The step that it proves, as `1.4`.
    pub step: String,
    /// What holds when it passes.
    pub title: String,
    /// From the start of its first node to its verdict.
    pub elapsed_ms: u64,
    /// The verdict.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// The verdict on one check.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not.
    Failed(Box<Failed>),
    /// This machine cannot say (no `ps`, for example); never counted as passed or failed.
    Skipped {
        /// What is missing.
        why: String,
    },
}

/// A failure with all that is needed to tell its story.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failed {
    /// What was seen; hints are keyed by check and observation.
    pub observed: Observed,
    /// What was expected instead, shown behind the last line of the story that is no aside.
    pub expected: String,
    /// What the check did and what came back, in order, until it failed.
    pub story: Vec<Event>,
    /// The nodes of the check, in the order in which they were started.
    pub nodes: Vec<NodeReport>,
}

/// One line of a story.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// Milliseconds since the check began.
    pub at_ms: u64,
    /// Who acted: `test`, `node`, `n1`, `alice#1` …
    pub from: String,
    /// To whom.
    pub to: String,
    /// What: a few lines of a terminal at most.
    pub text: String,
    /// Overheard between others: the check has neither asked nor answered.
    #[serde(default)]
    pub aside: bool,
}

/// What is left of a node when its check has failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeReport {
    /// Its name in the story.
    pub name: String,
    /// `running`, `exit status 3`, `killed by signal 9` …, as it was when the check failed.
    pub state: String,
    /// The `todo!("step …")` it ran into, if it did: the step, and file:line.
    pub todo: Option<Todo>,
    /// A panic that it logged, if any: message and file:line.
    pub panic: Option<Panic>,
    /// The last lines it printed, on either stream, at most twenty; long lines are cut.
    pub last_lines: Vec<String>,
    /// How many lines were printed before those.
    pub lines_before: u64,
}

/// A step that is still to be written, met at run time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Todo {
    /// As `1.4`.
    pub step: String,
    /// The rest of its text.
    pub text: String,
    /// `phases/1-socket/src/connection.rs:42:9`.
    pub location: String,
}

/// A panic in the node under test.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Panic {
    /// What it said.
    pub message: String,
    /// file:line:column.
    pub location: String,
}
