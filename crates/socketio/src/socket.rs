//! One namespace of a client.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use serde::Serialize;
use serde_json::Value;

use crate::{
    ack::Acknowledgement,
    delivery::Delivery,
    driver::command::{Command, Handle, Shared, SocketOptions},
    emit::Emitter,
    error::{BuildError, EmitError},
    events::{Events, Inbox, Queue},
};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Where a CONNECT packet's `auth` comes from.
#[derive(Clone, Default)]
pub(crate) enum Auth {
    #[default]
    None,
    Value(Value),
    Provider(Arc<dyn Fn() -> BoxFuture<Value> + Send + Sync>),
}

/// Asked when the server refuses a CONNECT.
pub(crate) type OnRefused = Arc<dyn Fn(Arc<str>, Option<Arc<str>>) -> BoxFuture<Refresh> + Send + Sync>;

/// Told of each event that is handed to the transport.
pub(crate) type OnOutgoing = Arc<dyn Fn(&str, &str) + Send + Sync>;

impl fmt::Debug for Auth {
    /// Without what it holds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Auth")
    }
}

/// What to do about a refused CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// There are fresh credentials: ask for `auth` again and try once more.
    Retry,
    /// Tell the application.
    GiveUp,
}

/// Makes the socket of a namespace. See [`Client::socket`](crate::Client::socket).
#[must_use = "a builder builds nothing by itself"]
pub struct SocketBuilder {
    handle: Arc<Handle>,
    options: SocketOptions,
    capacity: usize,
}

impl fmt::Debug for SocketBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketBuilder")
            .field("namespace", &self.options.namespace)
            .finish_non_exhaustive()
    }
}

impl SocketBuilder {
    pub(crate) fn new(handle: Arc<Handle>, namespace: &str) -> Self {
        let options = SocketOptions {
            namespace: namespace.to_owned(),
            ..SocketOptions::default()
        };
        Self {
            handle,
            options,
            capacity: 1024,
        }
    }

    /// What CONNECT carries: a JSON object.
    pub fn auth(mut self, value: impl Into<Value>) -> Self {
        self.options.auth = Auth::Value(value.into());
        self
    }

    /// Asked anew for what CONNECT carries at every attempt.
    pub fn auth_with<F, A>(mut self, provider: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Value> + Send + 'static,
    {
        self.options.auth = Auth::Provider(Arc::new(move || Box::pin(provider())));
        self
    }

    /// Asked when the server refuses a CONNECT, with its message and its data as JSON: the place to refresh an
    /// expired token. Asked at most once between two successful connects.
    pub fn on_refused<F, A>(mut self, decide: F) -> Self
    where
        F: Fn(Arc<str>, Option<Arc<str>>) -> A + Send + Sync + 'static,
        A: Future<Output = Refresh> + Send + 'static,
    {
        self.options.on_refused = Some(Arc::new(move |message, data| Box::pin(decide(message, data))));
        self
    }

    /// Told the name and the arguments, as JSON without brackets, of each event at the moment when it is handed to
    /// the transport. It runs in the client's own task and must not block. What comes in, all of it, is in
    /// [`Events`].
    pub fn on_outgoing(mut self, hear: impl Fn(&str, &str) + Send + Sync + 'static) -> Self {
        self.options.on_outgoing = Some(Arc::new(hear));
        self
    }

    /// Send each event with an acknowledgement wanted, one at a time, up to `1 + retries` times, and again after
    /// a reconnection. The server may see an event more than once. With 0, as without it, events go out once and
    /// without waiting for each other.
    pub fn retries(mut self, retries: u32) -> Self {
        self.options.retries = (retries > 0).then_some(retries);
        self
    }

    /// How long to wait for an acknowledgement where the emit does not say; without it, as long as the
    /// connection lasts.
    pub fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.options.ack_timeout = Some(timeout);
        self
    }

    /// How many events may wait to be taken before the client stops reading. 1024 if not said.
    pub fn event_capacity(mut self, events: usize) -> Self {
        self.capacity = events.max(1);
        self
    }

