//! WebSockets from the first moment: accepting them, and one task for each that reads, writes and keeps the time.
//!
//! The engine under polling would do this as well, with four tasks, their queues and a copy of every frame for
//! every socket. Most clients come this way, so here a frame is written once and shared, and an idle connection
//! holds no buffer.

use std::{
    future::poll_fn,
    mem::MaybeUninit,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse as _, Response},
};
use engineioxide::{Str, socket::Sid};
use http::{HeaderValue, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::{
    io::ReadBuf,
    time::{Instant, Sleep, sleep_until, timeout},
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{
    connection::{self, Opened},
    engine::{MAX_INBOUND, PING_INTERVAL, PING_TIMEOUT},
    frame,
    line::{Incoming, Line, Next},
    outbox::{End, Loss, Outbox},
    reader::{Message, Reader, Violation},
};
use crate::{
    App,
    limits::Unconnected,
    listen::{Cuttable, LAST_WORDS, Wire},
};

/// How many bytes are read at once.
const READ: usize = 4096;
/// The end of a connection that nobody did anything wrong with (RFC 6455, section 7.4.1).
const NORMAL: u16 = 1000;

/// Answers a request for a WebSocket without a session, and serves it once the connection has switched.
pub(super) fn accept(app: App, mut request: Request) -> Response {
    let Some(key) = request.headers().get(header::SEC_WEBSOCKET_KEY) else {
        return refused(3, "Bad request");
    };
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes()));
    let query = request.uri().query().unwrap_or_default();
    if !query.split('&').any(|pair| pair == "EIO=4") {
        return refused(5, "Unsupported protocol version");
    }
    let query = query.to_owned();
    let place = request.extensions_mut().remove::<Unconnected>();
    let (Ok(accept), Some(upgrade)) = (accept, request.extensions_mut().remove::<OnUpgrade>()) else {
        return refused(3, "Bad request");
    };
    tokio::spawn(async move {
        let upgraded = match upgrade.await {
            Ok(upgraded) => upgraded.downcast::<TokioIo<Cuttable>>(),
            Err(error) => {
                tracing::debug!(%error, "connection did not become a WebSocket");
                return;
            }
        };
        // What the listener hands to hyper is what hyper gives back.
        if let Ok(parts) = upgraded {
            let stream = parts.io.into_inner().into_wire();
            serve(app, stream, &parts.read_buf, query, place).await;
        }
    });
    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

/// A refusal as the engine under polling gives it.
fn refused(code: u8, message: &str) -> Response {
    let body = json!({ "code": code.to_string(), "message": message }).to_string();
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (StatusCode::BAD_REQUEST, json, Body::from(body)).into_response()
}

/// Serves one connection until it ends.
async fn serve(app: App, stream: Wire, already_read: &[u8], query: String, place: Option<Unconnected>) {
    let counted = app.hub.count_websocket();
    let outbox = Arc::new(Outbox::new(Some(stream)));
    let mut socket = WebSocket::new(Arc::clone(&outbox));
    socket.reader.extend(already_read);
    let open = json!({
        "sid": Sid::new(),
        "upgrades": [],
        "pingInterval": PING_INTERVAL.as_millis(),
        "pingTimeout": PING_TIMEOUT.as_millis(),
        "maxPayload": MAX_INBOUND,
    });
    let _has_room = outbox.push(frame::engine("0", &open.to_string()), Loss::Ends);
    let opened = Opened {
        query: Some(&query),
        place,
    };
    connection::run(app, Line::WebSocket(outbox), opened, &mut socket).await;
    socket.finish().await;
    drop(counted);
}

/// One connection: its stream is in the outbox, from which others may write too.
struct WebSocket {
    reader: Reader,
    outbox: Arc<Outbox>,
    heartbeat: Heartbeat,
    timer: Pin<Box<Sleep>>,
    /// With which code the WebSocket is closed.
    code: u16,
}

/// Whether the client is still there (Engine.IO protocol, "Heartbeat").
#[derive(Debug, Clone, Copy)]
enum Heartbeat {
    /// It is asked at this time.
    Asks(Instant),
    /// It was asked, and has to answer before this time.
    Waits(Instant),
}

impl Heartbeat {
    fn deadline(self) -> Instant {
        match self {
            Self::Asks(at) | Self::Waits(at) => at,
        }
    }
}

/// The stream does not go on.
struct Gone;

impl WebSocket {
    fn new(outbox: Arc<Outbox>) -> Self {
        let first = Instant::now() + PING_INTERVAL;
        Self {
            reader: Reader::new(MAX_INBOUND),
            outbox,
            heartbeat: Heartbeat::Asks(first),
            timer: Box::pin(sleep_until(first)),
            code: NORMAL,
        }
    }

    /// Lets out what waits, says goodbye, and closes: all of it only as far as the client takes it in time.
    async fn finish(self) {
        self.outbox.end(End::WhenSent);
        let goodbye = async {
            poll_fn(|context| self.outbox.poll_sent(context)).await?;
            self.outbox
                .say_goodbye([frame::engine("1", ""), frame::close(self.code)]);
            poll_fn(|context| self.outbox.poll_sent(context)).await?;
            poll_fn(|context| self.outbox.poll_shutdown(context)).await
        };
        let _gone_or_too_slow = timeout(LAST_WORDS, goodbye).await;
    }

    fn poll_next(&mut self, context: &mut Context<'_>, deadline: Instant) -> Poll<Next> {
        match self.outbox.poll_send(context) {
            Ok(End::Open) => {}
            Ok(End::WhenSent | End::Now) | Err(_) => return Poll::Ready(Next::Closed),
        }
        if let Poll::Ready(next) = self.poll_packet(context) {
            return Poll::Ready(next.map_or(Next::Closed, Next::Packet));
        }
        loop {
            let wake = deadline.min(self.heartbeat.deadline());
            if self.timer.deadline() != wake {
                self.timer.as_mut().reset(wake);
            }
            ready!(self.timer.as_mut().poll(context));
            if deadline <= Instant::now() {
                return Poll::Ready(Next::Deadline);
            }
            match self.heartbeat {
                Heartbeat::Asks(_) => {
                    let asked = self.outbox.push(frame::engine("2", ""), Loss::Ends);
                    // Pushing has woken this task.
                    if asked.is_err() {
                        return Poll::Ready(Next::Closed);
                    }
                    self.heartbeat = Heartbeat::Waits(Instant::now() + PING_TIMEOUT);
                }
                Heartbeat::Waits(_) => return Poll::Ready(Next::Closed),
            }
        }
    }

    /// The next Socket.IO packet that came.
    fn poll_packet(&mut self, context: &mut Context<'_>) -> Poll<Result<Str, Gone>> {
        loop {
            match self.reader.next() {
                Ok(Some(message)) => {
                    if let Some(packet) = self.take(message)? {
                        return Poll::Ready(Ok(packet));
                    }
                }
                Ok(None) => ready!(self.poll_read(context))?,
                Err(violation) => return Poll::Ready(Err(self.refuse(violation))),
            }
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        let mut space = [MaybeUninit::<u8>::uninit(); READ];
        let mut buffer = ReadBuf::uninit(&mut space);
        match ready!(self.outbox.poll_read(context, &mut buffer)) {
            Ok(()) if !buffer.filled().is_empty() => {
                self.reader.extend(buffer.filled());
                Poll::Ready(Ok(()))
            }
            Ok(()) | Err(_) => Poll::Ready(Err(Gone)),
        }
    }

    /// What a message says to the layer above, if it says something to it.
    fn take(&mut self, message: Message) -> Result<Option<Str>, Gone> {
        match message {
            Message::Text(text) => match text.as_bytes().first() {
                Some(b'4') => Ok(Some(Str::from(text).slice(1..))),
                Some(b'3') => {
                    self.heartbeat = Heartbeat::Asks(Instant::now() + PING_INTERVAL);
                    Ok(None)
                }
                Some(b'6') => Ok(None),
                Some(b'1') => Err(Gone),
                Some(_) | None => Err(self.refuse(Violation::Protocol)),
            },
            // Belongs to an event with attachments. The contract has none, and what is not known is ignored.
            Message::Binary | Message::Pong => Ok(None),
            Message::Ping(payload) => {
                // Who sends them faster than they take the answers gets fewer.
                let _lost_when_full = self.outbox.push(frame::pong(&payload), Loss::Harmless);
                Ok(None)
            }
            Message::Close => Err(Gone),
        }
    }

    fn refuse(&mut self, violation: Violation) -> Gone {
        tracing::debug!(?violation, "client breaks the protocol");
        self.code = violation.code();
        Gone
    }
}

impl Drop for WebSocket {
    /// Whoever else holds the outbox does not hold the connection.
    fn drop(&mut self) {
        self.outbox.close();
    }
}

impl Incoming for &mut WebSocket {
    async fn next(&mut self, deadline: Instant) -> Next {
        poll_fn(|context| self.poll_next(context, deadline)).await
    }

    async fn during<T: Send>(&mut self, mut work: Pin<Box<dyn Future<Output = T> + Send + '_>>) -> T {
        poll_fn(|context| {
            // A loss shows when the next packet is asked for.
            let _goes_on = self.outbox.poll_send(context);
            work.as_mut().poll(context)
        })
        .await
    }
}
