//! The streams that sockets tell their events in.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use futures_util::Stream;

use crate::{event::SocketEvent, socket};

/// How many times its capacity a queue holds while an emit is waited for.
const RESERVE: usize = 16;

/// The events of one socket, in order.
///
/// It is bounded. When the application does not keep up, the client stops reading from the server until there
/// is room, and goes on answering for its heartbeat meanwhile; nothing is dropped. Dropping the stream discards
/// what comes.
///
/// Whoever awaits an acknowledgement takes no events meanwhile, and it may come behind many of them. So as long as an
/// emit is neither written nor, where an answer is wanted, answered, the client goes on reading until there is
/// 16 times as much as there is room for. If even that is full and nothing is taken for 20 seconds, the answers that
/// are awaited are given up with [`AckError::Timeout`](crate::AckError::Timeout).
#[derive(Debug)]
pub struct Events {
    reader: Reader,
    _socket: Arc<socket::Inner>,
}

impl Events {
    pub(crate) fn new(queue: Arc<Queue>, socket: Arc<socket::Inner>) -> Self {
        Self {
            reader: Reader::new(queue),
            _socket: socket,
        }
    }
}

impl Stream for Events {
    type Item = SocketEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.reader
            .poll_next(context)
            .map(|next| next.map(|(_, event)| event))
    }
}

/// The events of several sockets, and of several clients, in the order in which each client told them: where
/// one stream for each would lose that order.
///
/// Each comes with the tag that was given to [`SocketBuilder::build_into`](crate::SocketBuilder::build_into) or
/// [`Client::watch`](crate::Client::watch). It is bounded as [`Events`] is, and never ends by itself.
///
/// ```no_run
/// # use khaya_socketio::{Client, Inbox};
/// # use futures_util::StreamExt;
/// # async fn run(client: Client) -> Result<(), khaya_socketio::BuildError> {
/// let mut inbox = Inbox::new(1024);
/// let chat = client.socket("/chat").build_into(&inbox, 1)?;
/// let admin = client.socket("/admin").build_into(&inbox, 2)?;
/// chat.connect();
/// admin.connect();
/// while let Some((tag, event)) = inbox.next().await {
///     println!("{tag}: {event:?}");
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Inbox {
    reader: Reader,
}

impl Inbox {
    /// Room for this many events before clients stop reading.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let queue = Queue::new(capacity.max(1));
        // Its own writer, so that it does not end when the last socket goes.
        queue.add_writer();
        Self {
            reader: Reader::new(queue),
        }
    }

    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.reader.queue
    }
}

impl Stream for Inbox {
    type Item = (u64, SocketEvent);

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.reader.poll_next(context)
    }
}

/// The end that takes.
#[derive(Debug)]
struct Reader {
    queue: Arc<Queue>,
    /// Taken from the queue in one go, so that its lock is taken once for many events.
    taken: VecDeque<(u64, SocketEvent)>,
}

impl Reader {
    fn new(queue: Arc<Queue>) -> Self {
        Self {
            queue,
            taken: VecDeque::new(),
        }
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<(u64, SocketEvent)>> {
        match self.taken.pop_front() {
            Some(next) => Poll::Ready(Some(next)),
            None => self.queue.take(&mut self.taken, context),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.queue.close_reader();
    }
}

/// Between the tasks of clients, which fill it, and one reader.
#[derive(Debug)]
pub(crate) struct Queue {
    capacity: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    events: VecDeque<(u64, SocketEvent)>,
    reader: Option<Waker>,
    reader_gone: bool,
    /// How many sockets and clients feed it.
    writers: usize,
    /// Tasks that wait for room.
    waiting: Vec<Waker>,
}

impl Queue {
    pub(crate) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            capacity,
            inner: Mutex::default(),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(
        &self,
        into: &mut VecDeque<(u64, SocketEvent)>,
        context: &mut Context<'_>,
    ) -> Poll<Option<(u64, SocketEvent)>> {
        let mut inner = self.inner();
        std::mem::swap(&mut inner.events, into);
        if let Some(next) = into.pop_front() {
            let waiting = std::mem::take(&mut inner.waiting);
            drop(inner);
            waiting.into_iter().for_each(Waker::wake);
            return Poll::Ready(Some(next));
        }
        if inner.writers == 0 {
            return Poll::Ready(None);
        }
        inner.reader = Some(context.waker().clone());
        Poll::Pending
    }

    /// Appends a batch. The caller asks [`Self::poll_room`] before it makes more.
    pub(crate) fn append(&self, batch: &mut VecDeque<(u64, SocketEvent)>) {
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
        let reader = inner.reader.take();
        drop(inner);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Ready when there is room; the reserve is for those who take no events because they wait for an emit.
    pub(crate) fn poll_room(&self, context: &mut Context<'_>, reserve: bool) -> Poll<()> {
        let room = if reserve {
            self.capacity.saturating_mul(RESERVE)
        } else {
            self.capacity
        };
        let mut inner = self.inner();
        if inner.reader_gone || inner.events.len() < room {
            return Poll::Ready(());
        }
        if !inner.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            inner.waiting.push(context.waker().clone());
        }
        Poll::Pending
    }

    pub(crate) fn add_writer(&self) {
        self.inner().writers += 1;
    }

    pub(crate) fn remove_writer(&self) {
        let mut inner = self.inner();
        inner.writers = inner.writers.saturating_sub(1);
        let reader = if inner.writers == 0 {
            inner.reader.take()
        } else {
            None
        };
        drop(inner);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    fn close_reader(&self) {
        let mut inner = self.inner();
        inner.reader_gone = true;
        let events = std::mem::take(&mut inner.events);
        let waiting = std::mem::take(&mut inner.waiting);
        drop(inner);
        // Events hold handles whose end may come back here.
        drop(events);
        waiting.into_iter().for_each(Waker::wake);
    }
}
