//! The way to one client, whichever transport it came by, and what comes from it.

use std::{pin::Pin, sync::Arc};

use engineioxide::{DisconnectReason, Socket, Str, TransportType};
use tokio::time::Instant;

use super::{
    engine::Slot,
    frame::Frame,
    outbox::{End, Loss, Outbox, Refused},
};
use crate::listen::LAST_WORDS;

/// The way to one client. Sending never waits.
#[derive(Debug, Clone)]
pub(super) enum Line {
    /// A WebSocket from the first moment, which is what the app opens.
    WebSocket(Arc<Outbox>),
    /// Polling, and what was upgraded from it.
    Engine(Arc<Socket<Slot>>),
}

impl Line {
    /// Sends something to this client alone. Refused when it does not keep up: if the frame may not get lost, the
    /// line is to be cut then.
    pub(super) fn send(&self, frame: &Frame, loss: Loss) -> Result<(), Refused> {
        match self {
            Self::WebSocket(outbox) => outbox.push(frame.wire(), loss),
            Self::Engine(socket) => socket.emit(frame.text()).map_err(|_| Refused),
        }
    }

    /// Ends the connection; what was sent before still goes out to a client that reads.
    pub(super) fn close(&self) {
        match self {
            Self::WebSocket(outbox) => outbox.end(End::WhenSent),
            Self::Engine(socket) => {
                // The engine sends nothing more once it is closed. Between two polls there is nobody to tell, the next
                // one may still come for it; and a WebSocket that was just upgraded to has not begun to write.
                let last_words = match socket.transport_type() {
                    TransportType::Websocket => LAST_WORDS / 4,
                    TransportType::Polling => LAST_WORDS,
                };
                let socket = Arc::clone(socket);
                tokio::spawn(async move {
                    tokio::time::sleep(last_words).await;
                    socket.close(DisconnectReason::ClosingServer);
                    socket.data.cut_soon();
                });
            }
        }
    }

    /// Ends the connection of a client that does not keep up: what waits for it is dropped.
    pub(super) fn cut(&self) {
        match self {
            Self::WebSocket(outbox) => outbox.end(End::Now),
            Self::Engine(socket) => {
                socket.close(DisconnectReason::TransportError);
                socket.data.cut_soon();
            }
        }
    }
}

/// What comes next from a client.
#[derive(Debug)]
pub(super) enum Next {
    /// A Socket.IO packet.
    Packet(Str),
    /// Nothing came until the time that was asked for.
    Deadline,
    /// The connection has ended, or is to end.
    Closed,
}

/// What comes from a client, in its order, and no faster than it is taken.
pub(super) trait Incoming: Send {
    fn next(&mut self, deadline: Instant) -> impl Future<Output = Next> + Send;

    /// Keeps the transport going while a packet is handled.
    fn during<T: Send>(
        &mut self,
        work: Pin<Box<dyn Future<Output = T> + Send + '_>>,
    ) -> impl Future<Output = T> + Send;
}
