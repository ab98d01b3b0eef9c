//! Engine.IO packets, as they stand in one WebSocket message or one part of a polling payload.
//!
//! <https://socket.io/docs/v4/engine-io-protocol/>, "Packet types".

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::Deserialize;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// One message of a transport that keeps messages apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A packet of any type.
    Text(Utf8Bytes),
    /// The bytes of a binary message.
    Binary(Bytes),
}

impl Frame {
    /// How many bytes a WebSocket carries for it, without framing.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A packet from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// The first packet of a session.
    Open(Handshake),
    /// The server ends the session.
    Close,
    /// The server's heartbeat.
    Ping,
    /// The answer to a probe, with its data.
    Pong(Utf8Bytes),
    /// Text for the layer above. The type's byte is still in front of it.
    Text(Utf8Bytes),
    /// Bytes for the layer above.
    Binary(Bytes),
    /// Nothing: it only ends a GET.
    Noop,
}

/// What the server says first.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handshake {
    /// The id of the session.
    pub sid: Arc<str>,
    /// The transports that the session can be upgraded to.
    #[serde(default)]
    pub upgrades: Vec<String>,
    ping_interval: u64,
    ping_timeout: u64,
    /// The largest body that the server takes in a POST, in bytes.
    #[serde(default)]
    pub max_payload: Option<usize>,
}

impl Handshake {
    /// The silence after which the connection is dead: one interval between heartbeats and the time that the
    /// server itself would wait. At most a day, whatever the server says.
    #[must_use]
    pub fn silence(&self) -> Duration {
        let limit = 24 * 60 * 60 * 1000;
        Duration::from_millis(
            self.ping_interval
                .saturating_add(self.ping_timeout)
                .clamp(1, limit),
        )
    }

    /// How often to answer for the heartbeat while it cannot be read.
    #[must_use]
    pub fn answer_interval(&self) -> Duration {
        let limit = 24 * 60 * 60 * 1000;
        Duration::from_millis((self.ping_interval.min(self.ping_timeout) / 2).clamp(100, limit))
    }
}

/// Why bytes are no packet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Nothing in it.
    #[error("empty packet")]
    Empty,
    /// The type is none that a server may send.
    #[error("unknown packet type {0:?}")]
    Type(char),
    /// The handshake lacks something.
    #[error("invalid handshake: {0}")]
    Handshake(Arc<str>),
    /// A binary packet is no base64.
    #[error("invalid base64")]
    Base64,
    /// Text is no UTF-8.
    #[error("invalid UTF-8")]
    Utf8,
    /// Larger than the client accepts.
    #[error("packet larger than {0} bytes")]
    TooLarge(usize),
}

/// Reads one WebSocket message.
///
/// # Errors
/// It is no packet.
#[inline]
pub fn decode(frame: Frame) -> Result<Packet, FrameError> {
    match frame {
        Frame::Text(text) => decode_text(text),
        Frame::Binary(bytes) => Ok(Packet::Binary(bytes)),
    }
}

/// Reads one part of a polling payload.
///
/// # Errors
/// It is no packet.
pub fn decode_polled(text: Utf8Bytes) -> Result<Packet, FrameError> {
    match text.as_bytes().first() {
        Some(b'b') => match STANDARD.decode(&text.as_bytes()[1..]) {
            Ok(bytes) => Ok(Packet::Binary(bytes.into())),
            Err(_) => Err(FrameError::Base64),
        },
        Some(_) | None => decode_text(text),
    }
}

#[inline]
fn decode_text(text: Utf8Bytes) -> Result<Packet, FrameError> {
    match text.as_bytes().first() {
        Some(b'4') => Ok(Packet::Text(text)),
        Some(b'2') => Ok(Packet::Ping),
        Some(b'6') => Ok(Packet::Noop),
        Some(b'3') => Ok(Packet::Pong(text)),
        Some(b'0') => match serde_json::from_str(&text[1..]) {
            Ok(handshake) => Ok(Packet::Open(handshake)),
            Err(error) => Err(FrameError::Handshake(error.to_string().into())),
        },
        Some(b'1') => Ok(Packet::Close),
        // `5`, upgrade, is the client's alone.
        Some(_) => Err(FrameError::Type(text.chars().next().unwrap_or_default())),
        None => Err(FrameError::Empty),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &'static str) -> Result<Packet, FrameError> {
        decode(Frame::Text(Utf8Bytes::from_static(text)))
    }

    #[test]
    fn packets_of_the_protocol_document() {
        assert_eq!(text("2"), Ok(Packet::Ping));
        assert_eq!(text("3probe"), Ok(Packet::Pong("3probe".into())));
        assert_eq!(text("4hello €"), Ok(Packet::Text("4hello €".into())));
        assert_eq!(text("6"), Ok(Packet::Noop));
        assert_eq!(text("1"), Ok(Packet::Close));
        assert_eq!(
            decode_polled("bAQIDBA==".into()),
            Ok(Packet::Binary(Bytes::from_static(&[1, 2, 3, 4])))
        );
        assert_eq!(
            decode(Frame::Binary(Bytes::from_static(b"4x"))),
            Ok(Packet::Binary(Bytes::from_static(b"4x")))
        );
    }

    #[test]
    fn what_is_no_packet() {
        assert_eq!(text(""), Err(FrameError::Empty));
        assert_eq!(text("5"), Err(FrameError::Type('5')));
        assert_eq!(text("€"), Err(FrameError::Type('€')));
        assert_eq!(decode_polled("b!".into()), Err(FrameError::Base64));
        assert!(matches!(text("0{}"), Err(FrameError::Handshake(_))));
        assert!(matches!(text("0nonsense"), Err(FrameError::Handshake(_))));
    }

    #[test]
    fn absurd_heartbeats_stay_within_a_day() {
        let Ok(Packet::Open(handshake)) =
            text(r#"0{"sid":"a","pingInterval":18446744073709551615,"pingTimeout":1}"#)
        else {
            panic!("a handshake");
        };
        assert_eq!(handshake.silence(), Duration::from_secs(24 * 60 * 60));
    }
}
