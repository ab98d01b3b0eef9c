//! One WebSocket's stream and what waits to be sent over it. Filled from anywhere; emptied by the connection's own
//! task, or for it by whoever sends one thing to many ([`super::round`]): a task that only writes need not be woken.
//!
//! What is sent leaves in the order in which it was added, whoever writes it: nobody writes without the lock, and
//! what was written in part stays the first. Nobody waits with it held.
//!
//! Bounded in frames and in bytes. What may get lost is dropped once it is half full; what may not get lost and
//! finds no room ends the connection, so that its client comes back and asks for what it missed.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::listen::Wire;

/// How many frames may wait to be sent to one client.
pub(super) const FRAMES: usize = 1024;
/// How many bytes of them. They are shared with all who get the same.
const BYTES: usize = 16 * 1024 * 1024;
/// How many frames are written at once.
pub(super) const WRITE: usize = 64;
/// A queue that grew beyond this gives its memory back once it is empty.
const KEPT: usize = 32;

/// A stream, what waits for it, and how it goes on after that.
#[derive(Debug)]
pub(super) struct Outbox<S = Wire> {
    state: Mutex<State<S>>,
}

#[derive(Debug)]
struct State<S> {
    /// Until the connection has ended.
    stream: Option<S>,
    /// The first of them may have been sent in part.
    frames: VecDeque<Bytes>,
    bytes: usize,
    end: End,
    /// The connection's task, unless it has been woken and will look by itself.
    task: Option<Waker>,
}

/// How long the connection goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum End {
    #[default]
    Open,
    /// Until what waits has been sent.
    WhenSent,
    /// It is over.
    Now,
}

/// There is no room, or the connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused;

/// What becomes of a frame that finds no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// The connection has to end.
    Ends,
    /// It may get lost, and does so earlier.
    Harmless,
}

/// Whether somebody sees to it that what was added is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Sender {
    /// Something waited before, and whoever sends that will send this.
    Found,
    /// Nothing waited: whoever added it has to.
    Wanted,
}

impl<S> Outbox<S> {
    pub(super) fn new(stream: Option<S>) -> Self {
        Self {
            state: Mutex::new(State {
                stream,
                frames: VecDeque::new(),
                bytes: 0,
                end: End::Open,
                task: None,
            }),
        }
    }

    /// Adds a frame, which the connection's task is woken to send.
    pub(super) fn push(&self, frame: Bytes, loss: Loss) -> Result<(), Refused> {
        let mut state = self.lock();
        if state.add(frame, loss)? == Sender::Wanted {
            wake(state);
        }
        Ok(())
    }

    /// Adds a frame, and leaves it to the caller to have it sent.
    pub(super) fn add(&self, frame: Bytes, loss: Loss) -> Result<Sender, Refused> {
        self.lock().add(frame, loss)
    }

    /// Takes no more frames, and has the connection end.
    pub(super) fn end(&self, how: End) {
        let mut state = self.lock();
        state.end(how);
        wake(state);
    }

    /// Adds the last frames, after the end of all others.
    pub(super) fn say_goodbye(&self, frames: impl IntoIterator<Item = Bytes>) {
        let mut state = self.lock();
        for frame in frames {
            state.bytes += frame.len();
            state.frames.push_back(frame);
        }
    }