    /// Makes the socket. It is not connected: [`Socket::connect`].
    ///
    /// # Errors
    /// The namespace is malformed, or the client is closed.
    pub fn build(self) -> Result<(Socket, Events), BuildError> {
        let queue = Queue::new(self.capacity);
        let socket = self.feed(0, queue.clone())?;
        let events = Events::new(queue, socket.inner.clone());
        Ok((socket, events))
    }

    /// Makes a socket that tells its events in an [`Inbox`], with this tag. It is not connected.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn build_into(self, inbox: &Inbox, tag: u64) -> Result<Socket, BuildError> {
        self.feed(tag, inbox.queue().clone())
    }

    fn feed(self, tag: u64, queue: Arc<Queue>) -> Result<Socket, BuildError> {
        let namespace = &self.options.namespace;
        if !namespace.starts_with('/') || namespace.contains([',', '?']) {
            return Err(BuildError::Namespace(namespace.clone()));
        }
        let id = self.handle.next_id();
        queue.add_writer();
        let options = Box::new(self.options);
        let command = Command::Socket {
            socket: id,
            options,
            tag,
            queue,
        };
        self.handle
            .shared()
            .control(command)
            .map_err(|_| BuildError::Closed)?;
        Ok(Socket {
            inner: Arc::new(Inner {
                handle: self.handle,
                id,
            }),
        })
    }
}

/// One namespace. Cheap to clone. When the last one and its [`Events`] are dropped, it is disconnected; and with
/// the last of those and of the client's handles the client ends.
#[derive(Debug, Clone)]
pub struct Socket {
    inner: Arc<Inner>,
}

/// Held by every [`Socket`] of a namespace and by its [`Events`].
#[derive(Debug)]
pub(crate) struct Inner {
    handle: Arc<Handle>,
    id: u64,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // A closed client has no namespaces.
        let _ = self.handle.shared().control(Command::Release { socket: self.id });
    }
}

impl Socket {
    /// Connects the namespace, opening the client's connection if it is closed.
    pub fn connect(&self) {
        self.control(Command::Connect {
            socket: self.inner.id,
        });
    }

    /// Disconnects the namespace, or stops connecting it; it does not come back by itself. With its last active
    /// socket the client's connection closes too.
    pub fn disconnect(&self) {
        self.control(Command::Disconnect {
            socket: self.inner.id,
        });
    }

    /// Emits an event with one argument; `()` is none. While not connected it waits, and is sent in order.
    ///
    /// # Errors
    /// The event was not accepted; nothing of it is sent.
    pub fn emit<T: Serialize + ?Sized>(&self, name: &str, payload: &T) -> Result<Delivery, EmitError> {
        self.emitter().emit(name, payload)
    }

    /// Emits an event with several arguments, a tuple or a sequence.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub fn emit_args<T: Serialize + ?Sized>(&self, name: &str, arguments: &T) -> Result<Delivery, EmitError> {
        self.emitter().emit_args(name, arguments)
    }

    /// Emits an event with one argument, and waits for the server's answer. The event is on its way at once,
    /// and dropping the future only forgets the answer.
    pub fn emit_with_ack<T: Serialize + ?Sized>(&self, name: &str, payload: &T) -> Acknowledgement {
        self.emitter().emit_with_ack(name, payload)
    }

    /// Emits an event with several arguments, and waits for the server's answer.
    pub fn emit_args_with_ack<T: Serialize + ?Sized>(&self, name: &str, arguments: &T) -> Acknowledgement {
        self.emitter().emit_args_with_ack(name, arguments)
    }

    /// For an event with options.
    pub fn emitter(&self) -> Emitter<'_> {
        Emitter::new(self)
    }

    /// For an event that is dropped if it cannot be written at once.
    pub fn volatile(&self) -> Emitter<'_> {
        self.emitter().volatile()
    }

    /// For an event whose answer is awaited for this long.
    pub fn with_timeout(&self, timeout: Duration) -> Emitter<'_> {
        self.emitter().with_timeout(timeout)
    }

    pub(crate) fn id(&self) -> u64 {
        self.inner.id
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        self.inner.handle.shared()
    }

    fn control(&self, command: Command) {
        // A closed client has told so in the stream already.
        let _ = self.shared().control(command);
    }
}
