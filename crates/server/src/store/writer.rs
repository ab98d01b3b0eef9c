//! The one writer: takes changes from everywhere, stores all that wait in one transaction, answers when it is
//! on the disk, and tells what happened after that, in the order in which it was stored.
//!
//! The queue is bounded: who finds it full waits, and with them their client.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use khaya_wire::Timestamp;
use sqlx::Pool;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::{Conn, Db};
use crate::{
    Error, clock,
    realtime::{Hub, Outgoing},
};

/// How many changes may wait.
const QUEUE: usize = 1024;
/// How many changes one transaction takes.
const BATCH: usize = 256;

/// Where changes are handed in.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
    ended: Arc<Mutex<Option<oneshot::Receiver<()>>>>,
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
    pub(crate) fn start(pool: Pool<Db>, hub: Hub) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (end, ended) = oneshot::channel();
        tokio::spawn(async move {
            run(&pool, queue, &hub).await;
            pool.close().await;
            let _nobody_waits = end.send(());
        });
        Self {
            jobs,
            ended: Arc::new(Mutex::new(Some(ended))),
        }
    }

    /// Does `change` within the next transaction, and answers what it gave once that is committed.
    pub(crate) async fn write<T, F>(&self, change: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Tx<'_>) -> BoxFuture<'a, Result<T, Error>> + Send + 'static,
    {
        self.write_at(None, change).await
    }

    /// As [`Writer::write`], as if it were another time: for bringing in what happened elsewhere.
    pub(crate) async fn write_at<T, F>(&self, at: Option<Timestamp>, change: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Tx<'_>) -> BoxFuture<'a, Result<T, Error>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(Change { at, change, answer });
        self.jobs.send(job).await.map_err(|_| Error::Unavailable)?;
        answered.await.map_err(|_| Error::Unavailable)?
    }

    /// Stores what waits, refuses what comes later, and closes the connection.
    pub(crate) async fn close(&self) {
        // An empty job that is never answered would do; the end of the queue needs all senders gone, so the
        // end is asked for instead.
        if let Some(ended) = self.ended.lock().await.take()
            && self.jobs.send(Box::new(End)).await.is_ok()
        {
            let _gone = ended.await;
        }
    }
}

trait Job: Send {
    /// Does the work. `None` asks the writer to end.
    fn run<'a>(self: Box<Self>, tx: &'a mut Tx<'_>) -> BoxFuture<'a, Option<Done>>;
    fn at(&self) -> Option<Timestamp>;
}

struct Done {
    failed: bool,
    /// Answers, with whether the transaction was committed.
    answer: Box<dyn FnOnce(bool) + Send>,
}

struct Change<T, F> {
    at: Option<Timestamp>,
    change: F,
    answer: oneshot::Sender<Result<T, Error>>,
}

impl<T, F> Job for Change<T, F>
where
    T: Send + 'static,
    F: for<'a> FnOnce(&'a mut Tx<'_>) -> BoxFuture<'a, Result<T, Error>> + Send + 'static,
{
    fn run<'a>(self: Box<Self>, tx: &'a mut Tx<'_>) -> BoxFuture<'a, Option<Done>> {
        Box::pin(async move {
            let Self { change, answer, .. } = *self;
            let result = change(tx).await;
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
        })
    }

    fn at(&self) -> Option<Timestamp> {
        self.at
    }
}

struct End;

impl Job for End {
    fn run<'a>(self: Box<Self>, _tx: &'a mut Tx<'_>) -> BoxFuture<'a, Option<Done>> {
        Box::pin(std::future::ready(None))
    }

    fn at(&self) -> Option<Timestamp> {
        None
    }
}

async fn run(pool: &Pool<Db>, mut queue: mpsc::Receiver<Box<dyn Job>>, hub: &Hub) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        match store(pool, &mut batch, hub).await {
            Ok(Next::Batch) => {}
            Ok(Next::End) => return,
            Err(error) => tracing::error!(%error, "a batch of changes was not stored"),
        }
    }
}

enum Next {
    Batch,
    End,
}

/// One transaction. Whatever fails, every job of the batch gets an answer: those that were not run find their
/// channel closed, which reads as "unavailable".
async fn store(pool: &Pool<Db>, batch: &mut Vec<Box<dyn Job>>, hub: &Hub) -> Result<Next, Error> {
    let jobs = std::mem::take(batch);
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    let mut outgoing = Vec::new();
    let mut answers = Vec::with_capacity(jobs.len());
    let mut next = Next::Batch;
    let mut broken = false;
    for job in jobs {
        let told = outgoing.len();
        let mut tx = Tx {
            now: job.at().unwrap_or_else(clock::now),
            conn: &mut transaction,
            outgoing: &mut outgoing,
            wrote: false,
        };
        let Some(done) = job.run(&mut tx).await else {
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
        transaction.rollback().await.map(|()| false)
    } else {
        transaction.commit().await.map(|()| true)
    };
    let committed = matches!(stored, Ok(true));
    for answer in answers {
        answer(committed);
    }
    if committed {
        hub.deliver(outgoing);
    }
    stored?;
    Ok(next)
}
