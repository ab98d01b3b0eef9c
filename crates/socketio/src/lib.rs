//! A Socket.IO v5 (Engine.IO v4) client.
//!
//! Owns: the wire format ([`codec`]), the Engine.IO connection ([`engine`]), namespaces, acknowledgements and
//! reconnection ([`client`]), all three pure; and a tokio [`driver`] that gives them sockets and a clock.
//!
//! Never does: decide what an application's events mean, store anything on disk, or log payloads and tokens.
//!
//! # The public API
//!
//! A [`Client`] is one connection to one server; a [`Socket`] is one namespace on it, with its [`Events`], a
//! bounded stream. Nothing is sent before [`Socket::connect`].
//!
//! ```no_run
//! use futures_util::StreamExt;
//! use khaya_socketio::{Client, SocketEvent, Transport};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize)]
//! struct JoinChat { chat_id: String }
//! #[derive(Deserialize)]
//! struct Joined { ok: bool }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder("https://chat.example.org")
//!     .transports([Transport::WebSocket, Transport::Polling])
//!     .try_all_transports(true)
//!     .build()?;
//! let (socket, mut events) = client
//!     .socket("/")
//!     .auth_with(|| async { serde_json::json!({ "token": "asked anew at every attempt" }) })
//!     .build()?;
//! socket.connect();
//! while let Some(event) = events.next().await {
//!     match event {
//!         SocketEvent::Connected { .. } => {
//!             let reply = socket.emit_with_ack("join_chat", &JoinChat { chat_id: "c1".into() }).await?;
//!             assert!(reply.payload::<Joined>()?.ok);
//!         }
//!         SocketEvent::Event(event) => println!("{}", event.name()),
//!         SocketEvent::Disconnected { .. } | SocketEvent::ConnectError { .. } | SocketEvent::Connection(_) => {}
//!     }
//! }
//! # Ok(()) }
//! ```

mod ack;
mod builder;
mod client;
pub mod codec;
mod delivery;
mod driver;
mod emit;
pub mod engine;
mod error;
mod event;
mod events;
mod handle;
mod metrics;
mod payload;
mod socket;
pub mod time;

pub use ack::{Acknowledgement, Reply, Responder};
pub use builder::{ClientBuilder, Reconnection};
pub use codec::Binary;
pub use delivery::{Delivery, DeliveryStatus};
pub use emit::Emitter;
pub use error::{AckError, BuildError, EmitError, PayloadError};
pub use event::{ConnectionEvent, DisconnectReason, Event, SocketEvent, Transport};
pub use events::{Events, Inbox};
pub use handle::Client;
pub use metrics::Metrics;
pub use socket::{Refresh, Socket, SocketBuilder};
