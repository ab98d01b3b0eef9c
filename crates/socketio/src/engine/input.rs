//! What an engine is told.

use std::sync::Arc;

use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::codec::frame::Frame;

/// What the engine is told.
#[derive(Debug)]
pub enum Input {
    /// The WebSocket that was asked for is open.
    WebSocketOpened,
    /// It brought a message.
    WebSocketFrame(Frame),
    /// What was given to it last is with the operating system.
    WebSocketWritten,
    /// It failed, or could not be opened.
    WebSocketFailed(Arc<str>),
    /// It was closed, or its connection was.
    WebSocketClosed(Arc<str>),
    /// A GET brought a packet; more may follow.
    Polled(Utf8Bytes),
    /// The GET ended as it should, after all its packets.
    GetDone,
    /// The GET failed.
    GetFailed(Arc<str>),
    /// The POST was answered as it should be.
    PostDone,
    /// The POST failed.
    PostFailed(Arc<str>),
    /// The application does not keep up, and nothing is read until it does.
    Stalled(bool),
    /// Time has passed.
    Tick,
}
