//! Polling payloads: packets joined by the record separator `\x1e`.
//!
//! <https://socket.io/docs/v4/engine-io-protocol/>, "HTTP long-polling".

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::codec::frame::{Frame, FrameError};

/// What stands between two packets.
const SEPARATOR: u8 = 0x1e;

/// Takes a body apart while it comes in, so that no body is ever held as a whole. A packet that lies in one
/// chunk is a slice of it; only one that lies across chunks is copied.
#[derive(Debug)]
pub struct Splitter {
    chunk: Bytes,
    /// The beginning of a packet whose end has not come.
    torn: BytesMut,
    limit: usize,
}

impl Splitter {
    /// Refuses packets over `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            chunk: Bytes::new(),
            torn: BytesMut::new(),
            limit,
        }
    }

    /// Gives it the next chunk. Take all packets before giving it another.
    ///
    /// # Errors
    /// A packet is too large.
    pub fn push(&mut self, chunk: Bytes) -> Result<(), FrameError> {
        if self.chunk.is_empty() {
            self.chunk = chunk;
            return Ok(());
        }
        let rest = std::mem::replace(&mut self.chunk, chunk);
        self.tear(&rest)
    }

    /// The next complete packet; none until more is pushed.
    ///
    /// # Errors
    /// It is too large, or no UTF-8.
    pub fn next_packet(&mut self) -> Result<Option<Utf8Bytes>, FrameError> {
        let Some(end) = self.chunk.iter().position(|byte| *byte == SEPARATOR) else {
            let rest = std::mem::take(&mut self.chunk);
            self.tear(&rest)?;
            return Ok(None);
        };
        let packet = self.chunk.split_to(end);
        let _separator = self.chunk.split_to(1);
        self.complete(packet).map(Some)
    }

    /// The last packet, which nothing follows; none if the body was empty.
    ///
    /// # Errors
    /// As [`next_packet`](Self::next_packet).
    pub fn finish(&mut self) -> Result<Option<Utf8Bytes>, FrameError> {
        let packet = std::mem::take(&mut self.chunk);
        if packet.is_empty() && self.torn.is_empty() {
            return Ok(None);
        }
        self.complete(packet).map(Some)
    }

    fn complete(&mut self, end: Bytes) -> Result<Utf8Bytes, FrameError> {
        let packet = if self.torn.is_empty() {
            end
        } else {
            self.tear(&end)?;
            self.torn.split().freeze()
        };
        if packet.len() > self.limit {
            return Err(FrameError::TooLarge(self.limit));
        }
        Utf8Bytes::try_from(packet).map_err(|_| FrameError::Utf8)
    }

    fn tear(&mut self, part: &[u8]) -> Result<(), FrameError> {
        if self.torn.len() + part.len() > self.limit {
            return Err(FrameError::TooLarge(self.limit));
        }
        self.torn.extend_from_slice(part);
        Ok(())
    }
}

/// How many bytes a frame takes in a payload.
#[must_use]
pub fn encoded_len(frame: &Frame) -> usize {
    match frame {
        Frame::Text(text) => text.len(),
        Frame::Binary(bytes) => 1 + bytes.len().div_ceil(3) * 4,
    }
}

/// Joins frames to the body of a POST.
#[must_use]
pub fn encode<'a>(frames: impl IntoIterator<Item = &'a Frame>) -> String {
    let mut body = String::new();
    for frame in frames {
        if !body.is_empty() {
            body.push(char::from(SEPARATOR));
        }
        match frame {
            Frame::Text(text) => body.push_str(text),
            Frame::Binary(bytes) => {
                body.push('b');
                STANDARD.encode_string(bytes, &mut body);
            }
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(chunks: &[&[u8]], limit: usize) -> Result<Vec<String>, FrameError> {
        let mut splitter = Splitter::new(limit);
        let mut packets = Vec::new();
        for chunk in chunks {
            splitter.push(Bytes::copy_from_slice(chunk))?;
            while let Some(packet) = splitter.next_packet()? {
                packets.push(packet.to_string());
            }
        }
        packets.extend(splitter.finish()?.map(|packet| packet.to_string()));
        Ok(packets)
    }

    #[test]
    fn torn_anywhere_a_body_gives_the_same_packets() {
        let body = "4héllo\u{1e}2\u{1e}bAQID\u{1e}4€".as_bytes();
        let whole = split(&[body], 100).unwrap();
        assert_eq!(whole, ["4héllo", "2", "bAQID", "4€"]);
        for first in 0..=body.len() {
            for second in first..=body.len() {
                let chunks = [&body[..first], &body[first..second], &body[second..]];
                assert_eq!(split(&chunks, 100).unwrap(), whole, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn a_packet_that_never_ends_is_refused() {
        assert_eq!(
            split(&[b"4aaaa", b"aaaa", b"aaaa"], 10),
            Err(FrameError::TooLarge(10))
        );
        assert_eq!(
            split(&[b"4aaaaaaaaaaaaaaa\x1e2"], 10),
            Err(FrameError::TooLarge(10))
        );
    }

    #[test]
    fn encodes_binary_as_base64() {
        let frames = [
            Frame::Text("4hello".into()),
            Frame::Binary(Bytes::from_static(&[1, 2, 3, 4])),
        ];
        assert_eq!(encode(&frames), "4hello\u{1e}bAQIDBA==");
        assert_eq!(
            frames.iter().map(encoded_len).sum::<usize>() + 1,
            encode(&frames).len()
        );
    }
}
