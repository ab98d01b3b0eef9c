//! Waiting for what a socket tells.

use std::fmt::Write as _;

use futures_util::StreamExt as _;
use khaya_socketio::{
    Client, ClientBuilder, ConnectionEvent, DisconnectReason, Event, Events, Socket, SocketEvent, Transport,
};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::node::{Link, PATIENCE};

/// The events of a socket, waited for by kind. What comes in between is passed over, and shown when the wait
/// fails.
#[derive(Debug)]
pub(crate) struct Listener {
    events: Events,
    /// What was passed over, for the message of a failure.
    passed: String,
    /// Whether the session has moved to the WebSocket.
    upgraded: bool,
}

/// A client with one connected socket.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) client: Client,
    pub(crate) socket: Socket,
    pub(crate) told: Listener,
    /// The server's id for the socket.
    pub(crate) id: String,
}

/// Connects the default namespace.
pub(crate) async fn connected(builder: ClientBuilder) -> Connected {
    connected_to(builder, "/").await
}

/// Connects a namespace.
pub(crate) async fn connected_to(builder: ClientBuilder, namespace: &str) -> Connected {
    let client = builder.build().expect("the options are usable");
    let (socket, mut told) = socket(&client, namespace);
    socket.connect();
    let id = told.connected().await;
    Connected {
        client,
        socket,
        told,
        id,
    }
}

/// A socket that is not connected yet.
pub(crate) fn socket(client: &Client, namespace: &str) -> (Socket, Listener) {
    let (socket, events) = client
        .socket(namespace)
        .build()
        .expect("the namespace is well formed");
    (socket, Listener::new(events))
}

impl Listener {
    pub(crate) fn new(events: Events) -> Self {
        Self {
            events,
            passed: String::new(),
            upgraded: false,
        }
    }

    /// The next thing told, whatever it is; none once the client is gone.
    pub(crate) async fn next(&mut self) -> Option<SocketEvent> {
        match timeout(PATIENCE, self.events.next()).await {
            Ok(event) => {
                if let Some(event) = &event {
                    // Writing to a string does not fail.
                    let _ = writeln!(self.passed, "{event:?}");
                    let moved = ConnectionEvent::TransportChanged(Transport::WebSocket);
                    self.upgraded |= matches!(event, SocketEvent::Connection(event) if *event == moved);
                }
                event
            }
            Err(_) => panic!("nothing more is told; before:\n{}", self.passed),
        }
    }

    /// Waits until `wanted` picks one.
    pub(crate) async fn until<T>(&mut self, wanted: impl Fn(SocketEvent) -> Option<T>) -> T {
        loop {
            let Some(event) = self.next().await else {
                panic!("the client is gone; before:\n{}", self.passed);
            };
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    }

    /// Waits until the namespace is connected, and gives its id.
    pub(crate) async fn connected(&mut self) -> String {
        self.connected_again().await.0
    }

    /// Waits until the namespace is connected, and gives its id and whether it was recovered.
    pub(crate) async fn connected_again(&mut self) -> (String, bool) {
        self.until(|event| match event {
            SocketEvent::Connected { id, recovered, .. } => Some((id.to_string(), recovered)),
            SocketEvent::ConnectError { message, .. } => panic!("cannot connect: {message}"),
            _ => None,
        })
        .await
    }

    /// Waits until it is not, and gives the reason.
    pub(crate) async fn disconnected(&mut self) -> DisconnectReason {
        self.until(|event| match event {
            SocketEvent::Disconnected { reason } => Some(reason),
            _ => None,
        })
        .await
    }

    /// Waits for a connect error, and gives its message, its data, and whether it goes on.
    pub(crate) async fn connect_error(&mut self) -> (String, Option<String>, bool) {
        self.until(|event| match event {
            SocketEvent::ConnectError {
                message,
                data,
                active,
            } => Some((message.to_string(), data.map(|data| data.to_string()), active)),
            SocketEvent::Connected { .. } => panic!("it is connected"),
            _ => None,
        })
        .await
    }

    /// Waits for an event of the server with this name.
    pub(crate) async fn event(&mut self, name: &str) -> Event {
        self.until(|event| match event {
            SocketEvent::Event(event) if event.name() == name => Some(event),
            _ => None,
        })
        .await
    }

    /// Waits for an event with this name, and decodes its first argument.
    pub(crate) async fn payload<T: DeserializeOwned>(&mut self, name: &str) -> T {
        let event = self.event(name).await;
        event
            .payload()
            .unwrap_or_else(|error| panic!("{name} carries {}: {error}", event.json()))
    }

    /// Waits for something about the connection.
    pub(crate) async fn connection<T>(&mut self, wanted: impl Fn(ConnectionEvent) -> Option<T>) -> T {
        self.until(|event| match event {
            SocketEvent::Connection(event) => wanted(event),
            _ => None,
        })
        .await
    }

    /// Waits until the session has moved to the WebSocket, if it has not yet.
    pub(crate) async fn upgraded(&mut self) {
        while !self.upgraded {
            self.connection(|event| matches!(event, ConnectionEvent::TransportChanged(_)).then_some(()))
                .await;
        }
    }

    /// Makes sure that the test ran over what it says: one over the upgrade has not ended before the upgrade.
    pub(crate) async fn ran_over(&mut self, link: Link) {
        if link == Link::Upgrade {
            self.upgraded().await;
        }
    }
}
