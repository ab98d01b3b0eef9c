//! Accepting connections and speaking HTTP on them, with limits that `axum::serve` does not have: how many there
//! are, from everywhere and from one address, how long a request's head may take to come, and how long a client
//! may leave unread what is sent to it.

mod files;
mod stream;
mod tls;

use std::{convert::Infallible, net::IpAddr, sync::Arc, time::Duration};

use axum::{body::Body, extract::Request, response::Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::{Service, ServiceExt as _};

use self::stream::{Bytes, Place};
pub(crate) use self::{
    stream::{Cuttable, Wire},
    tls::Tls,
};
use crate::{
    config::{Limits, Proxies},
    limits::{Counted, network},
};

/// How long a client that is cut off may read what was sent to it.
pub(crate) const LAST_WORDS: Duration = Duration::from_millis(500);
/// How long requests that run may take to end when the server stops.
const DRAIN: Duration = Duration::from_secs(5);

/// Where a request comes from: its client, past the proxies that are trusted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Address(pub(crate) IpAddr);

/// Ends the connection that a request came on, also when its client reads nothing any more.
#[derive(Debug, Clone)]
pub(crate) struct Cut(CancellationToken);

impl Cut {
    /// Ends it in a moment, until which what was sent may still be read.
    pub(crate) fn soon(self) {
        tokio::spawn(async move {
            tokio::time::sleep(LAST_WORDS).await;
            self.0.cancel();
        });
    }
}

/// How connections are served.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) tls: Option<Tls>,
    pub(crate) proxies: Proxies,
    pub(crate) limits: Limits,
}

/// Serves until `stop`, then lets what runs end.
pub(crate) async fn serve<S>(listener: TcpListener, service: S, front: Front, stop: CancellationToken)
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    let Front { tls, proxies, limits } = front;
    let header_timeout = seconds(limits.header_timeout);
    let mut http = http1::Builder::new();
    // HTTP/1.1 alone: WebSockets need it, and telling the versions apart would wait for ever for a first byte.
    http.timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(64 * 1024);
    let server = Arc::new(Serving {
        http,
        service,
        tls,
        proxies,
        header_timeout,
        unread_timeout: seconds(limits.unread_timeout),
        stop: stop.clone(),
    });
    let free = Arc::new(Semaphore::new(files::connections(limits.max_connections)));
    let from_one = Counted::new(limits.max_connections_per_address);
    let running = TaskTracker::new();
    loop {
        let permit = tokio::select! {
            permit = Arc::clone(&free).acquire_owned() => permit,
            () = stop.cancelled() => break,
        };
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: without a pause this would spin.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        let peer = peer.ip().to_canonical();
        // Proxies come with everyone's connections.
        let held = if server.proxies.contains(peer) {
            None
        } else {
            let Some(held) = from_one.take(network(peer)) else {
                tracing::debug!("an address has all the connections that it may have");
                continue;
            };
            Some(held)
        };
        let place = Place {
            _permit: permit.ok(),
            _held: held,
        };
        running.spawn(Arc::clone(&server).connection(stream, peer, place));
    }
    running.close();
    if tokio::time::timeout(DRAIN, running.wait()).await.is_err() {
        tracing::debug!("connections were still open at the end");
    }
}

struct Serving<S> {
    http: http1::Builder,
    service: S,
    tls: Option<Tls>,
    proxies: Proxies,
    header_timeout: Option<Duration>,
    unread_timeout: Option<Duration>,
    stop: CancellationToken,
}

impl<S> Serving<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    async fn connection(self: Arc<Self>, stream: TcpStream, peer: IpAddr, place: Place) {
        let _unset = stream.set_nodelay(true);
        #[cfg(target_os = "linux")]
        let _unset = socket2::SockRef::from(&stream).set_tcp_user_timeout(self.unread_timeout);
        let Some(bytes) = self.open(stream).await else {
            return;
        };
        let wire = Wire { bytes, _place: place };
        let cut = CancellationToken::new();
        let stream = Cuttable::new(wire, &cut, self.unread_timeout);
        let service = service_fn(|request: http::Request<Incoming>| {
            let mut request = request.map(Body::new);
            let address = Address(self.proxies.client(peer, request.headers()));
            request.extensions_mut().insert(address);
            request.extensions_mut().insert(Cut(cut.clone()));
            self.service.clone().oneshot(request)
        });
        let connection = self
            .http
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "connection ended");
        }
    }

    /// Speaks TLS first, if it is to be spoken.
    async fn open(&self, stream: TcpStream) -> Option<Bytes> {
        let Some(tls) = &self.tls else {
            return Some(Bytes::Plain(stream));
        };
        let handshake = tls.accept(stream);
        let done = match self.header_timeout {
            Some(timeout) => tokio::time::timeout(timeout, handshake).await.ok()?,
            None => handshake.await,
        };
        match done {
            Ok(stream) => Some(Bytes::Tls(Box::new(stream))),
            Err(error) => {
                tracing::debug!(%error, "no handshake of TLS");
                None
            }
        }
    }
}

/// A limit of time; 0 is none.
pub(crate) fn seconds(limit: usize) -> Option<Duration> {
    (limit != 0).then(|| Duration::from_secs(limit as u64))
}
