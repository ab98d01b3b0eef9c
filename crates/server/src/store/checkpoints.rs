//! Moving SQLite's log into its database: on a thread and a connection of its own, so that nobody who changes something
//! waits for it.
//!
//! Never holds up the writer: what is added to the log meanwhile is moved the next time. Only a log that grows beyond all
//! measure is moved by the writer itself, and once it waits for some milliseconds while the log's file is made long.

use std::{
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread,
    time::{Duration, Instant},
};

use super::sqlite::Sqlite;
use crate::Error;

/// How often the log is moved while there are changes.
const EVERY: Duration = Duration::from_millis(250);

/// The thread that moves the log. It ends with this value.
#[derive(Debug)]
pub(super) struct Checkpoints {
    due: Option<SyncSender<()>>,
    thread: Option<thread::JoinHandle<()>>,
    last: Instant,
}

impl Checkpoints {
    /// Begins, over a connection that nobody else has.
    pub(super) fn start(mut sqlite: Sqlite) -> Result<Self, Error> {
        let (due, wanted) = sync_channel(1);
        let thread = thread::Builder::new()
            .name("checkpoints".to_owned())
            .spawn(move || run(&mut sqlite, &wanted))
            .map_err(|source| Error::io("cannot start a thread", source))?;
        Ok(Self {
            due: Some(due),
            thread: Some(thread),
            last: Instant::now(),
        })
    }

    /// Something was changed.
    pub(super) fn changed(&mut self) {
        if self.last.elapsed() < EVERY {
            return;
        }
        self.last = Instant::now();
        if let Some(due) = &self.due {
            match due.try_send(()) {
                // One that has not begun yet moves this change too.
                Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
            }
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.due = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

fn run(sqlite: &mut Sqlite, due: &Receiver<()>) {
    while due.recv().is_ok() {
        if let Err(error) = sqlite.move_log() {
            tracing::warn!(%error, "the log was not moved into the database; it will be");
        }
        if let Err(error) = sqlite.lengthen_log() {
            tracing::warn!(%error, "the log's file grows as it is needed");
        }
    }
}
