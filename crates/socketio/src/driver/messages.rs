//! The messages of a WebSocket, for one task.
//!
//! Owns: the joining of the protocol, which reads and writes until that would block, with a stream that wakes who
//! waits. tokio-tungstenite does this for two tasks, one of which reads while the other writes, and pays for that with
//! each message.

use std::{
    io::{self, Read, Write},
    pin::Pin,
    task::{Context, Poll, Waker},
};

use reqwest::Upgraded;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tungstenite::{
    Error, Message, Result, WebSocket,
    protocol::{Role, WebSocketConfig},
};

#[derive(Debug)]
pub(super) struct Messages {
    websocket: WebSocket<Blocking>,
}

impl Messages {
    pub(super) fn new(stream: Upgraded, config: WebSocketConfig) -> Self {
        let blocking = Blocking {
            stream,
            task: Waker::noop().clone(),
        };
        Self {
            websocket: WebSocket::from_raw_socket(blocking, Role::Client, Some(config)),
        }
    }

    /// The next message; none after the last.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Message>>> {
        match self.of(context).read() {
            Ok(message) => Poll::Ready(Some(Ok(message))),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => Poll::Ready(None),
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }

    /// Takes a message to write, which [`poll_flush`](Self::poll_flush) does.
    pub(super) fn send(&mut self, message: Message) -> Result<()> {
        match self.websocket.write(message) {
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            result => result,
        }
    }

    /// Ready when all that was taken is with the operating system.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        written(self.of(context).flush())
    }

    /// Says that nothing more comes, and writes what was taken before. The answer to it is read.
    pub(super) fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        written(self.of(context).close(None))
    }

    /// The WebSocket, which wakes this task.
    fn of(&mut self, context: &Context<'_>) -> &mut WebSocket<Blocking> {
        let task = &mut self.websocket.get_mut().task;
        if !task.will_wake(context.waker()) {
            task.clone_from(context.waker());
        }
        &mut self.websocket
    }
}

fn written(result: Result<()>) -> Poll<Result<()>> {
    match result {
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        // It was the answer to the close of the server.
        Err(Error::ConnectionClosed) => Poll::Ready(Ok(())),
        result => Poll::Ready(result),
    }
}

/// A stream that says that it would block, and then wakes the task that asked last.
#[derive(Debug)]
struct Blocking {
    stream: Upgraded,
    task: Waker,
}

impl Blocking {
    fn ask<T>(
        &mut self,
        poll: impl FnOnce(Pin<&mut Upgraded>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> io::Result<T> {
        let mut context = Context::from_waker(&self.task);
        match poll(Pin::new(&mut self.stream), &mut context) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Read for Blocking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        self.ask(|stream, context| stream.poll_read(context, &mut buffer))?;
        Ok(buffer.filled().len())
    }
}

impl Write for Blocking {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.ask(|stream, context| stream.poll_write(context, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.ask(|stream, context| stream.poll_flush(context))
    }
}
