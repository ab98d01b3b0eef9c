//! Brings the page's questions to the app and the answers back.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use serde_json::{Map, Value};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::link::{Answer, Question, Refusal, ToApp};

/// How many questions may be open. A page that asks more waits.
const OPEN_QUESTIONS: usize = 64;

/// The window's voice.
pub(super) struct Asker {
    to_app: mpsc::Sender<ToApp>,
    next: AtomicU64,
    permits: Semaphore,
    open: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
    /// Until the app says otherwise.
    locked: AtomicBool,
}

impl Asker {
    pub(super) fn new(to_app: mpsc::Sender<ToApp>) -> Self {
        Self {
            to_app,
            next: AtomicU64::new(0),
            permits: Semaphore::new(OPEN_QUESTIONS),
            open: Mutex::default(),
            locked: AtomicBool::new(true),
        }
    }

    /// Asks, and waits for the answer.
    pub(super) async fn ask(&self, question: Question) -> Answer {
        let _permit = self.permits.acquire().await.map_err(|_| Refusal::ended())?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (reply, answer) = oneshot::channel();
        self.open().insert(number, reply);
        if self.to_app.send(ToApp::Ask { number, question }).await.is_err() {
            self.open().remove(&number);
            return Err(Refusal::ended());
        }
        answer.await.unwrap_or_else(|_| Err(Refusal::ended()))
    }

    /// The answer has come.
    pub(super) fn answered(&self, number: u64, answer: Answer) {
        match self.open().remove(&number) {
            // The page may be gone that asked.
            Some(reply) => drop(reply.send(answer)),
            None => tracing::warn!(number, "an answer came to no question"),
        }
    }

    /// The app has been locked or opened. What is asked and not answered yet is refused by a locked one.
    pub(super) fn set_locked(&self, locked: bool) {
        self.locked.store(locked, Ordering::SeqCst);
        if locked {
            for (_, reply) in self.open().drain() {
                // The page may be gone that asked.
                let _ = reply.send(Err(Refusal::locked()));
            }
        }
    }

    /// Refuses what only an open app does.
    pub(super) fn ensure_open(&self) -> Result<(), Refusal> {
        if self.locked.load(Ordering::SeqCst) {
            Err(Refusal::locked())
        } else {
            Ok(())
        }
    }

    /// Says what the person chose.
    pub(super) async fn tell_settings(&self, settings: Map<String, Value>) {
        // An error means that the app is ending.
        let _ = self.to_app.send(ToApp::Settings(settings)).await;
    }

    /// Says something from the main thread, which must not wait.
    pub(super) fn tell(&self, message: ToApp) {
        if let Err(error) = self.to_app.try_send(message) {
            tracing::warn!(%error, "the app does not hear its window");
        }
    }

    fn open(&self) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<Answer>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
