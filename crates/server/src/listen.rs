//! Accepting connections and speaking HTTP on them, with a limit on how long a request's head may take to
//! come, which `axum::serve` does not have.

use std::{
    io,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::Router;
use http::Request;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{
    sync::{CancellationToken, WaitForCancellationFutureOwned},
    task::TaskTracker,
};
use tower::util::MapRequest;

/// How long the head of a request may take, and how long a connection may rest between two.
const HEADER_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a client that is cut off may read what was sent to it.
pub(crate) const LAST_WORDS: Duration = Duration::from_millis(500);
/// How long what was sent may wait for a client that does not take it.
#[cfg(target_os = "linux")]
const UNREAD: Duration = Duration::from_secs(60);
/// How long requests that run may take to end when the server stops.
const DRAIN: Duration = Duration::from_secs(5);

/// Where a request comes from.
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

/// Serves at most `connections` at once until `stop`, then lets what runs end.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    connections: usize,
    stop: CancellationToken,
) {
    let mut http = http1::Builder::new();
    // HTTP/1.1 alone: WebSockets need it, and telling the versions apart would wait for ever for a first byte.
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(64 * 1024);
    let free = Arc::new(Semaphore::new(connections));
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
        let _unset = stream.set_nodelay(true);
        #[cfg(target_os = "linux")]
        let _unset = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(UNREAD));
        let cut = CancellationToken::new();
        let stream = Cuttable {
            stream,
            cut: Box::pin(cut.clone().cancelled_owned()),
        };
        let address = Address(peer.ip());
        let service = TowerToHyperService::new(MapRequest::new(
            router.clone(),
            move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(address);
                request.extensions_mut().insert(Cut(cut.clone()));
                request
            },
        ));
        let connection = http
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let stopping = stop.clone();
        running.spawn(async move {
            let mut connection = std::pin::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = stopping.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "connection ended");
            }
            drop(permit);
        });
    }
    running.close();
    if tokio::time::timeout(DRAIN, running.wait()).await.is_err() {
        tracing::debug!("connections were still open at the end");
    }
}

/// A stream that fails once it is cut, instead of waiting for the other side.
pub(crate) struct Cuttable {
    stream: TcpStream,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Cuttable {
    /// The stream alone, for whoever ends it by dropping it.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.cut.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Cuttable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Cuttable {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
