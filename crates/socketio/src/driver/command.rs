//! The way from the handles to the driver's task.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::sync::oneshot;

use crate::{
    ack::Reply,
    delivery::Cell,
    error::{AckError, EmitError},
    events::Queue,
    metrics::Metrics,
    payload::Encoded,
    socket::{Auth, OnOutgoing, OnRefused},
};

/// What a handle asks for.
pub(crate) enum Command {
    Socket {
        socket: u64,
        options: Box<SocketOptions>,
        tag: u64,
        queue: Arc<Queue>,
    },
    /// Tell what becomes of the connection, too.
    Watch {
        tag: u64,
        queue: Arc<Queue>,
    },
    Connect {
        socket: u64,
    },
    Disconnect {
        socket: u64,
    },
    Release {
        socket: u64,
    },
    Forget {
        token: u64,
    },
    Emit {
        socket: u64,
        emission: Emission,
    },
    Reply {
        socket: u64,
        connection: u64,
        id: u64,
        body: Encoded,
    },
    Open,
    Close,
    SetReconnection(bool),
    NetworkChanged,
    UseHttpClient(reqwest::Client),
}

#[derive(Default)]
pub(crate) struct SocketOptions {
    pub(crate) namespace: String,
    pub(crate) auth: Auth,
    pub(crate) on_refused: Option<OnRefused>,
    pub(crate) on_outgoing: Option<OnOutgoing>,
    pub(crate) retries: Option<u32>,
    pub(crate) ack_timeout: Option<Duration>,
}

/// An event on its way out.
pub(crate) struct Emission {
    pub(crate) token: u64,
    pub(crate) name: Box<str>,
    pub(crate) body: Encoded,
    pub(crate) volatile: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) delivery: Arc<Cell>,
    pub(crate) answer: Option<oneshot::Sender<Result<Reply, AckError>>>,
}

/// Held by every [`Client`](crate::Client) and [`Socket`](crate::Socket); the task ends with the last of them.
#[derive(Debug)]
pub(crate) struct Handle {
    shared: Arc<Shared>,
    ids: AtomicU64,
}

/// What the handles and the task share.
#[derive(Debug)]
pub(crate) struct Shared {
    capacity: usize,
    commands: Mutex<Commands>,
    tokens: AtomicU64,
}

#[derive(Default)]
struct Commands {
    waiting: VecDeque<Command>,
    /// Emits accepted and not yet written or dropped.
    queued: usize,
    closed: bool,
    /// The task, while it waits.
    task: Option<Waker>,
    /// As the task told them last, but for what is queued.
    metrics: Metrics,
}

impl std::fmt::Debug for Commands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Commands")
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

impl Handle {
    pub(crate) fn new(capacity: usize) -> Self {
        let shared = Arc::new(Shared {
            capacity,
            commands: Mutex::default(),
            tokens: AtomicU64::new(0),
        });
        Self {
            shared,
            ids: AtomicU64::new(0),
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Shared {
    fn commands(&self) -> MutexGuard<'_, Commands> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an emit, if there is room for it.
    pub(crate) fn emit(&self, command: Command) -> Result<(), EmitError> {
        let mut commands = self.commands();
        if commands.queued >= self.capacity {
            return Err(EmitError::QueueFull);
        }
        commands.queued += 1;
        self.push(commands, command)
    }

    /// Takes a command that is no emit. Each one answers something bounded, so these are not counted.
    pub(crate) fn control(&self, command: Command) -> Result<(), EmitError> {
        self.push(self.commands(), command)
    }

    fn push(&self, mut commands: MutexGuard<'_, Commands>, command: Command) -> Result<(), EmitError> {
        if commands.closed {
            return Err(EmitError::Closed);
        }
        commands.waiting.push_back(command);
        wake(commands);
        Ok(())
    }

    /// Ends the task.
    pub(crate) fn close(&self) {
        let mut commands = self.commands();
        commands.closed = true;
        wake(commands);
    }

    /// The next command, or none: no handle is left. While nothing is asked for it is pending, and the task is
    /// woken when there is.
    pub(crate) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Command>> {
        let mut commands = self.commands();
        if let Some(command) = commands.waiting.pop_front() {
            return Poll::Ready(Some(command));
        }
        if commands.closed {
            return Poll::Ready(None);
        }
        if !commands
            .task
            .as_ref()
            .is_some_and(|task| task.will_wake(context.waker()))
        {
            commands.task = Some(context.waker().clone());
        }
        Poll::Pending
    }

    /// One emit fewer waits.
    pub(crate) fn settled(&self) {
        let mut commands = self.commands();
        commands.queued = commands.queued.saturating_sub(1);
    }

    /// A token for an emit.
    pub(crate) fn next_token(&self) -> u64 {
        self.tokens.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn publish(&self, metrics: &Metrics) {
        self.commands().metrics.clone_from(metrics);
    }

    pub(crate) fn metrics(&self) -> Metrics {
        let commands = self.commands();
        Metrics {
            queued: commands.queued,
            ..commands.metrics.clone()
        }
    }
}

/// Wakes the task, with the lock let go first.
fn wake(mut commands: MutexGuard<'_, Commands>) {
    let task = commands.task.take();
    drop(commands);
    if let Some(task) = task {
        task.wake();
    }
}
