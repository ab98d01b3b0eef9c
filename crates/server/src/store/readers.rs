//! The readers: threads with a connection each, that take what is to be looked up from one queue.
//!
//! The queue is bounded: who finds it full waits, and with them their client.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use tokio::sync::{mpsc, oneshot};

use super::conn::{Conn, View};
use crate::Error;

/// How many questions may wait.
const QUEUE: usize = 1024;

/// Looks something up, and answers.
pub(super) type Look = Box<dyn FnOnce(&mut Conn) + Send>;

enum Work {
    Look(Look),
    End,
}

/// Where questions are handed in.
#[derive(Debug, Clone)]
pub(super) struct Readers {
    work: mpsc::Sender<Work>,
    threads: Arc<Mutex<Vec<thread::JoinHandle<()>>>>,
}

impl Readers {
    /// Starts a thread for each connection.
    pub(super) fn start(connections: Vec<Conn>) -> Result<Self, Error> {
        let (work, queue) = mpsc::channel(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        let threads = connections
            .into_iter()
            .map(|mut conn| {
                let queue = Arc::clone(&queue);
                thread::Builder::new()
                    .name("reader".to_owned())
                    .spawn(move || run(&mut conn, &queue))
            })
            .collect::<Result<_, _>>()
            .map_err(|source| Error::io("cannot start a thread", source))?;
        Ok(Self {
            work,
            threads: Arc::new(Mutex::new(threads)),
        })
    }

    /// Answers what `look` finds.
    pub(super) async fn ask<T, F>(&self, view: View, look: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, Error> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let look = Box::new(move |conn: &mut Conn| {
            // Who asked may have gone.
            let _gone = answer.send(conn.look(view, &look));
        });
        self.work
            .send(Work::Look(look))
            .await
            .map_err(|_| Error::Unavailable)?;
        answered.await.map_err(|_| Error::Unavailable)?
    }

    /// Answers what was asked before, and closes the connections.
    pub(super) async fn close(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for _ in &threads {
            let _gone = self.work.send(Work::End).await;
        }
        let _ended = tokio::task::spawn_blocking(|| {
            for thread in threads {
                let _panicked = thread.join();
            }
        })
        .await;
    }
}

fn run(conn: &mut Conn, queue: &Mutex<mpsc::Receiver<Work>>) {
    loop {
        let work = queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .blocking_recv();
        match work {
            Some(Work::Look(look)) => {
                // A defect in one question does not take the thread from the others.
                if catch_unwind(AssertUnwindSafe(|| look(conn))).is_err() {
                    tracing::error!("a question to the database panicked");
                    let _none_was_open = conn.roll_back();
                }
            }
            Some(Work::End) | None => return,
        }
    }
}
