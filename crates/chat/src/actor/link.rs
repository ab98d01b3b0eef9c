//! The Socket.IO connection, as the machine wants to hear of it.

use std::time::Duration;

use futures_util::StreamExt;
use khaya_socketio::{Client, ConnectionEvent, Events, Socket, Transport as Carrier};
use khaya_wire::{Code, event::ConnectRefused};
use tokio::{sync::watch, time::Instant};

use crate::{
    api::Server,
    intent::Secret,
    machine::{SocketCommand, SocketEvent},
    view::{Failure, Transport},
};

/// After the server ended the connection or refused it for a reason of its own. The client does not come back by
/// itself then.
const COME_BACK_AFTER: Duration = Duration::from_secs(3);

/// At most one connection.
pub(super) struct Link {
    http: reqwest::Client,
    live: Option<Live>,
}

struct Live {
    client: Client,
    socket: Socket,
    events: Events,
    token: watch::Sender<Secret>,
    come_back_at: Option<Instant>,
    /// Told before the next event is waited for.
    told_first: Option<SocketEvent>,
}

impl Link {
    pub(super) fn new(http: reqwest::Client) -> Self {
        Self { http, live: None }
    }

    /// For connections from here on, also of the session that stands.
    pub(super) fn use_http(&mut self, http: reqwest::Client) {
        if let Some(live) = &self.live {
            live.client.use_http_client(http.clone());
        }
        self.http = http;
    }

    pub(super) fn execute(&mut self, command: SocketCommand) {
        match command {
            SocketCommand::Connect { server, token } => {
                self.disconnect();
                match connect(&self.http, &server, token) {
                    Ok(live) => self.live = Some(live),
                    Err(error) => tracing::error!(%error, "no connection can be made"),
                }
            }
            SocketCommand::SetToken(token) => {
                if let Some(live) = &self.live {
                    live.token.send_replace(token);
                }
            }
            SocketCommand::Retry | SocketCommand::NetworkChanged => {
                if let Some(live) = &mut self.live {
                    live.come_back_at = None;
                    live.socket.connect();
                    live.client.network_changed();
                }
            }
            SocketCommand::Disconnect => self.disconnect(),
            SocketCommand::Emit { name, data } => {
                if let Some(live) = &self.live
                    && let Err(error) = live.socket.emit(name, &data)
                {
                    tracing::debug!(name, %error, "an event was not sent");
                }
            }
        }
    }

    /// What the machine is to hear next; never, where there is no connection to be.
    pub(super) async fn next(&mut self) -> SocketEvent {
        loop {
            let Some(live) = &mut self.live else {
                return std::future::pending().await;
            };
            if let Some(event) = live.told_first.take() {
                return event;
            }
            let come_back_at = live.come_back_at;
            tokio::select! {
                event = live.events.next() => match event {
                    Some(event) => {
                        if let Some(event) = live.understand(event) {
                            return event;
                        }
                    }
                    None => self.live = None,
                },
                () = wait_until(come_back_at) => {
                    live.come_back_at = None;
                    live.socket.connect();
                }
            }
        }
    }

    fn disconnect(&mut self) {
        if let Some(live) = self.live.take() {
            live.client.close();
        }
    }
}

impl Live {
    fn understand(&mut self, event: khaya_socketio::SocketEvent) -> Option<SocketEvent> {
        match event {
            khaya_socketio::SocketEvent::Connected { transport, .. } => Some(SocketEvent::Up {
                transport: carried_by(transport),
            }),
            khaya_socketio::SocketEvent::Disconnected { reason } => {
                tracing::debug!(
                    reason = reason.as_str(),
                    details = reason.details(),
                    "disconnected"
                );
                if !reason.reconnects() {
                    self.come_back_later();
                }
                Some(SocketEvent::Down { failure: lost() })
            }
            khaya_socketio::SocketEvent::ConnectError {
                message,
                data,
                active,
            } => {
                tracing::debug!(%message, active, "could not connect");
                Some(self.not_connected(&message, data.as_deref(), active))
            }
            khaya_socketio::SocketEvent::Event(event) => match event.payload() {
                Ok(data) => Some(SocketEvent::Event {
                    name: event.name().to_owned(),
                    data,
                }),
                Err(_) => {
                    tracing::warn!(name = event.name(), "an event that is no JSON");
                    None
                }
            },
            khaya_socketio::SocketEvent::Connection(event) => match event {
                ConnectionEvent::TransportChanged(transport) => Some(SocketEvent::Upgraded {
                    transport: carried_by(transport),
                }),
                ConnectionEvent::ReconnectScheduled { delay, .. } => {
                    Some(SocketEvent::Waiting { retry_in: delay })
                }
                ConnectionEvent::Opened { .. }
                | ConnectionEvent::Closed { .. }
                | ConnectionEvent::Error { .. }
                | ConnectionEvent::ReconnectAttempt { .. }
                | ConnectionEvent::Reconnected { .. }
                | ConnectionEvent::ReconnectError { .. }
                | ConnectionEvent::ReconnectFailed
                | ConnectionEvent::Ping => None,
                // What later versions tell more.
                _ => None,
            },
        }
    }

    fn not_connected(&mut self, message: &str, data: Option<&str>, active: bool) -> SocketEvent {
        if active {
            return SocketEvent::Down {
                failure: Failure::new(
                    "unreachable",
                    "The server cannot be reached. Check the address and your network.",
                ),
            };
        }
        let code = data
            .and_then(|data| serde_json::from_str::<ConnectRefused>(data).ok())
            .map(|refused| refused.code);
        match code {
            Some(Code::TokenExpired) => SocketEvent::Refused { token_expired: true },
            Some(Code::Unauthorized) => SocketEvent::Refused { token_expired: false },
            _ if message == "unauthorized" => SocketEvent::Refused { token_expired: false },
            _ => {
                self.come_back_later();
                SocketEvent::Down {
                    failure: Failure::new("unavailable", "The server refuses the connection for now."),
                }
            }
        }
    }

    fn come_back_later(&mut self) {
        self.come_back_at = Some(Instant::now() + COME_BACK_AFTER);
        self.told_first = Some(SocketEvent::Waiting {
            retry_in: COME_BACK_AFTER,
        });
    }
}

fn connect(
    http: &reqwest::Client,
    server: &Server,
    token: Secret,
) -> Result<Live, khaya_socketio::BuildError> {
    let path = format!("{}/socket.io", server.url().path().trim_end_matches('/'));
    let client = Client::builder(server.url())
        .path(path)
        .transports([Carrier::WebSocket, Carrier::Polling])
        .try_all_transports(true)
        .http_client(http.clone())
        .build()?;
    let (token, current) = watch::channel(token);
    let (socket, events) = client
        .socket("/")
        .auth_with(move || {
            let auth = serde_json::json!({ "token": current.borrow().expose() });
            std::future::ready(auth)
        })
        .build()?;
    socket.connect();
    Ok(Live {
        client,
        socket,
        events,
        token,
        come_back_at: None,
        told_first: None,
    })
}

fn lost() -> Failure {
    Failure::new(
        "unreachable",
        "The connection to the server was lost. Check your network.",
    )
}

fn carried_by(transport: Carrier) -> Transport {
    match transport {
        Carrier::WebSocket => Transport::WebSocket,
        Carrier::Polling => Transport::Polling,
    }
}

async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
