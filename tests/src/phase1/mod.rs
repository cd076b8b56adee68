//! Phase 1, Socket: a connection is an actor with a bounded mailbox, and it ends for a reason.

mod closing;
mod echo;
mod flood;
mod heartbeat;
mod limits;
mod mailbox;
mod measures;
mod writer;

use std::time::Duration;

use crate::check::check;
use crate::measure::Better;
use crate::{Check, Measure, Phase, Step};

/// Three times what the longest check needs on a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(3);

/// The phase.
pub const PHASE: Phase = Phase {
    number: 1,
    name: "socket",
    title: "Socket",
    kafka: false,
    steps: STEPS,
    checks: CHECKS,
    measures: MEASURES,
};

const STEPS: &[Step] = &[
    Step { title: "the loop echoes what comes", file: "src/connection.rs" },
    Step { title: "a mailbox others can push into", file: "src/mailbox.rs" },
    Step { title: "limits, and a close that says why", file: "src/limits.rs" },
    Step { title: "the writer apart", file: "src/writer.rs" },
    Step { title: "heartbeat", file: "src/heartbeat.rs" },
    Step { title: "a shutdown that loses nothing", file: "src/mailbox.rs" },
];

const CHECKS: &[Check] = &[
    check!(1, "echo-text", "text comes back unchanged", echo::text),
    check!(1, "echo-binary", "binary comes back as binary", echo::binary),
    check!(1, "echo-order", "a hundred messages come back in order", echo::order),
    check!(1, "ping-answered", "a client's Ping is answered with its payload", echo::ping),
    check!(1, "echo-fragments", "a message in fragments comes back whole", echo::fragments),
    check!(1, "sockets-isolated", "each socket hears only its own echo", echo::isolated),
    check!(1, "close-answered", "a Close is answered with its own code", echo::close),
    check!(1, "vanish-no-panic", "a client that vanishes causes no panic", echo::vanish),
    check!(1, "plain-get-refused", "a plain GET is refused clearly", echo::plain_get),
    check!(2, "socket-listed", "an open socket is in /sockets", mailbox::listed),
    check!(2, "push-arrives", "a push by id reaches that socket alone", mailbox::push),
    check!(2, "push-binary", "a binary push arrives as binary", mailbox::push_binary),
    check!(2, "push-order", "pushes and echoes arrive in order", mailbox::order),
    check!(2, "closed-unlisted", "a closed socket is gone, and a push to it is 404", mailbox::closed),
    check!(2, "reset-unlisted", "a socket that was reset is gone too", mailbox::reset),
    check!(2, "counts", "queued, written and open are counted", mailbox::counts),
    check!(2, "mailbox-bounded", "a full mailbox refuses at once", mailbox::bounded),
    check!(3, "too-big-closed", "one byte too many closes with 1009", limits::one_more),
    check!(3, "limit-exact", "a message of exactly the limit passes", limits::exact),
    check!(3, "too-big-fragments", "fragments count as one message", limits::fragments),
    check!(3, "too-big-promise", "a header that promises too much is enough", limits::promise),
    check!(3, "protocol-error", "what breaks the protocol closes with 1002", limits::protocol),
    check!(3, "invalid-utf8", "text that is not UTF-8 closes with 1007", limits::utf8),
    check!(3, "closing-unlisted", "a socket that is closing is listed no more", limits::closing),
    check!(3, "closing-let-go", "a closing socket is let go though its client talks", limits::let_go),
    check!(3, "others-unaffected", "another socket does not notice", limits::others),
    check!(3, "idle-memory", "an idle socket costs little memory", limits::memory),
    check!(4, "slow-closed", "a client that does not read is closed as slow", writer::slow),
    check!(4, "ping-flood-closed", "a client that floods with Pings is closed as slow", writer::pings),
    check!(4, "slow-let-go", "a slow client is let go without its consent", writer::let_go),
    check!(4, "others-on-time", "a stuck socket holds up nobody else", writer::others),
    check!(4, "bytes-bounded", "a mailbox is bounded in bytes too", writer::bytes),
    check!(4, "written-is-written", "202 means handed to the kernel", writer::written),
    check!(4, "dropped-answered", "what a slow socket drops is told to the sender", writer::dropped),
    check!(4, "pipelining", "a client that pipelines gets every echo", writer::pipelining),
    check!(4, "late-reader", "a client that reads late loses no echo", writer::late_reader),
    check!(4, "stuck-reset-unlisted", "a stuck socket that is reset is gone", writer::reset),
    check!(5, "pings-sent", "the node pings at every heartbeat", heartbeat::pings),
    check!(5, "silent-closed", "a client that says nothing is closed with 1008", heartbeat::silent),
    check!(5, "cut-found", "a client whose network is cut is found", heartbeat::cut),
    check!(5, "silent-while-stuck", "a silent client is found though it is stuck", heartbeat::stuck),
    check!(5, "ponging-kept", "a client that only answers Pings is kept", heartbeat::ponging),
    check!(5, "chatty-kept", "a client that sends is kept without Pongs", heartbeat::chatty),
    check!(5, "listener-kept", "a client that is pushed to is pinged and kept", heartbeat::listener),
    check!(5, "paused-kept", "a client that is not read from is kept", heartbeat::paused),
    check!(6, "stop-says-1001", "a stop tells everyone 1001 and exits with 0", closing::everyone),
    check!(6, "queued-first", "what is queued arrives before the 1001", closing::queued),
    check!(6, "busy-not-reset", "a client that keeps sending is not reset", closing::busy),
    check!(6, "stuck-no-hostage", "a stuck client does not hold up the exit", closing::stuck),
    check!(6, "talker-no-hostage", "a client that talks on does not hold up the exit", closing::talker),
    check!(6, "no-newcomers", "a node that stops takes no new connection", closing::newcomers),
    check!(6, "second-signal", "a second signal ends it at once", closing::second_signal),
];

const MEASURES: &[Measure] = &[
    Measure {
        id: "round-trip",
        title: "one echo, there and back",
        unit: "µs",
        better: Better::Lower,
        hint: "Something waits on the way of each frame: a timer, a task that has to be woken, a flush that comes late.",
        run: |world| Box::pin(measures::round_trip(world)),
    },
    Measure {
        id: "burst",
        title: "echoes in a burst",
        unit: "/s",
        better: Better::Higher,
        hint: "A flush for each frame instead of one for a batch, a copy of each payload, or a reading loop that pauses too long.",
        run: |world| Box::pin(measures::burst(world)),
    },
    Measure {
        id: "idle-memory",
        title: "memory of an idle socket",
        unit: "KiB",
        better: Better::Lower,
        hint: "A library's default buffers, a queue that reserves all of its room at once, or a second task for each connection.",
        run: |world| Box::pin(measures::idle(world)),
    },
];
