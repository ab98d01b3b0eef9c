//! Joins the machine with the world: the store's thread, HTTP, the socket, the keyring and the clock.
//!
//! Owns: one task, in which the machine lives, and its bounded channels.
//!
//! Never does: decide anything. It carries inputs in and outputs out, in order.

mod errands;
mod link;
mod run;

use std::{fmt, io, path::PathBuf, sync::Arc};

use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    Intent, View,
    machine::Chat,
    shell::{Secrets, ShellRequest},
    store::{self, StoreError, StoreThread},
    view::Failure,
};

/// How many intents may wait; who sends more waits.
const INTENTS: usize = 64;

/// How many requests may wait for the shell; more are dropped and logged.
const SHELL_REQUESTS: usize = 256;

/// What an actor needs.
pub struct Config {
    /// The profile's folder. Made if it is not there.
    pub data_dir: PathBuf,
    /// Shared by all calls and, where it can be, by the socket.
    pub http: reqwest::Client,
    /// Where the session is kept between runs.
    pub secrets: Arc<dyn Secrets>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("data_dir", &self.data_dir)
            .finish_non_exhaustive()
    }
}

/// Why there is no actor.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Not even a new store can be begun.
    #[error("{}", .0.failure().message)]
    Store(#[from] StoreError),
    /// The system gave no thread.
    #[error("the system has no thread to give: {0}")]
    Thread(#[from] io::Error),
}

/// The way to a running actor. Cheap to clone; when the last one is gone, the actor ends.
#[derive(Debug, Clone)]
pub struct Handle {
    to_actor: mpsc::Sender<Message>,
    view: watch::Receiver<Arc<View>>,
}

/// What a [`Handle`] sends.
enum Message {
    Intent(Intent, oneshot::Sender<Result<(), Failure>>),
    ShutDown(oneshot::Sender<()>),
}

impl Handle {
    /// Tells what a person wants. `Ok` when it has been taken; what it leads to comes with the view.
    ///
    /// # Errors
    /// A code and a sentence for the person, when it cannot be taken.
    pub async fn dispatch(&self, intent: Intent) -> Result<(), Failure> {
        let (answer, answered) = oneshot::channel();
        let ended = || Failure::new("ended", "Khaya is shutting down.");
        self.to_actor
            .send(Message::Intent(intent, answer))
            .await
            .map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }

    /// The newest view, and when it changes.
    #[must_use]
    pub fn view(&self) -> watch::Receiver<Arc<View>> {
        self.view.clone()
    }

    /// Disconnects, finishes what is on its way to the disk, and closes the store.
    pub async fn shut_down(&self) {
        let (done, is_done) = oneshot::channel();
        if self.to_actor.send(Message::ShutDown(done)).await.is_ok() {
            // An error says that the actor has ended already.
            let _ = is_done.await;
        }
    }
}

/// Opens the store, and starts the actor on the tokio runtime of the caller. When this returns, the view is what
/// the disk has.
///
/// # Errors
/// See [`StartError`].
pub async fn start(config: Config) -> Result<(Handle, mpsc::Receiver<ShellRequest>), StartError> {
    let Config {
        data_dir,
        http,
        secrets,
    } = config;
    let opened = tokio::task::spawn_blocking(move || store::open(&data_dir))
        .await
        .map_err(io::Error::other)??;
    let mut machine = Chat::new(run::seed());
    if let Some(aside) = opened.set_aside {
        machine.alert(Failure::new(
            "store_damaged",
            format!(
                "The stored chats on this computer were damaged. They have been set aside as {} and are fetched \
                 anew.",
                aside.display()
            ),
        ));
    }
    let (thread, queue) = StoreThread::start(opened.store)?;
    let (to_actor, inbox) = mpsc::channel(INTENTS);
    let (shell, shell_requests) = mpsc::channel(SHELL_REQUESTS);
    let (show, view) = watch::channel(Arc::new(View::default()));
    let mut actor = run::Actor::new(machine, thread, queue, http, secrets, inbox, shell, show);
    actor.read_store().await;
    tokio::spawn(actor.run());
    Ok((Handle { to_actor, view }, shell_requests))
}
