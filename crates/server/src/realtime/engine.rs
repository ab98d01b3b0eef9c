//! Polling and what is upgraded from it: what the engine calls when a connection came, said something, went. Puts
//! what it said into the connection's own queue, so that it is handled in order and never faster than it can be.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{extract::Request, middleware, response::Response};
use bytes::Bytes;
use engineioxide::{
    DisconnectReason, Socket, Str, TransportType, config::EngineIoConfig, handler::EngineIoHandler,
    layer::EngineIoLayer,
};
use http::{Extensions, Uri, header};
use tokio::{sync::mpsc, time::Instant};

use super::{
    connection::{self, Opened},
    line::{Incoming, Line, Next},
    outbox::FRAMES,
    websocket,
};
use crate::{App, listen::Cut};

/// Where Engine.IO is served.
const PATH: &str = "/socket.io";
/// How many packets of one client may wait to be handled: a client that comes back sends at once what it
/// gathered meanwhile.
const INBOUND: usize = 1024;
/// How many bytes of them.
const INBOUND_BYTES: usize = 256 * 1024;
/// The largest packet that a client sends, in bytes: a token is the longest thing it has to say.
pub(super) const MAX_INBOUND: usize = 64 * 1024;
/// How often a client is asked whether it is there.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(25);
/// How long it may take to answer.
pub(super) const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// What Engine.IO keeps for each connection: the way to its queue, and how many bytes wait in it.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    queue: Mutex<Option<mpsc::Sender<Str>>>,
    waiting: AtomicUsize,
    /// Ends the WebSocket's connection.
    cut: Mutex<Option<Cut>>,
}

impl Slot {
    /// Ends the WebSocket, also when its client reads nothing. Polling has nothing that could wait.
    pub(super) fn cut_soon(&self) {
        if let Some(cut) = self.cut.lock().unwrap_or_else(PoisonError::into_inner).take() {
            cut.soon();
        }
    }

    fn set_cut(&self, extensions: &Extensions) {
        *self.cut.lock().unwrap_or_else(PoisonError::into_inner) = extensions.get::<Cut>().cloned();
    }

    /// Says that a packet has been taken out of the queue.
    fn taken(&self, packet: &str) {
        self.waiting.fetch_sub(packet.len(), Ordering::Relaxed);
    }
}

/// The handler of all connections.
#[derive(Clone)]
pub(crate) struct Engine {
    app: App,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

/// Serves `/socket.io/` in front of everything else.
pub(crate) fn layer(app: App) -> EngineIoLayer<Engine> {
    let config = EngineIoConfig::builder()
        .req_path(PATH)
        .ping_interval(PING_INTERVAL)
        .ping_timeout(PING_TIMEOUT)
        .max_buffer_size(FRAMES)
        .max_payload(MAX_INBOUND as u64)
        .ws_max_message_size(MAX_INBOUND)
        .ws_max_frame_size(MAX_INBOUND)
        .ws_read_buffer_size(4096)
        .build();
    EngineIoLayer::from_config(Arc::new(Engine { app }), config)
}

/// Whether a request opens a connection of Engine.IO, of whatever transport.
pub(crate) fn is_handshake(uri: &Uri) -> bool {
    let inside = uri.path().strip_prefix(PATH);
    let query = uri.query().unwrap_or_default();
    inside.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        && !query.split('&').any(|pair| pair.starts_with("sid="))
}

/// Takes the WebSockets that belong to no session yet, and notes the connection to which a client upgrades from
/// polling, so that it can be cut.
pub(crate) async fn upgrade(app: App, request: Request, next: middleware::Next) -> Response {
    let wanted = request.headers().get(header::UPGRADE);
    let is_websocket = wanted.is_some_and(|wanted| wanted.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let inside = request.uri().path().strip_prefix(PATH);
    if !is_websocket || !inside.is_some_and(|rest| matches!(rest, "" | "/")) {
        return next.run(request).await;
    }
    let query = request.uri().query().unwrap_or_default();
    let sid = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "sid");
    let Some((_, sid)) = sid else {
        return websocket::accept(app, request);
    };
    if let Some(socket) = app.hub.socket(&sid) {
        socket.data.set_cut(request.extensions());
    }
    next.run(request).await
}

/// What comes from a client by way of the engine.
struct Queue {
    socket: Arc<Socket<Slot>>,
    packets: mpsc::Receiver<Str>,
}

impl Incoming for Queue {
    async fn next(&mut self, deadline: Instant) -> Next {
        match tokio::time::timeout_at(deadline, self.packets.recv()).await {
            Ok(Some(packet)) => {
                self.socket.data.taken(&packet);
                Next::Packet(packet)
            }
            Ok(None) => Next::Closed,
            Err(_) => Next::Deadline,
        }
    }

    /// The engine's own tasks keep it going.
    async fn during<T: Send>(&mut self, work: Pin<Box<dyn Future<Output = T> + Send + '_>>) -> T {
        work.await
    }
}

impl EngineIoHandler for Engine {
    type Data = Slot;

    fn on_connect(self: Arc<Self>, socket: Arc<Socket<Slot>>) {
        if socket.transport_type() == TransportType::Websocket {
            socket.data.set_cut(&socket.req_parts.extensions);
        }
        self.app.hub.opened(&socket);
        let (queue, packets) = mpsc::channel(INBOUND);
        *socket.data.queue.lock().unwrap_or_else(PoisonError::into_inner) = Some(queue);
        let app = self.app.clone();
        tokio::spawn(async move {
            let line = Line::Engine(Arc::clone(&socket));
            let opened = Opened {
                query: socket.req_parts.uri.query(),
                place: socket.req_parts.extensions.get().cloned(),
            };
            let queue = Queue {
                socket: Arc::clone(&socket),
                packets,
            };
            connection::run(app, line, opened, queue).await;
        });
    }

    fn on_disconnect(&self, socket: Arc<Socket<Slot>>, reason: DisconnectReason) {
        tracing::debug!(?reason, "connection closed");
        self.app.hub.closed(&socket);
        // The queue ends, and the connection's task with it.
        *socket.data.queue.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn on_message(self: &Arc<Self>, message: Str, socket: Arc<Socket<Slot>>) {
        let queue = socket
            .data
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let bytes = message.len();
        let waiting = socket.data.waiting.fetch_add(bytes, Ordering::Relaxed);
        let full =
            waiting + bytes > INBOUND_BYTES || queue.is_some_and(|queue| queue.try_send(message).is_err());
        if full {
            tracing::debug!("client sends faster than it can be served");
            socket.close(DisconnectReason::TransportError);
        }
    }

    /// Belongs to an event with attachments. The contract has none, and what is not known is ignored.
    fn on_binary(self: &Arc<Self>, _data: Bytes, _socket: Arc<Socket<Slot>>) {}
}
