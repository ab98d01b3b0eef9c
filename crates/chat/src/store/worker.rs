//! The thread that owns the store: operations in their order, many of them in one commit.
//!
//! A commit costs a wait for the disk. So all operations that wait are run in one transaction, each in a
//! savepoint of its own, and are answered after the commit.

use std::{
    panic::{self, AssertUnwindSafe},
    thread::{self, JoinHandle},
};

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::{Account, Answer, Op, Store, StoreError, execute, open};

/// How many operations may wait. The actor holds the rest back, and with them its own inputs.
const WAITING: usize = 256;

/// The way to the store's thread.
#[derive(Debug)]
pub struct StoreQueue {
    operations: mpsc::Sender<(u64, Op)>,
    answers: mpsc::Receiver<(u64, Result<Answer, StoreError>)>,
    in_flight: usize,
}

/// The store's thread. It ends when its [`StoreQueue`] is dropped.
#[derive(Debug)]
pub struct StoreThread(JoinHandle<()>);

impl StoreThread {
    /// Moves a store to a thread of its own.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(store: Store) -> std::io::Result<(Self, StoreQueue)> {
        let (operations, to_do) = mpsc::channel(WAITING);
        // As many answers fit as there can be questions, so the thread never waits for a reader.
        let (answer, answers) = mpsc::channel(WAITING);
        let thread = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || work(store, to_do, &answer))?;
        Ok((
            Self(thread),
            StoreQueue {
                operations,
                answers,
                in_flight: 0,
            },
        ))
    }

    /// Waits until everything that was asked for is done and the file is closed. Blocks.
    pub fn join(self) {
        if self.0.join().is_err() {
            tracing::error!("the store's thread panicked");
        }
    }
}

impl StoreQueue {
    /// Whether another operation can be taken.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.in_flight < WAITING
    }

    /// Asks for an operation. Only where [`StoreQueue::has_room`].
    pub fn ask(&mut self, token: u64, op: Op) {
        // The channel has room for all that are in flight; it is closed only after a panic of the thread, which
        // then shows as an end of the answers.
        if self.operations.try_send((token, op)).is_ok() {
            self.in_flight += 1;
        }
    }

    /// The next answer; `None` when the thread has ended.
    pub async fn answer(&mut self) -> Option<(u64, Result<Answer, StoreError>)> {
        let answer = self.answers.recv().await?;
        self.in_flight -= 1;
        Some(answer)
    }
}

fn work(
    mut store: Store,
    mut to_do: mpsc::Receiver<(u64, Op)>,
    answer: &mpsc::Sender<(u64, Result<Answer, StoreError>)>,
) {
    let mut batch = Vec::with_capacity(WAITING);
    while to_do.blocking_recv_many(&mut batch, WAITING) > 0 {
        let tokens: Vec<_> = batch.iter().map(|(token, _)| *token).collect();
        // A panic ends the transaction, and none of it was done; those who asked are told, and the rest goes on.
        let replies = panic::catch_unwind(AssertUnwindSafe(|| run_all(&mut store, &mut batch)))
            .unwrap_or_else(|_| {
                let error = StoreError::Internal("a panic of the store's thread".to_owned());
                tokens
                    .into_iter()
                    .map(|token| (token, Err(error.clone())))
                    .collect()
            });
        for reply in replies {
            if answer.try_send(reply).is_err() {
                // Nobody listens any more; what was asked for is done all the same.
                tracing::debug!("an answer of the store was not wanted");
            }
        }
    }
}

fn run_all(store: &mut Store, batch: &mut Vec<(u64, Op)>) -> Vec<(u64, Result<Answer, StoreError>)> {
    if batch.len() > 1 {
        return run_together(store, batch.drain(..));
    }
    // By itself it needs no savepoint, for which each page that it changes would be kept as it was.
    batch
        .drain(..)
        .map(|(token, op)| (token, store.run(op)))
        .collect()
}

fn run_together(
    store: &mut Store,
    batch: impl Iterator<Item = (u64, Op)>,
) -> Vec<(u64, Result<Answer, StoreError>)> {
    let mut account = store.account.clone();
    let mut replies = Vec::new();
    let ended = match store.connection.transaction() {
        Ok(mut transaction) => {
            let mut failed = None;
            for (token, op) in batch {
                let result = match &failed {
                    None => in_savepoint(&mut transaction, &mut account, op),
                    Some(error) => Err(StoreError::clone(error)),
                };
                // A full disk ends the whole transaction, not just the savepoint.
                if let Err(error) = &result
                    && transaction.is_autocommit()
                {
                    failed.get_or_insert_with(|| error.clone());
                }
                replies.push((token, result));
            }
            match failed {
                Some(error) => Err(error),
                None => transaction.commit().map_err(StoreError::from),
            }
        }
        Err(error) => {
            let error = StoreError::from(error);
            replies.extend(batch.map(|(token, _)| (token, Err(error.clone()))));
            Err(error)
        }
    };
    match ended {
        Ok(()) => store.account = account,
        Err(error) => {
            tracing::error!(%error, "a commit failed");
            for (_, result) in &mut replies {
                if result.is_ok() {
                    *result = Err(error.clone());
                }
            }
        }
    }
    if replies
        .iter()
        .any(|(_, result)| matches!(result, Err(StoreError::Damaged)))
    {
        open::mark_as_damaged(&store.connection);
    }
    replies
}

fn in_savepoint(
    transaction: &mut rusqlite::Transaction<'_>,
    account: &mut Option<Account>,
    op: Op,
) -> Result<Answer, StoreError> {
    let savepoint = transaction.savepoint()?;
    let db: &Connection = &savepoint;
    let mut after = account.clone();
    let answer = execute(db, &mut after, op)?;
    savepoint.commit()?;
    *account = after;
    Ok(answer)
}
