//! The one writer: takes changes from everywhere, stores all that wait in one transaction, answers when it is
//! on the disk, and tells what happened after that, in the order in which it was stored. Files the words of fresh
//! messages when nobody waits for anything else.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use khaya_wire::Timestamp;
use tokio::{runtime::Handle, sync::oneshot};

use super::{conn::Conn, queue::Queue, search};
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
/// How long nobody changes anything before the words of fresh messages are filed, and how long it is left when that
/// could not be stored.
const REST: Duration = Duration::from_millis(100);
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Where changes are handed in.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    jobs: Arc<Queue<Work>>,
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
    positions: &'c mut Vec<i64>,
    unfiled: &'c mut usize,
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

    /// Has the words of a fresh message filed, when there is time for it.
    pub(super) fn file_words(&mut self) {
        *self.unfiled += 1;
    }

    /// Notes the place of an event that tells of the change.
    pub(super) fn note(&mut self, position: i64) {
        self.positions.push(position);
    }

    /// Has something told once the change is on the disk.
    pub(crate) fn tell(&mut self, outgoing: Outgoing) {
        self.outgoing.push(outgoing);
    }
}

impl Writer {
    pub(super) fn start(mut conn: Conn, hub: Hub) -> Result<Self, Error> {
        let jobs = Arc::new(Queue::default());
        let queue = CloseOnDrop(Arc::clone(&jobs));
        let runtime = Handle::current();
        let thread = thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || {
                // Sockets that are closed here say so to the runtime.
                let _entered = runtime.enter();
                run(&mut conn, &queue.0, &hub);
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
        self.jobs
            .put(Work::Change(job))
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
    End,
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

fn run(conn: &mut Conn, queue: &Queue<Work>, hub: &Hub) {
    let (mut wanted, mut patience) = (1, Duration::ZERO);
    let mut filing = Filing::default();
    loop {
        let mut jobs = Vec::new();
        let mut ends = false;
        for work in queue.take(filing.rest(), wanted, patience, BATCH) {
            match work {
                Work::Change(job) => jobs.push(job),
                Work::End => ends = true,
            }
        }
        let (count, begin) = (jobs.len(), Instant::now());
        match store(conn, jobs, hub, &mut filing.unfiled) {
            Ok(Stored::Known) => {}
            Ok(Stored::InDoubt(batch)) => ends |= settle(conn, batch, queue, hub),
            Err(error) => tracing::error!(%error, "a batch of changes was not stored"),
        }
        if ends {
            filing.finish(conn);
            return;
        }
        if count == 0 || filing.unfiled >= search::TOGETHER {
            filing.go_on(conn);
        }
        // Those who were answered come again, beside those who came meanwhile. Nobody waits who is alone.
        wanted = count + queue.len();
        patience = (begin.elapsed() / PART).min(GATHER);
    }
}

/// The words of fresh messages, which are filed many at once, and when nobody waits.
struct Filing {
    /// About how many messages wait for it.
    unfiled: usize,
    /// When it was last tried and failed.
    failed: Option<Instant>,
}

impl Default for Filing {
    fn default() -> Self {
        Self {
            // Whoever wrote last may have left some.
            unfiled: 1,
            failed: None,
        }
    }
}

impl Filing {
    /// How long to wait for changes before it is time for this. None when there is nothing to do.
    fn rest(&self) -> Option<Duration> {
        let left = self.failed.map_or(REST, |failed| {
            AFTER_FAILURE.saturating_sub(failed.elapsed()).max(REST)
        });
        (self.unfiled > 0).then_some(left)
    }

    /// Leaves nothing, unless it fails.
    fn finish(&mut self, conn: &mut Conn) {
        while self.unfiled > 0 && self.failed.is_none() {
            self.go_on(conn);
        }
    }

    /// Files the next messages in a transaction of their own.
    fn go_on(&mut self, conn: &mut Conn) {
        if self.failed.is_some_and(|failed| failed.elapsed() < AFTER_FAILURE) {
            return;
        }
        let filed = conn.begin_change().and_then(|()| {
            let more = search::catch_up(conn)?;
            conn.commit().map(|()| more)
        });
        match filed {
            Ok(more) => (self.unfiled, self.failed) = (usize::from(more), None),
            Err(error) => {
                tracing::warn!(%error, "the words of fresh messages were not filed; they will be");
                self.failed = Some(Instant::now());
                // Whether or not it was stored, it is asked again how far it came.
                let _none_is_open = conn.roll_back();
            }
        }
    }
}

enum Stored {
    Known,
    /// The connection broke while the transaction was committed.
    InDoubt(Batch),
}

/// One transaction. Whatever fails, every job of the batch gets an answer: those that were not run find their
/// channel closed, which reads as "unavailable".
fn store(conn: &mut Conn, jobs: Vec<Box<dyn Job>>, hub: &Hub, unfiled: &mut usize) -> Result<Stored, Error> {
    if jobs.is_empty() {
        return Ok(Stored::Known);
    }
    conn.begin_change()?;
    let mut batch = Batch::default();
    for job in jobs {
        let told = batch.outgoing.len();
        let mut tx = Tx {
            now: job.at().unwrap_or_else(clock::now),
            conn: &mut *conn,
            outgoing: &mut batch.outgoing,
            positions: &mut batch.positions,
            unfiled: &mut *unfiled,
            wrote: false,
        };
        let done = job.run(&mut tx);
        batch.answers.push(done.answer);
        match done.outcome {
            Outcome::Done => {}
            Outcome::Refused => batch.outgoing.truncate(told),
            Outcome::Broken => {
                batch.end(false, hub);
                conn.roll_back()?;
                return Ok(Stored::Known);
            }
        }
    }
    match conn.commit() {
        Ok(()) => batch.end(true, hub),
        Err(error) if conn.is_undone() => {
            batch.end(false, hub);
            return Err(error);
        }
        Err(error) => {
            tracing::warn!(%error, "the connection to the database broke within a commit");
            return Ok(Stored::InDoubt(batch));
        }
    }
    Ok(Stored::Known)
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
                Work::End => return true,
            }
        }
        thread::sleep(PAUSE);
    }
}
