//! What the one writer works with: stores changes in transactions, answers them, tells what happened, and does what was
//! left for later.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::{Duration, Instant},
};

use khaya_wire::Timestamp;
use tokio::sync::oneshot;

use super::{
    Tx,
    checkpoints::Checkpoints,
    conn::Conn,
    inbox::{self, Inbox},
    later::{Later, MOST_UNFILED},
    readers::Look,
};
use crate::{
    Error, clock,
    realtime::{Hub, Outgoing},
};

/// How long to wait before the database is asked again what it stored, and how often those wait for it whose changes
/// are in doubt.
const PAUSE: Duration = Duration::from_millis(250);
const PATIENT_TRIES: u32 = 12;

/// What is needed to write: whoever holds it is the one writer.
#[derive(Debug)]
pub(super) struct Desk {
    checkpoints: Option<Checkpoints>,
    conn: Conn,
    hub: Hub,
    later: Later,
    /// When something was last done here.
    since: Instant,
}

/// When a change has messages put in their places that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settles {
    /// Before it looks at anything.
    First,
    /// It looks at what waits by itself.
    Later,
}

pub(super) trait Job: Send {
    /// Does the work, as part of a transaction.
    fn run(self: Box<Self>, tx: &mut Tx<'_>) -> Done;
    fn at(&self) -> Option<Timestamp>;
    fn settles(&self) -> Settles;
}

pub(super) struct Done {
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

pub(super) struct Change<T, F> {
    pub(super) at: Option<Timestamp>,
    pub(super) settles: Settles,
    pub(super) change: F,
    pub(super) answer: oneshot::Sender<Result<T, Error>>,
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
pub(super) struct Batch {
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
            hub.committed(&self.outgoing, self.positions);
        }
    }
}

impl Desk {
    pub(super) fn new(conn: Conn, checkpoints: Option<Checkpoints>, hub: Hub, later: Later) -> Self {
        Self {
            checkpoints,
            conn,
            hub,
            later,
            since: Instant::now(),
        }
    }

    /// Whether a plain message may be stored on any thread, with nothing else to do before or after it, and is known to be
    /// stored or not.
    pub(super) fn writes_anywhere(&self) -> bool {
        Inbox::is_used(&self.conn) && !self.has_much()
    }

    /// Makes changes in one transaction. Gives it back when it is not known whether it was stored.
    pub(super) fn write(&mut self, jobs: Vec<Box<dyn Job>>) -> Option<Batch> {
        if jobs.is_empty() {
            return None;
        }
        let stored = store(&mut self.conn, jobs, &self.hub, &mut self.later);
        self.done();
        match stored {
            Ok(Stored::Known) => None,
            Ok(Stored::InDoubt(batch)) => Some(batch),
            Err(error) => {
                tracing::error!(%error, "a batch of changes was not stored");
                None
            }
        }
    }

    /// Does what was left for later and is due, or asked for, after `count` changes.
    pub(super) fn tend(
        &mut self,
        count: usize,
        waiting: Vec<oneshot::Sender<()>>,
        looks: Vec<Look>,
        nobody_comes: impl Fn() -> bool,
    ) {
        let Self { conn, later, .. } = self;
        let is_full = later.inbox.len() >= inbox::TOGETHER;
        if count == 0 && waiting.is_empty() && later.is_settled() {
            later.filing.go_on(conn, nobody_comes);
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
        self.done();
    }

    fn done(&mut self) {
        self.since = Instant::now();
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.changed();
        }
    }

    /// How long to wait for changes before something else is done. None when there is nothing.
    pub(super) fn rest(&self) -> Option<Duration> {
        let rest = self.later.rest()?;
        Some(rest.saturating_sub(self.since.elapsed()))
    }

    /// Whether so much was left for later that it has to be done.
    fn has_much(&self) -> bool {
        self.later.inbox.len() >= inbox::TOGETHER || self.later.filing.unfiled >= MOST_UNFILED
    }

    /// Asks the database what became of a batch until it knows, refusing what is handed in meanwhile: events of a
    /// batch that was stored are told, whatever it takes. Whether the writer was asked to end.
    pub(super) fn find_out(&mut self, batch: Batch, refuse: impl Fn() -> bool) -> bool {
        let mut waiting = Some(batch.answers);
        let mut batch = Batch {
            answers: Vec::new(),
            outgoing: batch.outgoing,
            positions: batch.positions,
        };
        let mut tries = 0;
        loop {
            match self.conn.was_committed() {
                Ok(committed) => {
                    batch.answers = waiting.unwrap_or_default();
                    batch.end(committed, &self.hub);
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
            if refuse() {
                return true;
            }
            thread::sleep(PAUSE);
        }
    }

    /// Leaves nothing for later.
    pub(super) fn finish(&mut self) {
        self.later.settle(&mut self.conn);
        self.later.filing.finish(&mut self.conn);
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