    /// Lets the stream go, and what waits with it.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.end(End::Now);
        let gone = (state.stream.take(), state.task.take());
        drop(state);
        drop(gone);
    }

    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Outbox<S> {
    /// Sends what waits, as far as the stream takes it, and tells how the connection goes on. What happens next
    /// wakes the task of `context`, which is the connection's own.
    ///
    /// # Errors
    /// When the stream fails.
    pub(super) fn poll_send(&self, context: &mut Context<'_>) -> io::Result<End> {
        loop {
            let mut state = self.lock();
            match &mut state.task {
                Some(task) => task.clone_from(context.waker()),
                none => *none = Some(context.waker().clone()),
            }
            if state.end == End::Now {
                return Ok(End::Now);
            }
            if state.frames.is_empty() {
                return match Pin::new(state.stream()?).poll_flush(context) {
                    Poll::Ready(Err(error)) => Err(error),
                    Poll::Ready(Ok(())) | Poll::Pending => Ok(state.end),
                };
            }
            if state.poll_write(context)?.is_pending() {
                return Ok(state.end);
            }
        }
    }

    /// Ready when everything has been sent that waits.
    ///
    /// # Errors
    /// When the stream fails or the connection is over.
    pub(super) fn poll_sent(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.poll_send(context)? == End::Now {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let mut state = self.lock();
        if state.frames.is_empty() {
            return Pin::new(state.stream()?).poll_flush(context);
        }
        Poll::Pending
    }

    /// Sends what waits in place of the connection's task. What the stream does not take is left to the task, and so
    /// is what it fails with.
    pub(super) fn send_at_once(&self) {
        let mut state = self.lock();
        if state.frames.is_empty() {
            return;
        }
        let Some(task) = state.task.take() else {
            return;
        };
        // When the stream takes something again, it is the task that is told.
        let written = state.poll_write(&mut Context::from_waker(&task));
        if matches!(written, Poll::Ready(Err(_))) {
            state.end(End::Now);
        } else if written.is_pending() || state.frames.is_empty() {
            state.task = Some(task);
            return;
        }
        drop(state);
        task.wake();
    }

    pub(super) fn poll_read(
        &self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(self.lock().stream()?).poll_read(context, buffer)
    }

    pub(super) fn poll_shutdown(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.lock().stream()?).poll_shutdown(context)
    }
}

impl<S> State<S> {
    fn add(&mut self, frame: Bytes, loss: Loss) -> Result<Sender, Refused> {
        let (frames, bytes) = match loss {
            Loss::Ends => (FRAMES, BYTES),
            Loss::Harmless => (FRAMES / 2, BYTES / 2),
        };
        let has_room = self.frames.len() < frames && self.bytes + frame.len() <= bytes;
        if self.end != End::Open || !has_room {
            return Err(Refused);
        }
        let sender = if self.frames.is_empty() {
            Sender::Wanted
        } else {
            Sender::Found
        };
        self.bytes += frame.len();
        self.frames.push_back(frame);
        Ok(sender)
    }

    fn end(&mut self, how: End) {
        match (self.end, how) {
            (End::Open, _) | (End::WhenSent, End::Now) => self.end = how,
            (End::WhenSent, End::Open | End::WhenSent) | (End::Now, _) => {}
        }
        if self.end == End::Now {
            self.frames = VecDeque::new();
            self.bytes = 0;
        }
    }

    fn stream(&mut self) -> io::Result<&mut S> {
        self.stream.as_mut().ok_or(io::ErrorKind::NotConnected.into())
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(frame) = self.frames.front_mut() {
            if frame.len() > written {
                frame.advance(written);
                return;
            }
            written -= frame.len();
            self.frames.pop_front();
        }
        if self.frames.capacity() > KEPT {
            self.frames = VecDeque::new();
        }
    }
}

impl<S: AsyncWrite + Unpin> State<S> {
    /// Writes the first of what waits, of which there is something.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let stream = Pin::new(stream);
        let written = if let (1, Some(only)) = (self.frames.len(), self.frames.front()) {
            stream.poll_write(context, only)
        } else {
            let mut slices = [IoSlice::new(&[]); WRITE];
            for (slice, frame) in slices.iter_mut().zip(&self.frames) {
                *slice = IoSlice::new(frame);
            }
            let count = self.frames.len().min(WRITE);
            stream.poll_write_vectored(context, &slices[..count])
        };
        match ready!(written)? {
            0 => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            written => {
                self.advance(written);
                Poll::Ready(Ok(()))
            }
        }
    }
}

fn wake<S>(mut state: MutexGuard<'_, State<S>>) {
    let task = state.task.take();
    drop(state);
    if let Some(task) = task {
        task.wake();
    }
}

#[cfg(test)]
mod tests;
