//! Nodes, clients, faults, and the story of a check.

pub mod admin;
pub mod broker;
pub mod eventually;
pub mod failure;
pub mod frame;
pub mod gateway;
pub mod node;
pub mod output;
pub mod peer;
pub mod process;
pub mod proxy;
pub mod raw;
pub mod ready;
pub mod rng;
pub mod story;
pub mod token;
pub mod topic;
pub mod users;
pub mod world;
pub mod ws;

pub use admin::{Admin, Answer, Socket};
pub use broker::Broker;
pub use eventually::eventually;
pub use failure::{Failure, Judge, ensure};
pub use frame::Frame;
pub use gateway::{Heard, Talk};
pub use node::Node;
pub use peer::{PATIENCE, Peer, Seen};
pub use process::kill_all;
pub use proxy::Proxy;
pub use raw::RawClient;
pub use rng::Rng;
pub use story::Story;
pub use topic::{Brokers, Kafka, Topic};
pub use world::{NO_KAFKA, World};
pub use ws::Client;
