//! Phase 2, Registry: names are stable, handles are transient.

mod deliver;
mod door;
mod frames;
mod full;
mod goodbye;
mod leave;
mod measures;
mod outcome;
mod register;
mod rename;
mod stuck;

use std::time::Duration;

use crate::check::check;
use crate::measure::Better;
use crate::{Check, Measure, Phase, Step};

/// Three times what the longest check needs on a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(4);

/// The phase.
pub const PHASE: Phase = Phase {
    number: 2,
    name: "registry",
    title: "Registry",
    kafka: false,
    steps: STEPS,
    checks: CHECKS,
    measures: MEASURES,
};

const STEPS: &[Step] = &[
    Step { title: "register answers, and says so", file: "src/registry.rs" },
    Step { title: "a message reaches its user, and nobody else", file: "src/leaf.rs" },
    Step { title: "a closed socket leaves nothing behind", file: "src/registration.rs" },
    Step { title: "a late goodbye erases only itself", file: "src/registry.rs" },
    Step { title: "the sender is told", file: "src/leaf.rs" },
    Step { title: "one name a socket", file: "src/registry.rs" },
    Step { title: "a full mailbox answers at once", file: "src/leaf.rs" },
];

const CHECKS: &[Check] = &[
    check!(1, "registered", "register is answered with name and connection", register::registered),
    check!(1, "user-listed", "GET /users/{id} lists the connection", register::listed),
    check!(1, "devices-listed", "two sockets may have the same name", register::devices),
    check!(1, "odd-names", "any printable name of 1 to 128 bytes will do", register::names),
    check!(1, "ping-pong", "ping is answered with its ref", frames::ping),
    check!(1, "bad-frames", "what cannot be read is an error, and no more", frames::bad),
    check!(1, "tokens", "a token proves its own user, and no other", door::tokens),
    check!(1, "token-runs-out", "a token that runs out closes with 1008", door::runs_out),
    check!(1, "origins", "pages of other origins stay outside", door::origins),
    check!(1, "admin-token", "the admin listener asks for its token", door::admin),
    check!(2, "post-arrives", "a POST to alice reaches alice", deliver::arrives),
    check!(2, "post-to-one", "a POST to alice reaches nobody else", deliver::to_one),
    check!(2, "post-to-nobody", "a POST to nobody is 404", deliver::to_nobody),
    check!(2, "post-to-devices", "all sockets of a user hear it, by the same id", deliver::devices),
    check!(2, "post-unchanged", "a payload is carried byte for byte", deliver::unchanged),
    check!(2, "post-in-order", "POSTs arrive in order", deliver::order),
    check!(2, "post-keyed", "the same Idempotency-Key is the same id", deliver::keyed),
    check!(2, "post-refused", "what is no payload, or too much, is refused", deliver::refused),
    check!(3, "close-forgotten", "a closed socket's user is gone", leave::closed),
    check!(3, "reset-forgotten", "a reset socket's user is gone", leave::reset),
    check!(3, "silent-forgotten", "a silent socket's user is gone", leave::silent),
    check!(3, "slow-forgotten", "a slow socket's user is gone while it closes", leave::slow),
    check!(3, "cycles-forgotten", "200 come and go, and leave nothing", leave::cycles),
    check!(4, "late-goodbye", "an old socket's end leaves the newer one alone", goodbye::late),
    check!(4, "other-device", "a new socket's end leaves the older one alone", goodbye::other),
    check!(4, "last-goodbye", "the last one's end ends the name", goodbye::last),
    check!(4, "goodbye-race", "twenty goodbyes cross twenty hellos", goodbye::race),
    check!(5, "message-arrives", "a message says who sent it", outcome::arrives),
    check!(5, "socket-named", "/sockets tells who is behind a socket", outcome::named),
    check!(5, "survivor-named", "who stays keeps the name of a socket that went", outcome::survivor),
    check!(5, "told-errors", "who cannot be reached is told as an error", outcome::errors),
    check!(5, "told-by-ref", "only a message with a ref is answered with ok", outcome::by_ref),
    check!(5, "to-oneself", "writing to oneself reaches all own sockets", outcome::to_oneself),
    check!(5, "message-keyed", "the same messageId is the same id", outcome::keyed),
    check!(5, "message-order", "200 messages arrive in order, each told once", outcome::order),
    check!(5, "told-timeout", "who cannot be written to is told as a timeout", outcome::timeout),
    check!(5, "told-unavailable", "who goes before it is written is unavailable", outcome::unavailable),
    check!(6, "second-name", "a second name is refused", rename::refused),
    check!(6, "first-name-stays", "the first name stays, and works", rename::stays),
    check!(7, "full-told", "a full mailbox is told at once", full::told),
    check!(7, "full-post", "a POST to a full mailbox is 503 at once", full::post),
    check!(7, "full-others", "a full mailbox holds up nobody else", full::others),
    check!(7, "full-device", "one socket with room is enough", full::device),
    check!(7, "full-memory", "what is refused is kept nowhere", full::memory),
    check!(7, "room-again", "a mailbox that was full takes messages again", full::room_again),
];

const MEASURES: &[Measure] = &[
    Measure {
        id: "told",
        title: "a message, until its sender knows",
        unit: "µs",
        better: Better::Lower,
        hint: "Something waits between submit and the writer's answer: a task for each message, a channel more, a timer.",
        run: |world| Box::pin(measures::told(world)),
    },
    Measure {
        id: "burst",
        title: "messages in a burst",
        unit: "/s",
        better: Better::Higher,
        hint: "A payload that is copied or parsed for each socket, or a lock that is held while something is pushed. It counts what your \
               phase 1 costs, too.",
        run: |world| Box::pin(measures::burst(world)),
    },
    Measure {
        id: "idle-memory",
        title: "memory of an idle user",
        unit: "KiB",
        better: Better::Lower,
        hint: "A name that is stored several times instead of shared, a task for each registration, or what phase 1 keeps for a socket.",
        run: |world| Box::pin(measures::idle(world)),
    },
];
