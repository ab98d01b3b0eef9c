//! Socket.IO packets that are ready to be sent, written once for all who get them.
//!
//! A frame is laid out as it goes over a WebSocket (RFC 6455, section 5.2), so that what a thousand sockets get is
//! a thousand references to the same bytes.

use bytes::{BufMut as _, Bytes, BytesMut};
use engineioxide::Str;
use serde::Serialize;

use crate::Error;

/// A packet that is ready to be sent, to one or to many.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// The WebSocket frame: header, the `4` of an Engine.IO message, the packet.
    wire: Bytes,
    /// Where the packet begins in it.
    packet: usize,
}

impl Frame {
    /// EVENT
    pub(crate) fn event(name: &str, data: &impl Serialize) -> Result<Self, Error> {
        Self::write("2", &(name, data))
    }

    /// ACK
    pub(super) fn ack(id: u64, data: &impl Serialize) -> Result<Self, Error> {
        Self::write(&format!("3{id}"), &(data,))
    }

    /// The answer to a good CONNECT.
    pub(super) fn connected(sid: &str) -> Result<Self, Error> {
        Self::write("0", &serde_json::json!({ "sid": sid }))
    }

    /// CONNECT_ERROR
    pub(super) fn refused(message: &str, data: Option<&impl Serialize>) -> Result<Self, Error> {
        #[derive(Serialize)]
        struct Refusal<'a, D> {
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            data: Option<&'a D>,
        }
        Self::write("4", &Refusal { message, data })
    }

    /// CONNECT_ERROR of a namespace that there is not.
    pub(super) fn no_namespace(namespace: &str) -> Self {
        Self::message(&format!("4{namespace},{{\"message\":\"Invalid namespace\"}}"))
    }

    /// DISCONNECT
    pub(super) fn disconnect() -> Self {
        Self::message("1")
    }

    /// The packet, for another node.
    pub(crate) fn packet(&self) -> &str {
        std::str::from_utf8(&self.wire[self.packet..]).unwrap_or_default()
    }

    /// As one frame of a WebSocket.
    pub(super) fn wire(&self) -> Bytes {
        self.wire.clone()
    }

    /// The packet alone.
    pub(super) fn text(&self) -> Str {
        Str::from(self.packet().to_owned())
    }

    fn write(head: &str, data: &impl Serialize) -> Result<Self, Error> {
        let body = serde_json::to_string(data).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Self::message(&format!("{head}{body}")))
    }

    fn message(packet: &str) -> Self {
        let wire = engine("4", packet);
        let packet = wire.len() - packet.len();
        Self { wire, packet }
    }
}

impl From<String> for Frame {
    /// A packet that another node has written.
    fn from(packet: String) -> Self {
        Self::message(&packet)
    }
}

/// An Engine.IO packet as one frame of a WebSocket.
pub(super) fn engine(kind: &str, rest: &str) -> Bytes {
    framed(TEXT, &[kind.as_bytes(), rest.as_bytes()])
}

/// The answer to a ping of the WebSocket.
pub(super) fn pong(of: &[u8]) -> Bytes {
    framed(PONG, &[of])
}

/// The end of the WebSocket, for this reason (RFC 6455, section 7.4).
pub(super) fn close(code: u16) -> Bytes {
    framed(CLOSE, &[&code.to_be_bytes()])
}

const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PONG: u8 = 0xA;
/// The only frame of its message.
const FINAL: u8 = 0x80;

/// A frame from a server, which masks nothing.
fn framed(opcode: u8, parts: &[&[u8]]) -> Bytes {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut frame = BytesMut::with_capacity(length + 10);
    frame.put_u8(FINAL | opcode);
    if let Ok(short @ 0..126) = u8::try_from(length) {
        frame.put_u8(short);
    } else if let Ok(medium) = u16::try_from(length) {
        frame.put_u8(126);
        frame.put_u16(medium);
    } else {
        frame.put_u8(127);
        frame.put_u64(length as u64);
    }
    for part in parts {
        frame.put_slice(part);
    }
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_in_the_shortest_way() {
        for (length, head) in [
            (123, vec![0x81, 125]),
            (124, vec![0x81, 126, 0, 126]),
            (65_533, vec![0x81, 126, 255, 255]),
            (65_534, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            // With the quotes of JSON and the digits of both protocols there are as many bytes more.
            let frame = Frame::message(&format!("2{}", "x".repeat(length)));
            assert_eq!(frame.wire()[..head.len()], head);
            assert_eq!(frame.wire().len(), head.len() + length + 2);
            assert_eq!(&frame.wire()[head.len()..head.len() + 2], b"42");
            assert_eq!(frame.text().len(), length + 1);
        }
        assert_eq!(&*close(1000), [0x88, 2, 3, 232]);
    }

    #[test]
    fn packets_are_written_as_the_protocol_has_them() {
        let text = |frame: Frame| frame.text().to_string();
        assert_eq!(text(Frame::event("a", &[1]).unwrap()), r#"2["a",[1]]"#);
        assert_eq!(text(Frame::ack(7, &"ä").unwrap()), r#"37["ä"]"#);
        assert_eq!(text(Frame::connected("s").unwrap()), r#"0{"sid":"s"}"#);
        assert_eq!(
            text(Frame::refused("no", None::<&()>).unwrap()),
            r#"4{"message":"no"}"#
        );
        assert_eq!(text(Frame::disconnect()), "1");
    }
}
