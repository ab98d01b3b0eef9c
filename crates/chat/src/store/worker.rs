//! The thread that owns the store: operations in their order, many of them in one commit.
//!
//! A commit costs a wait for the disk. So all operations that wait are run in one transaction, each in a
//! savepoint of its own, and are answered after the commit.
//!
//! What was missed may take long. It has transactions of its own, one if nothing else is to be done meanwhile; what is,
//! waits for a piece of it only, and the rest is left to who asked.

use std::{
    panic::{self, AssertUnwindSafe},
    thread::{self, JoinHandle},
};

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::{Account, Answer, Op, Store, StoreError, execute, open};

/// How many operations may wait. The actor holds the rest back, and with them its own inputs.
const WAITING: usize = 256;

/// So much of what was missed is stored at least before something else is done.
const PIECE: usize = 100;

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
    let tell = |reply| {
        if answer.try_send(reply).is_err() {
            // Nobody listens any more; what was asked for is done all the same.
            tracing::debug!("an answer of the store was not wanted");
        }
    };
    let mut batch = Vec::with_capacity(WAITING);
    while to_do.blocking_recv_many(&mut batch, WAITING) > 0 {
        let mut tokens: Vec<_> = batch.iter().map(|(token, _)| *token).collect();
        while !batch.is_empty() {
            // A panic ends the transaction, and none of it was done; those who asked are told, and the rest goes on.
            let replies = panic::catch_unwind(AssertUnwindSafe(|| run_next(&mut store, &mut batch, &to_do)))
                .unwrap_or_else(|_| {
                    let begun = tokens.len() - batch.len();
                    let error = StoreError::Internal("a panic of the store's thread".to_owned());
                    tokens[..begun]
                        .iter()
                        .map(|token| (*token, Err(error.clone())))
                        .collect()
                });
            tokens.drain(..replies.len());
            replies.into_iter().for_each(tell);
        }
    }
}

/// Runs the first operations of those that wait: what was missed by itself, others together up to there.
fn run_next(
    store: &mut Store,
    batch: &mut Vec<(u64, Op)>,
    to_do: &mpsc::Receiver<(u64, Op)>,
) -> Vec<(u64, Result<Answer, StoreError>)> {
    let is_long = |(_, op): &(u64, Op)| matches!(op, Op::PutSync(_));
    let count = batch.iter().position(is_long).unwrap_or(batch.len()).max(1);
    let mut first: Vec<_> = batch.drain(..count).collect();
    if count > 1 {
        return run_together(store, first.into_iter());
    }
    // By itself it needs no savepoint, for which each page that it changes would be kept as it was.
    let mut pause = |done| done >= PIECE && !(batch.is_empty() && to_do.is_empty());
    first
        .drain(..)
        .map(|(token, op)| (token, store.run_until(op, &mut pause)))
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
    let answer = execute(db, &mut after, op, &mut |_| false)?;
    savepoint.commit()?;
    *account = after;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use khaya_wire::{ChatId, Timestamp, event::MessageDeleted};

    use super::*;
    use crate::store::{Missed, SignedIn, Told, open_in_memory};

    fn chat() -> ChatId {
        ChatId::new("chat").unwrap()
    }

    fn missed(count: usize) -> Op {
        let event = MessageDeleted {
            chat_id: chat(),
            message_id: khaya_wire::MessageId::new("message").unwrap(),
            number: None,
        };
        Op::PutSync(Missed {
            events: vec![Told::Deleted(event); count],
            cursor: "next".to_owned(),
            linked: Vec::new(),
            at: Timestamp::default(),
        })
    }

    fn left(reply: &(u64, Result<Answer, StoreError>)) -> Option<usize> {
        match &reply.1 {
            Ok(Answer::Synced { rest, .. }) => rest.as_ref().map(|rest| rest.events.len()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn who_asks_for_something_waits_for_a_piece_of_what_was_missed() {
        let mut store = open_in_memory().unwrap();
        let user = serde_json::from_value(serde_json::json!(
            {"id": "me", "username": "me", "name": "Me", "role": "member"}
        ));
        store
            .run(Op::SignIn(Box::new(SignedIn {
                server: "https://chat.example.org".to_owned(),
                discovery: None,
                user: user.unwrap(),
            })))
            .unwrap();
        let (ask, to_do) = mpsc::channel(1);
        let page = || Op::Newest {
            chat: chat(),
            limit: 1,
        };
        let draft = Op::SaveDraft {
            chat: chat(),
            text: "text".to_owned(),
        };
        let mut batch = vec![(1, page()), (2, draft), (3, missed(3 * PIECE)), (4, page())];
        let replies = run_next(&mut store, &mut batch, &to_do);
        let tokens: Vec<_> = replies.iter().map(|(token, _)| *token).collect();
        assert_eq!(tokens, [1, 2], "they do not wait for what was missed");
        let replies = run_next(&mut store, &mut batch, &to_do);
        assert_eq!(left(&replies[0]), Some(2 * PIECE));
        let replies = run_next(&mut store, &mut batch, &to_do);
        assert_eq!(replies[0].0, 4);
        // Where nobody waits, it is all of it.
        let mut batch = vec![(5, missed(2 * PIECE))];
        assert_eq!(left(&run_next(&mut store, &mut batch, &to_do)[0]), None);
        // One that waits in the queue is not seen in the batch.
        ask.try_send((7, page())).unwrap();
        let mut batch = vec![(6, missed(2 * PIECE))];
        assert_eq!(left(&run_next(&mut store, &mut batch, &to_do)[0]), Some(PIECE));
    }
}
