//! The one writer: takes changes from everywhere, stores all that wait in one transaction, answers when it is
//! on the disk, and tells what happened after that, in the order in which it was stored.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use khaya_wire::Timestamp;
use tokio::{runtime::Handle, sync::oneshot};

use super::{
    Tx,
    checkpoints::Checkpoints,
    conn::Conn,
    inbox::{self, Inbox},
    later::{Later, MOST_UNFILED},
    queue::Queue,
    readers::Look,
};
use crate::{
    Error, clock,
    realtime::{Hub, Outgoing},
};

/// How many changes one transaction takes.
const BATCH: usize = 256;
/// How long a transaction waits at most for those who were answered before, and for what part of the time that the
/// disk takes: they ask again together, and another transaction for those who are a little late would take longer.
const GATHER: Duration = Duration::from_millis(2);
const PART: u32 = 4;
/// How long to wait before the database is asked again what it stored, and how often those wait for it whose changes
/// are in doubt.
const PAUSE: Duration = Duration::from_millis(250);
const PATIENT_TRIES: u32 = 12;
/// Where changes are handed in.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    jobs: Arc<Queue<Work>>,
    /// Whether messages wait to be put in their places.
    unsettled: Arc<AtomicBool>,
    thread: Arc<Mutex<Option<thread::JoinHandle<()>>>>,
}

impl Writer {
    pub(super) fn start(mut conn: Conn, checkpoints: Option<Checkpoints>, hub: Hub) -> Result<Self, Error> {
        let jobs = Arc::new(Queue::default());
        let queue = CloseOnDrop(Arc::clone(&jobs));
        let unsettled = Arc::new(AtomicBool::new(false));
        let later = Later::new(Arc::clone(&unsettled));
        let runtime = Handle::current();
        let thread = thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || {
                // Sockets that are closed here say so to the runtime.
                let _entered = runtime.enter();
                run(&mut conn, checkpoints, &queue.0, &hub, later);
            })
            .map_err(|source| Error::io("cannot start a thread", source))?;
        Ok(Self {
            jobs,
            unsettled,
            thread: Arc::new(Mutex::new(Some(thread))),
        })
    }

    /// Does `change` within the next transaction, as if it were `at` when that is given, and answers what it gave
    /// once that is committed.
    pub(super) async fn write<T, F>(
        &self,
        at: Option<Timestamp>,
        settles: Settles,
        change: F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(Change {
            at,
            settles,
            change,
            answer,
        });
        self.jobs
            .put(Work::Change(job))
            .await
            .map_err(|_closed| Error::Unavailable)?;
        answered.await.map_err(|_| Error::Unavailable)?
    }

    /// Waits until all that was answered is in its places.
    pub(super) async fn settled(&self) -> Result<(), Error> {
        if !self.unsettled.load(Ordering::Acquire) {
            return Ok(());
        }
        let (done, settled) = oneshot::channel();
        self.jobs
            .put(Work::Settle(done))
            .await
            .map_err(|_closed| Error::Unavailable)?;
        settled.await.map_err(|_| Error::Unavailable)
    }

    /// Answers what `look` finds when nothing can be put in its places.
    pub(super) async fn look<T, F>(&self, look: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, Error> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let look: Look = Box::new(move |conn| {
            // Who asked may have gone.
            let _gone = answer.send(look(conn));
        });
        self.jobs
            .put(Work::Look(look))
            .await
            .map_err(|_closed| Error::Unavailable)?;
        answered.await.map_err(|_| Error::Unavailable)?
    }

    /// Stores what waits, refuses what comes later, and closes the connection.
    pub(super) async fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _gone = self.jobs.put(Work::End).await;
            let _ended = tokio::task::spawn_blocking(|| thread.join()).await;
        }
    }
}

enum Work {
    Change(Box<dyn Job>),
    /// Puts what waits in its places, and says so. Drops it when that fails.
    Settle(oneshot::Sender<()>),
    Look(Look),
    End,
}

/// When a change has messages put in their places that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settles {
    /// Before it looks at anything.
    First,
    /// It looks at what waits by itself.
    Later,
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").finish_non_exhaustive()
    }
}

