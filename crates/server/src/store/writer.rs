//! The one writer: takes changes from everywhere, stores all that wait in one transaction, answers when it is
//! on the disk, and tells what happened after that, in the order in which it was stored.
//!
//! The queue is bounded: who finds it full waits, and with them their client.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use khaya_wire::Timestamp;
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};

use super::conn::Conn;
use crate::{
    Error, clock,
    realtime::{Hub, Outgoing},
};

/// How many changes may wait.
const QUEUE: usize = 1024;
/// How many changes one transaction takes.
const BATCH: usize = 256;
/// How long a transaction waits at most for those who were answered together before: they ask again together, and
/// what one of them waits is less than what the disk takes for one more transaction.
const GATHER: Duration = Duration::from_micros(200);
/// How long it waits between two looks.
const LOOK: Duration = Duration::from_micros(20);

/// Where changes are handed in.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
    thread: Arc<Mutex<Option<thread::JoinHandle<()>>>>,
}

/// What one change sees of the transaction that it is part of.
///
/// A change checks everything before it writes anything: one that fails after [`Tx::write`] takes the whole
/// batch with it, as only a broken database makes it fail there.
#[derive(Debug)]
pub(crate) struct Tx<'c> {
    conn: &'c mut Conn,
    outgoing: &'c mut Vec<Outgoing>,
    now: Timestamp,
    wrote: bool,
}

impl Tx<'_> {
    /// For reading what the transaction sees.
    pub(crate) fn read(&mut self) -> &mut Conn {
        self.conn
    }

    /// For changing it.
    pub(crate) fn write(&mut self) -> &mut Conn {
        self.wrote = true;
        self.conn
    }

    /// The time of the change.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Has something told once the change is on the disk.
    pub(crate) fn tell(&mut self, outgoing: Outgoing) {
        self.outgoing.push(outgoing);
    }
}

impl Writer {
    pub(super) fn start(mut conn: Conn, hub: Hub) -> Result<Self, Error> {
        let (jobs, mut queue) = mpsc::channel(QUEUE);
        let runtime = Handle::current();
        let thread = thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || {
                // Sockets that are closed here say so to the runtime.
                let _entered = runtime.enter();
                run(&mut conn, &mut queue, &hub);
            })
            .map_err(|source| Error::io("cannot start a thread", source))?;
        Ok(Self {
            jobs,
            thread: Arc::new(Mutex::new(Some(thread))),
        })
    }

    /// Does `change` within the next transaction, as if it were `at` when that is given, and answers what it gave
    /// once that is committed.
    pub(super) async fn write<T, F>(&self, at: Option<Timestamp>, change: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(Change { at, change, answer });
        self.jobs.send(job).await.map_err(|_| Error::Unavailable)?;
        answered.await.map_err(|_| Error::Unavailable)?
    }

    /// Stores what waits, refuses what comes later, and closes the connection.
    pub(super) async fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _gone = self.jobs.send(Box::new(End)).await;
            let _ended = tokio::task::spawn_blocking(|| thread.join()).await;
        }
    }
}

trait Job: Send {
    /// Does the work. `None` asks the writer to end.
    fn run(self: Box<Self>, tx: &mut Tx<'_>) -> Option<Done>;
    fn at(&self) -> Option<Timestamp>;
}

struct Done {
    failed: bool,
    /// Answers, with whether the transaction was committed.
    answer: Box<dyn FnOnce(bool)>,
}

struct Change<T, F> {
    at: Option<Timestamp>,
    change: F,
    answer: oneshot::Sender<Result<T, Error>>,
}

impl<T, F> Job for Change<T, F>
where
    T: Send + 'static,
    F: FnOnce(&mut Tx<'_>) -> Result<T, Error> + Send,
{
    fn run(self: Box<Self>, tx: &mut Tx<'_>) -> Option<Done> {
        let Self { change, answer, .. } = *self;
        let result = catch_unwind(AssertUnwindSafe(|| change(tx)))
            .unwrap_or_else(|_| Err(Error::Internal("a change panicked".to_owned())));
        Some(Done {
            failed: result.is_err(),
            answer: Box::new(move |committed| {
                let result = if committed || result.is_err() {
                    result
                } else {
                    Err(Error::Unavailable)
                };
                // Who asked may have gone; what was stored stays stored.
                let _gone = answer.send(result);
            }),
        })
    }

    fn at(&self) -> Option<Timestamp> {
        self.at
    }
}

struct End;

impl Job for End {
    fn run(self: Box<Self>, _tx: &mut Tx<'_>) -> Option<Done> {
        None
    }

    fn at(&self) -> Option<Timestamp> {
        None
    }
}

enum Next {
    Batch,
    End,
}

fn run(conn: &mut Conn, queue: &mut mpsc::Receiver<Box<dyn Job>>, hub: &Hub) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut before = 1;
    while queue.blocking_recv_many(&mut batch, BATCH) > 0 {
        gather(queue, &mut batch, before);
        before = batch.len();
        match store(conn, &mut batch, hub) {
            Ok(Next::Batch) => {}
            Ok(Next::End) => return,
            Err(error) => tracing::error!(%error, "a batch of changes was not stored"),
        }
    }
}

/// Waits a moment for as many changes as the batch before had. Nobody waits who is alone.
fn gather(queue: &mut mpsc::Receiver<Box<dyn Job>>, batch: &mut Vec<Box<dyn Job>>, wanted: usize) {
    let begin = Instant::now();
    while batch.len() < wanted && begin.elapsed() < GATHER {
        thread::sleep(LOOK);
        while batch.len() < BATCH
            && let Ok(job) = queue.try_recv()
        {
            batch.push(job);
        }
    }
}

/// One transaction. Whatever fails, every job of the batch gets an answer: those that were not run find their
/// channel closed, which reads as "unavailable".
fn store(conn: &mut Conn, batch: &mut Vec<Box<dyn Job>>, hub: &Hub) -> Result<Next, Error> {
    let jobs = std::mem::take(batch);
    conn.begin_change()?;
    let mut outgoing = Vec::new();
    let mut answers = Vec::with_capacity(jobs.len());
    let mut next = Next::Batch;
    let mut broken = false;
    for job in jobs {
        let told = outgoing.len();
        let mut tx = Tx {
            now: job.at().unwrap_or_else(clock::now),
            conn: &mut *conn,
            outgoing: &mut outgoing,
            wrote: false,
        };
        let Some(done) = job.run(&mut tx) else {
            next = Next::End;
            break;
        };
        let wrote = tx.wrote;
        answers.push(done.answer);
        if done.failed {
            outgoing.truncate(told);
            if wrote {
                broken = true;
                break;
            }
        }
    }
    let stored = if broken {
        conn.roll_back().map(|()| false)
    } else {
        conn.commit().map(|()| true)
    };
    let committed = matches!(stored, Ok(true));
    for answer in answers {
        answer(committed);
    }
    if committed {
        hub.deliver(outgoing);
    }
    if stored.is_err() {
        // A commit that fails on a full disk leaves the transaction open.
        let _none_was_open = conn.roll_back();
    }
    stored?;
    Ok(next)
}
