//! One connection's bytes, plain or in TLS. Fails once it is cut, or when what was sent is left unread for too
//! long, instead of waiting for the other side.

use std::{
    io,
    net::IpAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::Sleep,
};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::limits::Held;

/// A connection, with its place among those that are served at once.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(super) bytes: Bytes,
    pub(super) _place: Place,
}

/// How the bytes go.
#[derive(Debug)]
pub(super) enum Bytes {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

#[cfg(test)]
impl From<TcpStream> for Wire {
    fn from(stream: TcpStream) -> Self {
        Self {
            bytes: Bytes::Plain(stream),
            _place: Place {
                _permit: None,
                _held: None,
            },
        }
    }
}

/// A connection's place among those that are served at once, given back with it.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) _permit: Option<OwnedSemaphorePermit>,
    pub(super) _held: Option<Held<IpAddr>>,
}

/// A connection that can be cut.
pub(crate) struct Cuttable {
    wire: Wire,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    unread_timeout: Option<Duration>,
    /// Runs while the other side does not take what is sent.
    unread: Option<Pin<Box<Sleep>>>,
}

impl Cuttable {
    pub(super) fn new(wire: Wire, cut: &CancellationToken, unread_timeout: Option<Duration>) -> Self {
        Self {
            wire,
            cut: Box::pin(cut.clone().cancelled_owned()),
            unread_timeout,
            unread: None,
        }
    }

    /// The connection alone, for whoever ends it by dropping it.
    pub(crate) fn into_wire(self) -> Wire {
        self.wire
    }

    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.cut.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(()),
        }
    }

    /// Something is sent.
    fn send<T>(
        &mut self,
        context: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut Wire>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        self.check(context)?;
        let sent = poll(Pin::new(&mut self.wire), context);
        if sent.is_ready() {
            self.unread = None;
            return sent;
        }
        let Some(timeout) = self.unread_timeout else {
            return Poll::Pending;
        };
        let unread = self
            .unread
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        unread
            .as_mut()
            .poll(context)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Cuttable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.wire).poll_read(context, buffer)
    }
}

impl AsyncWrite for Cuttable {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.send(context, |wire, context| wire.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.send(context, |wire, context| wire.poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.send(context, |wire, context| wire.poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.send(context, |wire, context| wire.poll_shutdown(context))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().bytes {
            Bytes::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Bytes::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().bytes {
            Bytes::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Bytes::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().bytes {
            Bytes::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Bytes::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.bytes {
            Bytes::Plain(stream) => stream.is_write_vectored(),
            Bytes::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().bytes {
            Bytes::Plain(stream) => Pin::new(stream).poll_flush(context),
            Bytes::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().bytes {
            Bytes::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Bytes::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
