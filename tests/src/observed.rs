//! What a failed check has seen. Hints are keyed by check and observation, so that two mistakes that fail one check
//! differently are answered differently.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! observations {
    ($($(#[doc = $doc:literal])+ $name:ident = $id:literal,)+) => {
        /// What a failed check has seen.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Observed {
            $($(#[doc = $doc])+ #[serde(rename = $id)] $name,)+
        }

        impl Observed {
            /// Every observation there is, for the course's own tests.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The name by which hints and mistakes refer to it.
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)+ }
            }
        }
    };
}

observations! {
    /// The check ran out of its time limit; an endless loop looks like this.
    TookTooLong = "took-too-long",
    /// The node printed no `ready` line in time.
    NeverReady = "never-ready",
    /// The node's process ended while the check needed it.
    NodeExited = "node-exited",
    /// The node ran into a `todo!("step …")`.
    ReachedTodo = "reached-todo",
    /// The node logged a panic.
    Panicked = "panicked",
    /// The node refused the connection, or the upgrade.
    ConnectFailed = "connect-failed",
    /// An answer was due and none came in time.
    NothingArrived = "nothing-arrived",
    /// Something arrived, and it was not what was due.
    WrongAnswer = "wrong-answer",
    /// The connection went away without a Close frame.
    ClosedWithoutCode = "closed-without-code",
    /// The Close frame carried another code than the contract's.
    WrongCloseCode = "wrong-close-code",
    /// The connection was closed though nothing was wrong with it.
    ClosedWithoutReason = "closed-without-reason",
    /// The connection should have been closed by now, and is open.
    StillOpen = "still-open",
    /// What was echoed is not what was sent, or not in its order, or not to its sender.
    EchoMixedUp = "echo-mixed-up",
    /// Some of what was sent never came back.
    EchoDropped = "echo-dropped",
    /// An open socket is not in `/sockets`.
    NotListed = "not-listed",
    /// A socket that has gone is still in `/sockets`.
    GhostSocket = "ghost-socket",
    /// A push was answered as written, and arrived nowhere.
    PushLost = "push-lost",
    /// A push arrived at a socket that it was not meant for.
    PushMisdelivered = "push-misdelivered",
    /// Text became binary, or the other way round.
    WrongKind = "wrong-kind",
    /// A counter does not say what has happened.
    WrongCount = "wrong-count",
    /// However much was pushed to a socket that does not read, nothing was refused.
    NeverOverloaded = "never-overloaded",
    /// More waits in a mailbox than it is allowed to hold.
    BeyondBound = "beyond-bound",
    /// A mailbox refused far less than it is allowed to hold.
    OverloadedTooSoon = "overloaded-too-soon",
    /// A message of exactly the allowed size was refused.
    RefusedAtLimit = "refused-at-limit",
    /// A message beyond the allowed size was accepted.
    AcceptedBeyondLimit = "accepted-beyond-limit",
    /// Bytes that break the protocol were taken for a message.
    AcceptedInvalid = "accepted-invalid",
    /// One connection's fault was felt on another.
    OthersAffected = "others-affected",
    /// A socket takes more memory than it needs.
    TooMuchMemory = "too-much-memory",
    /// A client that does not read keeps its socket.
    NotClosedAsSlow = "not-closed-as-slow",
    /// A client was closed as slow that does read, or before its grace was over.
    ClosedTooEarly = "closed-too-early",
    /// A push was answered as written, and the node had not handed it to the kernel.
    WrittenButNeverSent = "written-but-never-sent",
    /// A push to a socket that does not read held up another socket.
    PushBlockedOthers = "push-blocked-others",
    /// What was queued for a socket when it was closed was not answered as unavailable.
    DroppedWithoutAnswer = "dropped-without-answer",
    /// The node sends no Pings.
    NeverPinged = "never-pinged",
    /// A client that says nothing keeps its socket.
    SilentStillOpen = "silent-still-open",
    /// A client that shows signs of life was closed as silent.
    AliveButClosed = "alive-but-closed",
    /// Frames that were queued when the node was asked to stop never arrived.
    QueuedFramesLost = "queued-frames-lost",
    /// The connection was reset, and what was under way with it.
    ResetInsteadOfClose = "reset-instead-of-close",
    /// The process has not ended in time.
    ExitTooLate = "exit-too-late",
    /// The process ended with another status than 0.
    WrongExitStatus = "wrong-exit-status",
    /// A node that is stopping took a new connection.
    AcceptedWhileStopping = "accepted-while-stopping",
    /// A user who has registered is said not to be there.
    UserNotFound = "user-not-found",
    /// A user whose connections have all gone is still said to be there.
    GhostUser = "ghost-user",
    /// A connection that has gone is still listed under its user's name.
    StillRegistered = "still-registered",
    /// Of several connections of a user, not all are known.
    DeviceForgotten = "device-forgotten",
    /// The end of an older connection took a newer one's registration with it.
    NewerConnectionErased = "newer-connection-erased",
    /// The end of one connection took the registration of another one of the same user with it.
    OtherDeviceErased = "other-device-erased",
    /// The sweep found registrations that nobody had ended.
    LeftForTheSweep = "left-for-the-sweep",
    /// A message arrived at somebody it was not meant for.
    Misdelivered = "misdelivered",
    /// A message was answered as written, and did not arrive.
    MessageLost = "message-lost",
    /// A message arrived more than once at one connection.
    DeliveredTwice = "delivered-twice",
    /// A message did not arrive in the order in which it was sent.
    OutOfOrder = "out-of-order",
    /// A payload was changed on its way.
    WrongPayload = "wrong-payload",
    /// A message does not say who sent it, or says somebody else.
    WrongSender = "wrong-sender",
    /// One message has different ids, or two messages have the same.
    WrongId = "wrong-id",
    /// A connection that has registered is treated as one that has not.
    SenderUnknown = "sender-unknown",
    /// The sender was told that a message was written which was not.
    ToldTooEarly = "told-too-early",
    /// The sender was not told what became of a message.
    NeverTold = "never-told",
    /// The sender was told more than once.
    ToldTwice = "told-twice",
    /// The sender had to wait for an answer that was known at once.
    ToldTooLate = "told-too-late",
    /// A mailbox without room was told as a connection that has gone.
    FullToldAsGone = "full-told-as-gone",
    /// A message that one of the user's connections took was told as refused.
    RefusedThoughTaken = "refused-though-taken",
    /// A connection that has a name was given another one.
    NameReplaced = "name-replaced",
    /// A record did not arrive at its user.
    RecordLost = "record-lost",
    /// A record came again whose offset should have been committed.
    RecordRepeated = "record-repeated",
    /// A record that can be brought to nobody is not in the dead-letter topic.
    NoDeadLetter = "no-dead-letter",
    /// A dead letter is not as its record was, or does not say why and from where.
    WrongDeadLetter = "wrong-dead-letter",
    /// A record that is decided is not committed.
    NotCommitted = "not-committed",
    /// An offset was committed though a record below it was not decided.
    CommittedTooEarly = "committed-too-early",
    /// Nothing was paused, however much was undecided.
    NeverPaused = "never-paused",
    /// Records were read that should have waited.
    ReadThoughPaused = "read-though-paused",
    /// What was paused is not read any more.
    NeverResumed = "never-resumed",
    /// Something is wrong with what the node depends on, and `/health` is ok.
    NotDegraded = "not-degraded",
    /// What was wrong is over, and `/health` says otherwise.
    StillDegraded = "still-degraded",
    /// What should be said once was said again and again.
    SaidTooOften = "said-too-often",
    /// A node that has joined is not live to another one.
    NotAMember = "not-a-member",
    /// A member's addresses are not those at which it listens.
    WrongAddress = "wrong-address",
    /// One name has several rows.
    ListedTwice = "listed-twice",
    /// A node that was started again is told as it was before.
    OldLife = "old-life",
    /// Two live nodes have one name, and it is not said.
    DuplicateUnseen = "duplicate-unseen",
    /// A node says that another one has its name, and there is none.
    FalseDuplicate = "false-duplicate",
    /// A node that is gone is told as live.
    NeverGivenUp = "never-given-up",
    /// A node that lives is told as dead, or not at all.
    GivenUpTooSoon = "given-up-too-soon",
    /// A node that is dead is not told of at all.
    ForgottenTooSoon = "forgotten-too-soon",
    /// A node that has been dead for long is still told of.
    NeverForgotten = "never-forgotten",
    /// A node that is back is not told as live.
    NeverReturned = "never-returned",
    /// A node that has stopped in an orderly way is not told as having left.
    NeverLeft = "never-left",
    /// A node that does not belong to the cluster is a member.
    StrangerJoined = "stranger-joined",
    /// A stranger was turned away, or was not, and nothing tells of it.
    StrangerUnseen = "stranger-unseen",
    /// Nodes that can reach each other do not find each other.
    NeverHealed = "never-healed",
    /// Two live nodes have no link.
    LinkDown = "link-down",
    /// A link is told as up that there is not.
    LinkToldUp = "link-told-up",
    /// A pair of nodes has more than one link, or the wrong one of them has dialled.
    LinkTwice = "link-twice",
    /// A user of another node is not known.
    RowUnknown = "row-unknown",
    /// A connection of another node is known that has gone.
    RowKept = "row-kept",
    /// A connection that had gone, and was known to have, is known again.
    RowRevived = "row-revived",
    /// With a row that is gone another one went.
    RowErased = "row-erased",
    /// Rows were told in packets larger than allowed.
    PartTooLarge = "part-too-large",
    /// A message went to a node that had nothing to do with it.
    ForwardedToAll = "forwarded-to-all",
    /// A user who cannot be reached was told as one who is not there.
    UnreachableToldAsGone = "unreachable-told-as-gone",
    /// A broadcast did not come to everybody, or not once.
    BroadcastMissed = "broadcast-missed",
    /// Of two nodes that should have a link, neither has dialled the other and said who it is.
    NeverDialled = "never-dialled",
    /// A node that could not be reached was dialled again and again, without a pause.
    DialledTooOften = "dialled-too-often",
    /// A link was not ended though a newer one had come up, or the life that it was to was over.
    LinkKept = "link-kept",
    /// A node asked for all rows, and was not told them.
    AskedInVain = "asked-in-vain",
    /// The rows of a node went when the link to it ended, though the view still told of it.
    RowsGoneWithLink = "rows-gone-with-link",
}

impl fmt::Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}
