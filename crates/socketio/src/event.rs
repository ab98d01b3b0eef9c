//! What a socket tells: its events, and what becomes of its connection.

use std::{sync::Arc, time::Duration};

use serde::de::DeserializeOwned;
use tokio_tungstenite::tungstenite::Bytes;

use crate::{ack::Responder, codec::packet::Arguments, error::PayloadError};

/// How bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// One WebSocket.
    WebSocket,
    /// HTTP long-polling.
    Polling,
}

/// What [`Events`](crate::Events) yields. Complete for this major version: whoever matches it has thought of everything.
#[derive(Debug)]
pub enum SocketEvent {
    /// The namespace is connected. What was emitted before has been handed to the transport already.
    Connected {
        /// The server's id for this socket; not the id of the Engine.IO session.
        id: Arc<str>,
        /// The session before was recovered: nothing was missed.
        recovered: bool,
        /// What carries it at this moment.
        transport: Transport,
    },
    /// It was connected and is no longer.
    Disconnected {
        /// Why, and whether it comes back by itself: [`DisconnectReason::reconnects`].
        reason: DisconnectReason,
    },
    /// It cannot connect.
    ConnectError {
        /// What the server said, or what failed.
        message: Arc<str>,
        /// The `data` of a refusal, as JSON.
        data: Option<Arc<str>>,
        /// Whether the socket is still wanted, and connects once the connection does: the connection failed. A
        /// refusal by the server ends it: [`Socket::connect`](crate::Socket::connect) asks again.
        active: bool,
    },
    /// An event from the server.
    Event(Event),
    /// Something about the connection that all namespaces share.
    Connection(ConnectionEvent),
}

/// What becomes of the connection under all sockets of a [`Client`](crate::Client). It is told to be shown and noted, and
/// more may be told in a later minor version.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ConnectionEvent {
    /// An Engine.IO session is open.
    Opened {
        /// The session's id.
        sid: Arc<str>,
        /// What it was opened over.
        transport: Transport,
    },
    /// The session moved to another transport.
    TransportChanged(Transport),
    /// The session ended.
    Closed {
        /// Why.
        reason: DisconnectReason,
    },
    /// An attempt to connect failed.
    Error {
        /// What failed; `"timeout"` if it took too long.
        message: Arc<str>,
    },
    /// The next attempt begins after this delay.
    ReconnectScheduled {
        /// Counted from 1.
        attempt: u32,
        /// From now.
        delay: Duration,
    },
    /// An attempt to reconnect begins.
    ReconnectAttempt {
        /// Counted from 1.
        attempt: u32,
    },
    /// It succeeded.
    Reconnected {
        /// Which attempt it was.
        attempt: u32,
    },
    /// It failed.
    ReconnectError {
        /// Which attempt it was.
        attempt: u32,
        /// What failed.
        message: Arc<str>,
    },
    /// The last allowed attempt failed. [`Socket::connect`](crate::Socket::connect) begins anew.
    ReconnectFailed,
    /// The server's heartbeat came.
    Ping,
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The server disconnected this namespace. It does not come back by itself.
    ServerDisconnect,
    /// [`Socket::disconnect`](crate::Socket::disconnect).
    ClientDisconnect,
    /// [`Client::close`](crate::Client::close), or the last active socket was disconnected or refused.
    ForcedClose,
    /// No heartbeat in time, or the clock shows that the computer slept past it.
    PingTimeout,
    /// The server, or something between, closed the transport, or its connection.
    TransportClose(Arc<str>),
    /// The transport failed: a request over polling, or what came broke the protocol.
    TransportError(Arc<str>),
    /// The server said something that is not Socket.IO.
    ParseError(Arc<str>),
    /// [`Client::network_changed`](crate::Client::network_changed) was called.
    NetworkChanged,
}

impl DisconnectReason {
    /// The name that the JavaScript client uses.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::ServerDisconnect => "io server disconnect",
            Self::ClientDisconnect => "io client disconnect",
            Self::ForcedClose => "forced close",
            Self::PingTimeout => "ping timeout",
            Self::TransportClose(_) | Self::NetworkChanged => "transport close",
            Self::TransportError(_) => "transport error",
            Self::ParseError(_) => "parse error",
        }
    }

    /// What is known beyond the name.
    #[must_use]
    pub fn details(&self) -> Option<&str> {
        match self {
            Self::TransportClose(details) | Self::TransportError(details) | Self::ParseError(details) => {
                Some(details)
                    .filter(|details| !details.is_empty())
                    .map(|details| &**details)
            }
            Self::NetworkChanged => Some("the network changed"),
            Self::ServerDisconnect | Self::ClientDisconnect | Self::ForcedClose | Self::PingTimeout => None,
        }
    }

    /// Whether the client reconnects by itself, if reconnection is on.
    #[must_use]
    pub fn reconnects(&self) -> bool {
        match self {
            Self::ServerDisconnect | Self::ClientDisconnect | Self::ForcedClose => false,
            Self::PingTimeout
            | Self::TransportClose(_)
            | Self::TransportError(_)
            | Self::ParseError(_)
            | Self::NetworkChanged => true,
        }
    }
}

/// An event from the server, still in the bytes it came in.
///
/// It keeps the buffer that it was read into alive: decode it, and let go of it.
#[derive(Debug)]
pub struct Event {
    pub(crate) arguments: Arguments,
    /// Apart, since few events have one.
    pub(crate) responder: Option<Box<Responder>>,
}

impl Event {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.arguments.name()
    }

    /// The first argument, decoded from the bytes of the frame with nothing in between. A missing one is
    /// decoded as `null`.
    ///
    /// # Errors
    /// It is no JSON of that type.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        self.arguments.first()
    }

    /// All arguments, as a tuple or a sequence.
    ///
    /// # Errors
    /// They are no JSON of that type.
    pub fn args<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        self.arguments.all()
    }

    /// The arguments as the JSON that came: an array without its brackets and without the name.
    #[must_use]
    pub fn json(&self) -> &str {
        self.arguments.json()
    }

    /// The binary attachments, in the order of their placeholders.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        self.arguments.attachments()
    }

    /// Whether the server waits for an answer.
    #[must_use]
    pub fn wants_ack(&self) -> bool {
        self.responder.is_some()
    }

    /// Takes what answers the server. There is one only if it wants an answer, and only once.
    pub fn take_responder(&mut self) -> Option<Responder> {
        self.responder.take().map(|responder| *responder)
    }
}
