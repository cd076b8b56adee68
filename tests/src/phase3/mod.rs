//! Phase 3, Ingest: at-least-once is a decision about when you commit.

mod away;
mod bound;
mod commit;
mod dead;
mod lanes;
mod measures;
mod read;
mod rebalance;
pub(crate) mod scene;

use std::time::Duration;

use crate::check::check;
use crate::measure::Better;
use crate::{Check, Measure, Phase, Step};

/// Several times what the longest check needs, which looks at two nodes that join a group, on a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(20);

/// The phase.
pub const PHASE: Phase =
    Phase { number: 3, name: "ingest", title: "Ingest", kafka: true, steps: STEPS, checks: CHECKS, measures: MEASURES };

const STEPS: &[Step] = &[
    Step { title: "a record reaches its user", file: "src/consumer.rs" },
    Step { title: "what nobody can read is kept", file: "src/dead.rs" },
    Step { title: "commit what is written, and only then", file: "src/commit.rs" },
    Step { title: "one user holds up nobody else", file: "src/lanes.rs" },
    Step { title: "a backlog stays in Kafka", file: "src/room.rs" },
    Step { title: "settle before letting go", file: "src/settle.rs" },
    Step { title: "Kafka goes away, and comes back", file: "src/trouble.rs" },
];

const CHECKS: &[Check] = &[
    check!(1, "record-earliest", "a new group begins with what is there", read::earliest),
    check!(1, "record-arrives", "a record reaches its user, named by its place", read::arrives),
    check!(1, "record-order", "1,000 records arrive in order", read::order),
    check!(1, "record-unchanged", "a payload is carried byte for byte", read::unchanged),
    check!(1, "record-without-key", "a record without key is routed by user_id", read::without_key),
    check!(1, "record-missing-user", "a user who is not there holds up nobody", read::missing_user),
    check!(2, "dead-letter", "what is no JSON is kept, and holds up nobody", dead::letter),
    check!(2, "dead-reasons", "each reason is told, key and value unchanged", dead::reasons),
    check!(3, "commits-written", "what is written is committed", commit::written),
    check!(3, "commits-missing", "what has nobody to go to is committed", commit::missing),
    check!(3, "commits-dead", "what is dead is committed once it is kept", commit::dead),
    check!(3, "commits-not-early", "nothing is committed before it is written", commit::not_early),
    check!(3, "commits-restart", "a restart begins where the last one stopped", commit::restart, waits),
    check!(3, "commits-killed", "a kill loses nothing", commit::killed, waits),
    check!(4, "lanes-others", "others get theirs beside a stuck socket", lanes::others),
    check!(4, "lanes-watermark", "nothing above the first undecided is committed", lanes::watermark),
    check!(4, "lanes-order", "a slow user gets all, in order", lanes::order),
    check!(4, "lanes-slow", "a socket that is closed as slow decides", lanes::slow),
    check!(4, "lanes-gone", "a socket that breaks decides", lanes::gone),
    check!(4, "lanes-reconnect", "what a lost socket had goes to the next one", lanes::reconnect),
    check!(4, "missing-dead", "--missing-user dead-letter keeps them", dead::missing),
    check!(5, "bound-memory", "a backlog takes no memory", bound::memory),
    check!(5, "bound-records", "--max-undecided pauses, room resumes", bound::records),
    check!(5, "bound-healthy", "a replay closes nobody who reads", bound::healthy),
    check!(5, "bound-operator", "an operator pauses and resumes", bound::operator),
    check!(6, "settle-stop", "a stop settles what is under way", rebalance::stop, waits),
    check!(6, "settle-join", "a node that joins repeats nothing", rebalance::join, waits),
    check!(7, "away-degraded", "Kafka away: degraded, one line, and back", away::degraded, waits),
    check!(7, "away-at-start", "Kafka away at the start: the node serves", away::at_start),
    check!(7, "away-topic", "an unknown topic: degraded until it is there", away::topic),
];

const MEASURES: &[Measure] = &[Measure {
    id: "replay",
    title: "records of a backlog, until they are read",
    unit: "/s",
    better: Better::Higher,
    hint: "Something waits between two records: a commit for each, an outcome that is awaited, a pause that begins anew all the time.",
    run: |world| Box::pin(measures::replay(world)),
}];
