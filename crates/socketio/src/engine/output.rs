//! What an engine says.

use std::sync::Arc;

use bytes::Bytes;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{
    codec::frame::Frame,
    event::{DisconnectReason, Transport},
};

/// What the session brings for the layer above.
#[derive(Debug)]
pub enum Message {
    /// The type's byte is in front.
    Text(Utf8Bytes),
    /// As it is.
    Binary(Bytes),
}

/// What the engine says.
#[derive(Debug)]
pub enum Output {
    /// Open a WebSocket, for a new session or for the one with this id.
    OpenWebSocket(Option<Arc<str>>),
    /// Write these, and say when they are written.
    SendWebSocket(Vec<Frame>),
    /// Let go of the WebSocket: the probe failed.
    DropWebSocket,
    /// Let go of what was tried: another transport is.
    Abandon,
    /// Send a GET, for a new session or for the one with this id.
    Get(Option<Arc<str>>),
    /// Send a POST.
    Post {
        /// The session.
        sid: Arc<str>,
        /// The payload.
        body: String,
    },
    /// The session is open.
    Opened {
        /// Its id.
        sid: Arc<str>,
        /// What it was opened over.
        transport: Transport,
    },
    /// The server's heartbeat came, and was answered.
    Pinged,
    /// The packet with this token is written.
    Written(u64),
    /// The session moved to the WebSocket.
    Upgraded,
    /// The session ended, or never began.
    Closed(DisconnectReason),
}

/// What is left of a session that the client closes.
#[derive(Debug)]
pub struct Farewell {
    /// The session; none if there was none yet.
    pub sid: Option<Arc<str>>,
    /// What carries it.
    pub transport: Transport,
    /// What is still to be written before it is closed: for a WebSocket, one batch; for polling, one a POST, and
    /// the packet that closes the session is the last.
    pub batches: Vec<Vec<Frame>>,
}
