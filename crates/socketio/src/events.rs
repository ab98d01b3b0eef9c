//! The stream of a socket's events.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use futures_util::Stream;

use crate::{event::SocketEvent, socket};

/// The events of one socket, in order.
///
/// It is bounded. When the application does not keep up, the client stops reading from the server until there
/// is room, and goes on answering for its heartbeat meanwhile; nothing is dropped. Dropping the stream discards
/// what comes.
#[derive(Debug)]
pub struct Events {
    queue: Arc<Queue>,
    _socket: Arc<socket::Inner>,
    /// Taken from the queue in one go, so that its lock is taken once for many events.
    taken: VecDeque<SocketEvent>,
}

impl Stream for Events {
    type Item = SocketEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(event) = self.taken.pop_front() {
            return Poll::Ready(Some(event));
        }
        let this = &mut *self;
        this.queue.take(&mut this.taken, context)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.queue.close_reader();
    }
}

impl Events {
    pub(crate) fn new(queue: Arc<Queue>, socket: Arc<socket::Inner>) -> Self {
        Self {
            queue,
            _socket: socket,
            taken: VecDeque::new(),
        }
    }
}

/// Between the driver, which fills it, and [`Events`].
#[derive(Debug)]
pub(crate) struct Queue {
    capacity: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    events: VecDeque<SocketEvent>,
    reader: Option<Waker>,
    /// Waits for room.
    writer: Option<Waker>,
    reader_gone: bool,
    writer_gone: bool,
}

impl Queue {
    pub(crate) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            capacity,
            inner: Mutex::default(),
        })
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, into: &mut VecDeque<SocketEvent>, context: &mut Context<'_>) -> Poll<Option<SocketEvent>> {
        let mut inner = self.inner();
        std::mem::swap(&mut inner.events, into);
        if let Some(event) = into.pop_front() {
            if let Some(writer) = inner.writer.take() {
                drop(inner);
                writer.wake();
            }
            return Poll::Ready(Some(event));
        }
        if inner.writer_gone {
            return Poll::Ready(None);
        }
        inner.reader = Some(context.waker().clone());
        Poll::Pending
    }

    /// Appends a batch. The caller asks [`Self::poll_room`] before it makes more.
    pub(crate) fn append(&self, batch: &mut VecDeque<SocketEvent>) {
        let mut inner = self.inner();
        if inner.reader_gone {
            batch.clear();
            return;
        }
        if inner.events.is_empty() {
            std::mem::swap(&mut inner.events, batch);
        } else {
            inner.events.append(batch);
        }
        if let Some(reader) = inner.reader.take() {
            drop(inner);
            reader.wake();
        }
    }

    /// Ready when there is room.
    pub(crate) fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.inner();
        if inner.reader_gone || inner.events.len() < self.capacity {
            return Poll::Ready(());
        }
        inner.writer = Some(context.waker().clone());
        Poll::Pending
    }

    fn close_reader(&self) {
        let mut inner = self.inner();
        inner.reader_gone = true;
        inner.events.clear();
        if let Some(writer) = inner.writer.take() {
            writer.wake();
        }
    }

    pub(crate) fn close_writer(&self) {
        let mut inner = self.inner();
        inner.writer_gone = true;
        if let Some(reader) = inner.reader.take() {
            reader.wake();
        }
    }
}