/// However the writer ends, nobody waits for it.
struct CloseOnDrop(Arc<Queue<Work>>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

trait Job: Send {
    /// Does the work, as part of a transaction.
    fn run(self: Box<Self>, tx: &mut Tx<'_>) -> Done;
    fn at(&self) -> Option<Timestamp>;
    fn settles(&self) -> Settles;
}

struct Done {
    outcome: Outcome,
    answer: Answer,
}

/// Answers, with whether the transaction was committed.
type Answer = Box<dyn FnOnce(bool)>;

/// What a change came to, as far as the transaction goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Done,
    /// It refused before it wrote anything.
    Refused,
    /// It leaves the transaction in a state that must not be stored.
    Broken,
}

struct Change<T, F> {
    at: Option<Timestamp>,
    settles: Settles,
    change: F,
    answer: oneshot::Sender<Result<T, Error>>,
}

impl<T, F> Job for Change<T, F>
where
    T: Send + 'static,
    F: FnOnce(&mut Tx<'_>) -> Result<T, Error> + Send,
{
    fn run(self: Box<Self>, tx: &mut Tx<'_>) -> Done {
        let Self { change, answer, .. } = *self;
        let result = catch_unwind(AssertUnwindSafe(|| change(tx)))
            .unwrap_or_else(|_| Err(Error::Internal("a change panicked".to_owned())));
        let outcome = match &result {
            Ok(_) => Outcome::Done,
            // Postgres goes no further in a transaction in which anything failed.
            Err(Error::Sqlite(_) | Error::Postgres(_)) => Outcome::Broken,
            Err(_) if tx.wrote => Outcome::Broken,
            Err(_) => Outcome::Refused,
        };
        let answer = Box::new(move |committed| {
            let result = if committed || result.is_err() {
                result
            } else {
                Err(Error::Unavailable)
            };
            // Who asked may have gone; what was stored stays stored.
            let _gone = answer.send(result);
        });
        Done { outcome, answer }
    }

    fn at(&self) -> Option<Timestamp> {
        self.at
    }

    fn settles(&self) -> Settles {
        self.settles
    }
}

/// A transaction that is ready to be stored.
#[derive(Default)]
struct Batch {
    answers: Vec<Answer>,
    outgoing: Vec<Outgoing>,
    positions: Vec<i64>,
}

impl Batch {
    /// Answers everyone who waits, and tells what happened when it did.
    fn end(self, committed: bool, hub: &Hub) {
        if committed {
            // Before it is answered: whoever reads that it is done relies on it.
            hub.cut_off(&self.outgoing);
        }
        for answer in self.answers {
            answer(committed);
        }
        if committed {
            hub.committed(self.outgoing, self.positions);
        }
    }
}

fn run(
    conn: &mut Conn,
    mut checkpoints: Option<Checkpoints>,
    queue: &Queue<Work>,
    hub: &Hub,
    mut later: Later,
) {
    let (mut wanted, mut patience) = (1, Duration::ZERO);
    loop {
        let (mut jobs, mut waiting, mut looks) = (Vec::new(), Vec::new(), Vec::new());
        let mut ends = false;
        for work in queue.take(later.rest(), wanted, patience, BATCH) {
            match work {
                Work::Change(job) => jobs.push(job),
                Work::Settle(done) => waiting.push(done),
                Work::Look(look) => looks.push(look),
                Work::End => ends = true,
            }
        }
        let (count, begin) = (jobs.len(), Instant::now());
        match store(conn, jobs, hub, &mut later) {
            Ok(Stored::Known) => {}
            Ok(Stored::InDoubt(batch)) => ends |= settle(conn, batch, queue, hub),
            Err(error) => tracing::error!(%error, "a batch of changes was not stored"),
        }
        if ends {
            later.settle(conn);
            later.filing.finish(conn);
            return;
        }
        let is_full = later.inbox.len() >= inbox::TOGETHER;
        let nobody = count == 0 && waiting.is_empty();
        if nobody && later.is_settled() {
            later.filing.go_on(conn, || queue.len() == 0);
        } else if (count == 0 || !waiting.is_empty() || is_full) && later.settle(conn) {
            for done in waiting {
                let _gone = done.send(());
            }
        }
        if !looks.is_empty() {
            later.look(conn, looks);
        }
        // Nobody waits for both.
        if !is_full && later.filing.unfiled >= MOST_UNFILED {
            later.filing.go_on(conn, || true);
        }
        if let Some(checkpoints) = &mut checkpoints {
            checkpoints.changed();
        }
        // Those who were answered come again, beside those who came meanwhile. Nobody waits who is alone.
        wanted = count + queue.len();
        patience = (begin.elapsed() / PART).min(GATHER);
    }
}

enum Stored {
    Known,
    /// The connection broke while the transaction was committed.
    InDoubt(Batch),
}

/// One transaction. Whatever fails, every job of the batch gets an answer: those that were not run find their
/// channel closed, which reads as "unavailable".
fn store(conn: &mut Conn, jobs: Vec<Box<dyn Job>>, hub: &Hub, later: &mut Later) -> Result<Stored, Error> {
    if jobs.is_empty() {
        return Ok(Stored::Known);
    }
    conn.begin_change()?;
    let mut batch = Batch::default();
    let outcome = later
        .inbox
        .begin(conn)
        .and_then(|()| run_all(conn, jobs, hub, later, &mut batch));
    if !matches!(outcome, Ok(Outcome::Done | Outcome::Refused)) {
        batch.end(false, hub);
        later.undone(conn);
        conn.roll_back()?;
        return outcome.map(|_broken| Stored::Known);
    }
    match conn.commit() {
        Ok(()) => {
            later.committed();
            batch.end(true, hub);
        }
        Err(error) if conn.is_undone() => {
            batch.end(false, hub);
            later.undone(conn);
            return Err(error);
        }
        Err(error) => {
            tracing::warn!(%error, "the connection to the database broke within a commit");
            return Ok(Stored::InDoubt(batch));
        }
    }
    Ok(Stored::Known)
}

fn run_all(
    conn: &mut Conn,
    jobs: Vec<Box<dyn Job>>,
    hub: &Hub,
    later: &mut Later,
    batch: &mut Batch,
) -> Result<Outcome, Error> {
    // Other nodes look at the tables alone.
    let may_wait = Inbox::is_used(conn) && hub.bus().is_none();
    for job in jobs {
        let settles = if may_wait { job.settles() } else { Settles::First };
        if settles == Settles::First {
            later.inbox.known.forget();
            later.filing.unfiled += later.inbox.settle(conn)?;
        }
        let told = batch.outgoing.len();
        let mut tx = Tx {
            now: job.at().unwrap_or_else(clock::now),
            conn: &mut *conn,
            outgoing: &mut batch.outgoing,
            positions: &mut batch.positions,
            unfiled: &mut later.filing.unfiled,
            inbox: &mut later.inbox,
            settles,
            wrote: false,
        };
        let done = job.run(&mut tx);
        batch.answers.push(done.answer);
        match done.outcome {
            Outcome::Done => {}
            Outcome::Refused => batch.outgoing.truncate(told),
            Outcome::Broken => return Ok(Outcome::Broken),
        }
    }
    Ok(Outcome::Done)
}

/// Asks the database what became of a batch until it knows, refusing what is handed in meanwhile: events of a
/// batch that was stored are told, whatever it takes. Whether the writer was asked to end.
fn settle(conn: &mut Conn, batch: Batch, queue: &Queue<Work>, hub: &Hub) -> bool {
    let mut waiting = Some(batch.answers);
    let mut batch = Batch {
        answers: Vec::new(),
        outgoing: batch.outgoing,
        positions: batch.positions,
    };
    let mut tries = 0;
    loop {
        match conn.was_committed() {
            Ok(committed) => {
                batch.answers = waiting.unwrap_or_default();
                batch.end(committed, hub);
                return false;
            }
            Err(error) => tracing::warn!(%error, "the database does not tell what it stored"),
        }
        tries += 1;
        if tries >= PATIENT_TRIES
            && let Some(answers) = waiting.take()
        {
            for answer in answers {
                answer(false);
            }
        }
        for work in queue.take_all() {
            match work {
                Work::Change(refused) => drop(refused),
                Work::Settle(refused) => drop(refused),
                Work::Look(refused) => drop(refused),
                Work::End => return true,
            }
        }
        thread::sleep(PAUSE);
    }
}
