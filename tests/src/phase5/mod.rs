//! Phase 5, Directory: replicated state, versions, and who wins a conflict.

mod broadcast;
mod death;
mod forward;
mod links;
mod measures;
mod pressure;
mod rows;
mod scene;
mod snapshot;
mod told;
mod versions;

use std::time::Duration;

use crate::check::check;
use crate::measure::Better;
use crate::{Check, Measure, Phase, Step};

/// Several times what the longest check needs, on a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(20);

/// The phase.
pub const PHASE: Phase = Phase {
    number: 5,
    name: "directory",
    title: "Directory",
    kafka: true,
    steps: STEPS,
    checks: CHECKS,
    measures: MEASURES,
};

const STEPS: &[Step] = &[
    Step { title: "one link for each pair", file: "src/links.rs" },
    Step { title: "who comes and goes is told to all", file: "src/router.rs" },
    Step { title: "a newcomer is told everything", file: "src/courier.rs" },
    Step { title: "what a node has said dies with it", file: "src/table.rs" },
    Step { title: "the newest word counts", file: "src/table.rs" },
    Step { title: "a message goes where its user is", file: "src/router.rs" },
    Step { title: "a peer that stalls harms nobody else", file: "src/outbox.rs" },
];

const CHECKS: &[Check] = &[
    check!(1, "link-up", "two nodes have a link, and say so", links::up),
    check!(1, "one-link", "three have one a pair; the smaller name dials", links::one),
    check!(1, "link-again", "a link that was cut is down, and comes again", links::again),
    check!(1, "link-restart", "a restarted node gets a link of its own", links::restart),
    check!(1, "link-ends", "a link ends for a newer one, and with its node", links::ends),
    check!(1, "link-stranger", "who does not know the cookie hears nothing", links::stranger),
    check!(2, "row-seen", "a user who registers is seen on all nodes", rows::seen),
    check!(2, "row-gone", "a user who goes is gone on all nodes", rows::gone),
    check!(2, "row-devices", "each node's connections are its own", rows::devices),
    check!(3, "snapshot", "a newcomer knows 150 users, by chunks", snapshot::newcomer),
    check!(3, "snapshot-again", "what changed during a cut is known after it", snapshot::after_cut),
    check!(4, "dead-rows", "a dead node's users are gone", death::killed, waits),
    check!(4, "left-rows", "so are those of one that has left", death::left),
    check!(4, "restart-rows", "a restarted node has none of its old users", death::restarted),
    check!(4, "hung-rows", "a node that hung brings its users back", death::hung, waits),
    check!(5, "said-again", "a repeated joined revives nobody", versions::said_again),
    check!(5, "late-goodbye", "a late goodbye takes no newer row along", versions::late_goodbye),
    check!(5, "own-numbers", "a node's numbers are compared with its own", versions::own_numbers),
    check!(5, "before-snapshot", "a change before its snapshot is no harm", versions::before_snapshot),
    check!(5, "lost-change", "a change that got lost is made up for", versions::lost_change),
    check!(6, "forward-post", "a POST reaches a user on another node", forward::post),
    check!(6, "forward-told", "a message does, and its sender is told", forward::told),
    check!(6, "forward-devices", "each of a user's devices hears it once", forward::devices),
    check!(6, "forward-order", "500 messages arrive in order", forward::order),
    check!(6, "forward-owner", "it goes to the user's node, and to no other", forward::owner),
    check!(6, "forward-once", "what was forwarded goes no further", forward::once),
    check!(6, "forward-kafka", "a record read on one node reaches another", forward::kafka),
    check!(6, "told-gone", "who has just gone is not_connected", told::gone),
    check!(6, "told-full", "a full mailbox over there is overloaded here", told::full),
    check!(6, "told-unavailable", "no way to the user is unavailable", told::unavailable),
    check!(6, "told-several", "of several answers the sender hears the right one", told::several),
    check!(6, "told-by-none", "a node that dies answers nobody's message", told::dies, waits),
    check!(6, "broadcast", "a broadcast reaches all once, and is counted", broadcast::all),
    check!(7, "stall-bound", "a stopped peer's queue has an end", pressure::bound),
    check!(7, "stall-told", "its users are unavailable, in time", pressure::told),
    check!(7, "stall-others", "everybody else is served as ever", pressure::others),
    check!(7, "stall-rows", "rows go on to the others", pressure::rows),
    check!(7, "answer-full", "an answer finds room where nothing else does", pressure::answer),
    check!(7, "stuck-user", "one stuck socket holds up no link", pressure::stuck_user, waits),
];

const MEASURES: &[Measure] = &[
    Measure {
        id: "seen",
        title: "a user, until another node knows",
        unit: "ms",
        better: Better::Lower,
        hint: "A timer between a change and its packet, or a look that comes round now and then. It counts a look by HTTP, too.",
        run: |world| Box::pin(measures::seen(world)),
    },
    Measure {
        id: "forwarded",
        title: "a message by link, until it is told",
        unit: "µs",
        better: Better::Lower,
        hint: "A task for each message, a batch that waits to be full, or Nagle: each waits for something that does not come.",
        run: |world| Box::pin(measures::forwarded(world)),
    },
    Measure {
        id: "burst",
        title: "messages in a burst by link",
        unit: "/s",
        better: Better::Higher,
        hint: "A flush or a WebSocket message for each packet, a payload that is copied or parsed again, or an answer that is awaited.",
        run: |world| Box::pin(measures::burst(world)),
    },
];
