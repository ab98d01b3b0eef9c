//! Socket.IO packets to the messages of Engine.IO.

use std::fmt::Write;

use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{codec::frame::Frame, payload::Encoded};

/// `40`: asks to connect a namespace, with a JSON object or nothing.
pub(crate) fn connect(namespace: &str, data: &str) -> Frame {
    text('0', 0, namespace, None, |packet| packet.push_str(data))
}

/// `41`: leaves a namespace.
pub(crate) fn disconnect(namespace: &str) -> Frame {
    text('1', 0, namespace, None, |_| {})
}

/// `42` or `45`: an event, its attachments not included.
pub(crate) fn event(namespace: &str, id: Option<u64>, name: &str, body: &Encoded) -> Frame {
    let kind = if body.attachments.is_empty() { '2' } else { '5' };
    text(kind, body.attachments.len(), namespace, id, |packet| {
        packet.push('[');
        // A string always serialises.
        packet.push_str(&serde_json::to_string(name).unwrap_or_default());
        if !body.json.is_empty() {
            packet.push(',');
            packet.push_str(&body.json);
        }
        packet.push(']');
    })
}

/// `43` or `46`: an answer to an event, its attachments not included.
pub(crate) fn ack(namespace: &str, id: u64, body: &Encoded) -> Frame {
    let kind = if body.attachments.is_empty() { '3' } else { '6' };
    text(kind, body.attachments.len(), namespace, Some(id), |packet| {
        packet.push('[');
        packet.push_str(&body.json);
        packet.push(']');
    })
}

fn text(
    kind: char,
    attachments: usize,
    namespace: &str,
    id: Option<u64>,
    payload: impl FnOnce(&mut String),
) -> Frame {
    let mut packet = String::with_capacity(64);
    packet.push('4');
    packet.push(kind);
    if attachments > 0 {
        // Writing to a string does not fail.
        let _ = write!(packet, "{attachments}-");
    }
    if namespace != "/" {
        packet.push_str(namespace);
        packet.push(',');
    }
    if let Some(id) = id {
        let _ = write!(packet, "{id}");
    }
    payload(&mut packet);
    Frame::Text(Utf8Bytes::from(packet))
}
