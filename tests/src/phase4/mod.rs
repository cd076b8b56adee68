//! Phase 4, Cluster: failure detection is a guess with a dial.

mod leave;
mod lives;
mod measures;
mod meet;
mod partition;
mod scene;
mod silence;
mod strangers;

use std::time::Duration;

use crate::check::check;
use crate::measure::Better;
use crate::{Check, Measure, Phase, Step};

/// Several times what the longest check needs, on a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(15);

/// The phase.
pub const PHASE: Phase = Phase {
    number: 4,
    name: "cluster",
    title: "Cluster",
    kafka: false,
    steps: STEPS,
    checks: CHECKS,
    measures: MEASURES,
};

const STEPS: &[Step] = &[
    Step { title: "nodes find each other", file: "src/life.rs" },
    Step { title: "a name has many lives", file: "src/identity.rs" },
    Step { title: "who is silent is given up, and forgotten", file: "src/dials.rs" },
    Step { title: "who goes says so", file: "src/life.rs" },
    Step { title: "strangers stay out", file: "src/strangers.rs" },
    Step { title: "who was forgotten is found again", file: "src/seeds.rs" },
];

const CHECKS: &[Check] = &[
    check!(1, "two-meet", "two nodes meet, by way of a seed", meet::two),
    check!(1, "third-meets", "a third one joins by way of any", meet::third),
    check!(1, "metadata", "each says where it listens", meet::metadata),
    check!(1, "seed-name", "a seed may be a name", meet::by_name),
    check!(1, "traffic", "what is exchanged is counted, repeats apart", meet::traffic),
    check!(1, "bad-wire", "loss and delay only take longer", meet::bad_wire),
    check!(1, "expected", "who is expected and missing degrades", meet::expected),
    check!(2, "restart", "a restarted node takes its old life's place", lives::restart),
    check!(2, "older-clock", "a clock that went back is made up for", lives::clock),
    check!(2, "duplicate", "two live nodes with one name both say so", lives::duplicate),
    check!(2, "duplicate-ends", "one of the two goes, and all is well", lives::duplicate_ends),
    check!(3, "killed", "a killed node is given up", silence::killed),
    check!(3, "forgotten", "who is dead for long is forgotten", silence::forgotten),
    check!(3, "own-dial", "each node goes by its own --phi", silence::dial),
    check!(3, "paused", "a node that hung returns", silence::paused),
    check!(3, "bridged", "a cut between two is bridged by a third", silence::bridged),
    check!(3, "short-cut", "a short partition heals", silence::short_cut),
    check!(4, "left", "a node that stops has left, and is not dead", leave::left),
    check!(4, "left-returns", "who has left may come back", leave::returns),
    check!(4, "left-alone", "who is alone need not wait for anybody", leave::alone),
    check!(5, "other-cookie", "another cookie stays out, and is counted", strangers::cookie),
    check!(5, "other-cluster", "another cluster stays out, and is counted", strangers::name),
    check!(5, "garbage", "garbage is counted, and said once", strangers::garbage),
    check!(6, "long-cut", "a partition that outlasts forgetting heals", partition::outlasts),
    check!(6, "long-cut-halves", "two halves find each other, too", partition::halves),
    check!(6, "seed-later", "a seed that comes up later is found", partition::later),
    check!(6, "seed-again", "names are looked up again", partition::looked_up),
];

const MEASURES: &[Measure] = &[
    Measure {
        id: "joins",
        title: "a newcomer, until it is known",
        unit: "ms",
        better: Better::Lower,
        hint: "Rounds of 10 ms: three heartbeats have to be heard before chitchat believes in a node. More: seeds that are greeted late, \
               or a view that lags behind.",
        run: |world| Box::pin(measures::joins(world)),
    },
    Measure {
        id: "leaves",
        title: "a goodbye, until it is known",
        unit: "ms",
        better: Better::Lower,
        hint: "Rounds of 10 ms: one until the others ask, one until they look. More: the goodbye waits for a round instead of beginning one.",
        run: |world| Box::pin(measures::leaves(world)),
    },
];
