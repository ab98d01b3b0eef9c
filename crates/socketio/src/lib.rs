//! A Socket.IO v5 (Engine.IO v4) client.
//!
//! Owns: the wire format ([`codec`]), the Engine.IO connection ([`engine`]), namespaces, acknowledgements and
//! reconnection (`client`), all three pure; and a tokio `driver` that gives them sockets and a clock.
//!
//! Never does: decide what an application's events mean, store anything on disk, or log payloads and tokens.
//!
//! A [`Client`] is one connection to one server; a [`Socket`] is one namespace on it, with its [`Events`], a
//! bounded stream. Nothing is sent before [`Socket::connect`].
//!
//! ```no_run
//! use futures_util::StreamExt;
//! use khaya_socketio::{Client, SocketEvent};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize)]
//! struct JoinChat { chat_id: String }
//! #[derive(Deserialize)]
//! struct Joined { ok: bool }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder("https://chat.example.org").build()?;
//! let (socket, mut events) = client.socket("/").build()?;
//! socket.connect();
//! while let Some(event) = events.next().await {
//!     match event {
//!         SocketEvent::Connected { .. } => {
//!             let reply = socket.emit_with_ack("join_chat", &JoinChat { chat_id: "c1".into() }).await?;
//!             assert!(reply.payload::<Joined>()?.ok);
//!         }
//!         SocketEvent::Event(event) => println!("{} {}", event.name(), event.json()),
//!         SocketEvent::Disconnected { .. } | SocketEvent::ConnectError { .. } | SocketEvent::Connection(_) => {}
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! # Transports
//!
//! ```no_run
//! # use khaya_socketio::{Client, Transport, BuildError};
//! # fn make() -> Result<Client, BuildError> {
//! // WebSocket first; polling where a proxy takes no WebSocket, and from there back to WebSocket when it can.
//! let client = Client::builder("https://chat.example.org/?room=1")
//!     .transports([Transport::WebSocket, Transport::Polling])
//!     .try_all_transports(true)
//!     .path("/realtime")
//!     .extra_headers([("X-Client", "khaya")])
//!     .cookies(true)
//!     .build()?;
//! # Ok(client) }
//! ```
//!
//! The proxies that the environment names (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`), or the system, are
//! used by either transport; a WebSocket asks an HTTP proxy with CONNECT. SOCKS5 is spoken, too (`socks5://…`).
//!
//! # Credentials
//!
//! Asked for at every attempt; and when the server refuses them, once whether there are fresh ones.
//!
//! ```no_run
//! # use khaya_socketio::{Client, Refresh, Socket, Events, BuildError};
//! # async fn token() -> String { String::new() }
//! # async fn refresh() -> bool { true }
//! # fn make(client: Client) -> Result<(Socket, Events), BuildError> {
//! client
//!     .socket("/")
//!     .auth_with(|| async { serde_json::json!({ "token": token().await }) })
//!     .on_refused(|message, _data| async move {
//!         if &*message == "unauthorized" && refresh().await { Refresh::Retry } else { Refresh::GiveUp }
//!     })
//!     .build()
//! # }
//! ```
//!
//! # Emitting
//!
//! ```no_run
//! # use khaya_socketio::{Binary, DeliveryStatus, Socket};
//! # use std::time::Duration;
//! # async fn run(socket: Socket) -> Result<(), Box<dyn std::error::Error>> {
//! socket.emit("hello", &"world")?;
//! socket.emit_args("hello", &("world", 42))?;
//! socket.emit("upload", &Binary(vec![1, 2, 3].into()))?;
//! socket.volatile().emit("cursor", &(10, 20))?;
//! let answer = socket.with_timeout(Duration::from_secs(5)).emit_with_ack("question", &()).await?;
//! let (text, number): (String, u32) = answer.args()?;
//!
//! let delivery = socket.emit("important", &())?;
//! if delivery.left_queue().await == DeliveryStatus::Unknown {
//!     println!("the connection broke while it was being written");
//! }
//! # let _ = (text, number); Ok(()) }
//! ```
//!
//! Again and again until the server acknowledges it, one after the other:
//!
//! ```no_run
//! # use khaya_socketio::{BuildError, Client, Events, Socket};
//! # use std::time::Duration;
//! # fn make(client: Client) -> Result<(Socket, Events), BuildError> {
//! client
//!     .socket("/")
//!     .retries(3)
//!     .ack_timeout(Duration::from_secs(2))
//!     .on_outgoing(|name, json| println!("sends {name} {json}"))
//!     .build()
//! # }
//! ```
//!
//! # Answering the server
//!
//! ```no_run
//! # use khaya_socketio::Event;
//! # fn answer(mut event: Event) -> Result<(), khaya_socketio::EmitError> {
//! if let Some(responder) = event.take_responder() {
//!     responder.reply(&"received")?;
//! }
//! # Ok(()) }
//! ```
//!
//! # Losing and regaining the connection
//!
//! ```no_run
//! # use khaya_socketio::{Client, ConnectionEvent, Reconnection, BuildError};
//! # use std::time::Duration;
//! # fn make() -> Result<Client, BuildError> {
//! let client = Client::builder("https://chat.example.org")
//!     .reconnection(Reconnection { delay_max: Duration::from_secs(30), ..Reconnection::default() })
//!     .timeout(Duration::from_secs(10))
//!     .build()?;
//! # Ok(client) }
//! fn status(event: &ConnectionEvent) -> String {
//!     match event {
//!         ConnectionEvent::Opened { transport, .. } => format!("connected over {transport:?}"),
//!         ConnectionEvent::TransportChanged(transport) => format!("now over {transport:?}"),
//!         ConnectionEvent::ReconnectScheduled { delay, .. } => format!("again in {delay:?}"),
//!         ConnectionEvent::ReconnectAttempt { attempt } => format!("attempt {attempt}"),
//!         ConnectionEvent::ReconnectFailed => "given up".into(),
//!         ConnectionEvent::Closed { reason } => reason.as_str().into(),
//!         ConnectionEvent::Error { message } | ConnectionEvent::ReconnectError { message, .. } => message.to_string(),
//!         // More may be told in a later version.
//!         ConnectionEvent::Reconnected { .. } | ConnectionEvent::Ping | _ => String::new(),
//!     }
//! }
//! ```
//!
//! Several sockets may tell their events in one [`Inbox`].
//!
//! ```no_run
//! # fn system_says(client: &khaya_socketio::Client) {
//! // The system tells of another network: a fresh session, at once.
//! client.network_changed();
//! // For a page of diagnostics.
//! let metrics = client.metrics();
//! println!("over {:?}, answered in {:?}", metrics.transport, metrics.round_trip);
//! println!("{} bytes in, {} reconnects", metrics.bytes_received, metrics.reconnects);
//! # }
//! ```
//!
//! # Queues
//!
//! | queue | bound | when it is full |
//! |---|---|---|
//! | incoming events of a socket | [`SocketBuilder::event_capacity`] | nothing is read from the server, and no attempt to reconnect begins; the heartbeat is answered for meanwhile. While an emit is waited for, [16 times as many](Events) fit |
//! | emitted events, until written or, where one is wanted, acknowledged | [`ClientBuilder::queue_capacity`] | [`EmitError::QueueFull`] |
//! | one packet | [`ClientBuilder::max_packet`] | the session ends with an error |

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

/// So that the example of the README is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
