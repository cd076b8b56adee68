//! WebSocket frames by hand, for what no well-behaved library would send.

/// Opcode of the second and later frames of a message.
pub const CONTINUATION: u8 = 0x0;
/// Opcode of a text message.
pub const TEXT: u8 = 0x1;
/// Opcode of a binary message.
pub const BINARY: u8 = 0x2;
/// Opcode of a Close.
pub const CLOSE: u8 = 0x8;
/// Opcode of a Ping.
pub const PING: u8 = 0x9;
/// Opcode of a Pong.
pub const PONG: u8 = 0xA;

/// A client's masking key; any will do, since it only has to be undone.
const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// One frame, with every bit in the sender's hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The last frame of its message.
    pub fin: bool,
    /// The three reserved bits, which are 0 unless an extension was agreed on.
    pub reserved: u8,
    /// What kind of frame.
    pub opcode: u8,
    /// A client must mask, a server must not.
    pub masked: bool,
    /// Unmasked.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A whole message in one masked frame, as a client sends it.
    pub fn client(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self { fin: true, reserved: 0, opcode, masked: true, payload: payload.into() }
    }

    /// The same as a part of a message that goes on.
    pub fn unfinished(mut self) -> Self {
        self.fin = false;
        self
    }

    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = header(self, self.payload.len() as u64);
        let start = bytes.len();
        bytes.extend(&self.payload);
        if self.masked {
            mask(&mut bytes[start..], KEY);
        }
        bytes
    }

    /// Only a header, which promises `length` bytes.
    pub fn encode_header(&self, length: u64) -> Vec<u8> {
        header(self, length)
    }

    /// Takes the first whole frame off `bytes`, if there is one.
    pub fn take(bytes: &mut Vec<u8>) -> Option<Self> {
        let (&first, &second) = (bytes.first()?, bytes.get(1)?);
        let (length, mut start) = match second & 0x7F {
            126 => (u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
            127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?), 10),
            short => (u64::from(short), 2),
        };
        let masked = second & 0x80 != 0;
        let key: [u8; 4] = if masked { bytes.get(start..start + 4)?.try_into().ok()? } else { [0; 4] };
        start += if masked { 4 } else { 0 };
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        let mut payload = bytes.get(start..end)?.to_vec();
        if masked {
            mask(&mut payload, key);
        }
        bytes.drain(..end);
        Some(Self { fin: first & 0x80 != 0, reserved: (first >> 4) & 0x7, opcode: first & 0xF, masked, payload })
    }
}

fn header(frame: &Frame, length: u64) -> Vec<u8> {
    let mask_bit = if frame.masked { 0x80 } else { 0 };
    let mut bytes = vec![u8::from(frame.fin) << 7 | frame.reserved << 4 | frame.opcode];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..=125), _) => bytes.push(mask_bit | short),
        (_, Ok(medium)) => {
            bytes.push(mask_bit | 126);
            bytes.extend(medium.to_be_bytes());
        }
        _ => {
            bytes.push(mask_bit | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    if frame.masked {
        bytes.extend(KEY);
    }
    bytes
}

/// Masks, or unmasks: eight bytes at a time, since floods pass through here in debug builds.
fn mask(payload: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut chunks = payload.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let masked = chunk.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes) ^ wide).unwrap_or_default();
        chunk.copy_from_slice(&masked.to_ne_bytes());
    }
    for (byte, key) in chunks.into_remainder().iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_can_be_taken_again() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            for masked in [false, true] {
                let frame = Frame { masked, ..Frame::client(BINARY, vec![7; length]) };
                let mut bytes = frame.encode();
                bytes.push(0x81);
                assert_eq!(Frame::take(&mut bytes), Some(frame), "{length} bytes");
                assert_eq!(bytes, [0x81], "the next frame's beginning stays");
            }
        }
    }

    #[test]
    fn half_a_frame_stays_where_it_is() {
        let whole = Frame::client(TEXT, "hello").encode();
        for length in 0..whole.len() {
            let mut bytes = whole[..length].to_vec();
            assert_eq!(Frame::take(&mut bytes), None);
            assert_eq!(bytes.len(), length);
        }
    }
}
