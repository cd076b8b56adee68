//! The flags of a node that others link to, from phase 5 on.

use std::net::SocketAddr;

use clap::Args;

use super::config::at_least_one;

/// Where other nodes link to this one, and how much may be on its way to each.
#[derive(Debug, Clone, Args)]
pub struct Links {
    /// Where other nodes link to this one (TCP)
    #[arg(id = "link", long = "link", env = "ROUTER_LINK", value_name = "LINK", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,

    /// Where they are told to do so [default: as bound]
    #[arg(
        id = "link-advertise",
        long = "link-advertise",
        env = "ROUTER_LINK_ADVERTISE",
        value_name = "LINK_ADVERTISE"
    )]
    pub advertise: Option<SocketAddr>,

    /// How many packets may be on their way to another node
    #[arg(id = "link-packets", long = "link-packets", env = "ROUTER_LINK_PACKETS", value_name = "LINK_PACKETS")]
    #[arg(default_value_t = 16_384, value_parser = at_least_one)]
    pub packets: usize,

    /// How many bytes those may have
    #[arg(id = "link-bytes", long = "link-bytes", env = "ROUTER_LINK_BYTES", value_name = "LINK_BYTES")]
    #[arg(default_value_t = 8_388_608, value_parser = at_least_one)]
    pub bytes: usize,

    /// How many rows of the directory go into one packet
    #[arg(long, env = "ROUTER_SNAPSHOT_CHUNK", default_value_t = 1024, value_parser = at_least_one)]
    pub snapshot_chunk: usize,
}

impl Links {
    /// What no single flag can know to be wrong; a message has at most `max_message` bytes.
    ///
    /// # Errors
    ///
    /// A sentence that names the flags and says what to change.
    pub(crate) fn check(&self, max_message: usize) -> Result<(), String> {
        if self.listen.ip().is_unspecified() && self.advertise.is_none() {
            return Err(format!("--link {} is no address to tell others: set --link-advertise", self.listen));
        }
        if self.snapshot_chunk > LARGEST_CHUNK {
            return Err(format!(
                "--snapshot-chunk must be at most {LARGEST_CHUNK}, or a packet is too large for a batch"
            ));
        }
        if self.bytes < max_message + ENVELOPE {
            return Err(format!(
                "--link-bytes must be at least --max-message and {ENVELOPE}, or a message of that size never fits"
            ));
        }
        Ok(())
    }
}

/// Rows with the longest of names that fit into a batch, beside a message of any size.
const LARGEST_CHUNK: usize = 1024;
/// What a message may gain on its way to another node: its id and two names.
const ENVELOPE: usize = 1024;
