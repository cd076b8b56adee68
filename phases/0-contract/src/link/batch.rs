//! How packets travel: many in one binary WebSocket message, behind the batch's number.
//!
//! ```text
//! number (8 bytes, big-endian) · packet · packet · …
//! ```
//!
//! Numbers count up from 1 on each link, and a receipt names the last that has come. Number 0 is for what needs no receipt: a receipt
//! itself, and what is said before a link is open.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::codec::Malformed;
use super::packet::Packet;

/// Packets that travel together. An empty one has only room for its number.
#[derive(Debug, Clone)]
pub struct Batch(BytesMut);

const NUMBER: usize = 8;

impl Batch {
    /// An empty batch, with room for `bytes` of packets.
    pub fn with_capacity(bytes: usize) -> Self {
        let mut buffer = BytesMut::with_capacity(NUMBER + bytes);
        buffer.put_u64(0);
        Self(buffer)
    }

    /// Adds a packet behind the others.
    pub fn push(&mut self, packet: &Packet) {
        packet.encode(&mut self.0);
    }

    /// Bytes of its packets.
    pub fn len(&self) -> usize {
        self.0.len() - NUMBER
    }

    /// Whether there is no packet in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The message that carries it.
    pub fn finish(mut self, number: u64) -> Bytes {
        self.0[..NUMBER].copy_from_slice(&number.to_be_bytes());
        self.0.freeze()
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

/// The packets of a batch that has come, one after the other; after an error there are no more.
#[derive(Debug, Clone)]
pub struct Packets {
    /// The batch's number; 0 if it wants no receipt.
    pub number: u64,
    rest: Bytes,
}

impl Packets {
    /// What is in a message.
    ///
    /// # Errors
    ///
    /// [`Malformed`], if there is not even a number. Packets are looked at when they are asked for.
    pub fn of(mut message: Bytes) -> Result<Self, Malformed> {
        let number = message.try_get_u64().map_err(|_| Malformed)?;
        Ok(Self { number, rest: message })
    }
}

impl Iterator for Packets {
    type Item = Result<Packet, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let packet = Packet::decode(&mut self.rest);
        if packet.is_err() {
            self.rest.clear();
        }
        Some(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_in_order_and_end_at_the_first_that_is_none() {
        let mut batch = Batch::default();
        assert!(batch.is_empty());
        (1..=3).for_each(|sequence| batch.push(&Packet::Beat { sequence }));
        let mut message = BytesMut::from(&batch.finish(7)[..]);
        message.put_slice(b"no packet at all");
        let packets = Packets::of(message.freeze()).expect("a batch");
        assert_eq!(packets.number, 7);
        let told: Vec<_> = packets.map(|packet| packet.map(|packet| format!("{packet:?}"))).collect();
        assert_eq!(told.len(), 4);
        assert_eq!(told[2].as_deref(), Ok("Beat { sequence: 3 }"));
        assert_eq!(told[3], Err(Malformed));
    }
}
