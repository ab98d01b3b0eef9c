//! A server that a test plays by hand, message by message.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use khaya_socketio::{Client, ClientBuilder, ConnectionEvent, Events, Reconnection, SocketEvent, Transport};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Heartbeats as far apart as the official server's.
pub(crate) const HANDSHAKE: &str =
    r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

/// Where the server waits.
pub(crate) struct Script {
    listener: TcpListener,
}

/// One WebSocket of it.
pub(crate) struct Peer {
    socket: WebSocketStream<TcpStream>,
}

impl Script {
    pub(crate) async fn start() -> Self {
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    /// A client of it over WebSocket, which comes back at once.
    pub(crate) fn client(&self) -> ClientBuilder {
        Client::builder(self.url())
            .transports([Transport::WebSocket])
            .reconnection(Reconnection {
                delay: Duration::from_millis(10),
                delay_max: Duration::from_millis(20),
                ..Reconnection::default()
            })
    }

    /// The next connection, as it comes.
    pub(crate) async fn raw(&self) -> TcpStream {
        let (stream, _) = timeout(PATIENCE, self.listener.accept())
            .await
            .expect("a client comes")
            .unwrap();
        stream
    }

    /// The next WebSocket, with the handshake of Engine.IO said.
    pub(crate) async fn session(&self, handshake: &str) -> Peer {
        let socket = accept_async(self.raw().await).await.unwrap();
        let mut peer = Peer { socket };
        peer.say(handshake).await;
        peer
    }

    /// The next WebSocket, with the default namespace connected.
    pub(crate) async fn connected(&self, handshake: &str) -> Peer {
        let mut peer = self.session(handshake).await;
        peer.hears("40").await;
        peer.say(r#"40{"sid":"n"}"#).await;
        peer
    }
}

impl Peer {
    pub(crate) async fn say(&mut self, text: &str) {
        self.socket.send(text.into()).await.unwrap();
    }

    pub(crate) async fn say_bytes(&mut self, bytes: &'static [u8]) {
        self.socket.send(Bytes::from_static(bytes).into()).await.unwrap();
    }

    /// What the client says next, text or binary.
    pub(crate) async fn heard(&mut self) -> Message {
        timeout(PATIENCE, self.socket.next())
            .await
            .expect("the client says something")
            .expect("the client is there")
            .unwrap()
    }

    /// What the client says next must be this text.
    pub(crate) async fn hears(&mut self, text: &str) {
        assert_eq!(self.heard().await, Message::text(text));
    }

    /// Ends the connection under the WebSocket, with no word.
    pub(crate) fn cut(self) {
        let stream = self.socket.into_inner();
        // Unsent data, if any, is thrown away, and the client sees a reset.
        let _ = stream.set_zero_linger();
    }
}

/// Waits for something that `wanted` picks from a stream.
pub(crate) async fn until<T>(events: &mut Events, wanted: impl Fn(SocketEvent) -> Option<T>) -> T {
    loop {
        let event = timeout(PATIENCE, events.next()).await.expect("something is told");
        if let Some(found) = wanted(event.expect("the client lives")) {
            return found;
        }
    }
}

/// Waits for an event of the server.
pub(crate) async fn event(events: &mut Events, name: &str) -> khaya_socketio::Event {
    until(events, |event| match event {
        SocketEvent::Event(event) if event.name() == name => Some(event),
        SocketEvent::Event(_)
        | SocketEvent::Connected { .. }
        | SocketEvent::Disconnected { .. }
        | SocketEvent::ConnectError { .. }
        | SocketEvent::Connection(_) => None,
    })
    .await
}

/// Waits until the namespace is connected.
pub(crate) async fn connected(events: &mut Events) {
    until(events, |event| {
        matches!(event, SocketEvent::Connected { .. }).then_some(())
    })
    .await;
}

/// Waits until it is not, and gives the name of the reason.
pub(crate) async fn disconnected(events: &mut Events) -> &'static str {
    until(events, |event| match event {
        SocketEvent::Disconnected { reason } => Some(reason.as_str()),
        SocketEvent::Event(_)
        | SocketEvent::Connected { .. }
        | SocketEvent::ConnectError { .. }
        | SocketEvent::Connection(_) => None,
    })
    .await
}

/// Waits until an attempt to connect has failed, and gives the message.
pub(crate) async fn failure(events: &mut Events) -> String {
    until(events, |event| match event {
        SocketEvent::Connection(ConnectionEvent::Error { message }) => Some(message.to_string()),
        SocketEvent::Event(_)
        | SocketEvent::Connected { .. }
        | SocketEvent::Disconnected { .. }
        | SocketEvent::ConnectError { .. }
        | SocketEvent::Connection(_) => None,
    })
    .await
}
