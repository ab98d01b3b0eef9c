//! Joins the machine with the world: the store's thread, HTTP, the socket, the keyring and the clock.
//!
//! Owns: one task, in which the machine lives, and its bounded channels.
//!
//! Never does: decide anything. It carries inputs in and outputs out, in order.

mod door;
mod errands;
mod key;
mod link;
mod measured;
mod requests;
mod run;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use khaya_wire::FileId;

use tokio::{
    sync::{mpsc, oneshot, watch},
    task,
};

use self::door::Door;
use crate::{
    Intent, View,
    api::{ApiError, Content, Response},
    archive::{self, Restorable},
    diagnosis::{Condition, Diagnosis, Storage, Work},
    files::{
        self, Outgoing, StagedFile,
        received::{self, Received, Which},
    },
    machine::FileRequest,
    shell::{Secrets, ShellRequest},
    store::{Exported, Progress, StoreError},
    view::{Failure, Session},
};

/// How many intents may wait; who sends more waits.
const INTENTS: usize = 64;

/// How many requests may wait for the shell; more are dropped and logged.
const SHELL_REQUESTS: usize = 256;

/// What an actor needs.
pub struct Config {
    /// The profile's folder. Made if it is not there.
    pub data_dir: PathBuf,
    /// Makes what all calls share and, where it can be, the socket: at the start, and anew when connections that are
    /// kept ready may lead nowhere.
    pub http: fn() -> reqwest::Result<reqwest::Client>,
    /// Where the session and the store's key are kept between runs.
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
    /// Nothing can be asked of a server, as where the system has no certificates.
    #[error("no secure connection can be made: {0}")]
    Http(#[from] reqwest::Error),
}

/// The way to a running actor. Cheap to clone; when the last one is gone, the actor ends.
#[derive(Debug, Clone)]
pub struct Handle {
    to_actor: mpsc::Sender<Message>,
    view: watch::Receiver<Arc<View>>,
    outgoing: Outgoing,
    received: Received,
    data_dir: Arc<Path>,
}

/// What a [`Handle`] sends.
enum Message {
    Intent(Intent, oneshot::Sender<Result<(), Failure>>),
    File(FileRequest, oneshot::Sender<Result<Response, ApiError>>),
    Diagnose(oneshot::Sender<(Condition, Work)>),
    Export {
        to: PathBuf,
        progress: Box<dyn Fn(Progress) + Send>,
        answer: oneshot::Sender<Result<Exported, Failure>>,
    },
    Restore(Box<Restorable>, oneshot::Sender<Result<(), Failure>>),
    ShutDown(oneshot::Sender<()>),
}

impl Handle {
    /// Tells what a person wants. `Ok` when it has been taken; what it leads to comes with the view.
    ///
    /// # Errors
    /// A code and a sentence for the person, when it cannot be taken.
    pub async fn dispatch(&self, intent: Intent) -> Result<(), Failure> {
        let (answer, answered) = oneshot::channel();
        self.to_actor
            .send(Message::Intent(intent, answer))
            .await
            .map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }

    /// Makes a file ready to be sent: copies it. The copy is kept until the server has it.
    ///
    /// # Errors
    /// When the file cannot be read, or there is no room for the copy.
    pub async fn attach(
        &self,
        source: &Path,
        name: String,
        mime_type: String,
    ) -> Result<StagedFile, Failure> {
        let staged = self.outgoing.stage(source, name, mime_type).await;
        staged.map_err(|error| files::failure(&error))
    }

    /// Lets a file go that was made ready and is not sent after all.
    pub async fn detach(&self, file: &FileId) {
        self.outgoing.forget(std::slice::from_ref(file)).await;
    }

    /// Reads a file that was made ready, to show it; one larger than `limit` bytes is refused.
    ///
    /// # Errors
    /// When it is not there, or cannot be read.
    pub async fn staged(&self, file: &FileId, limit: usize) -> Result<Arc<[u8]>, Failure> {
        let read = self.outgoing.read(file, limit).await;
        read.map_err(|error| files::failure(&error))
    }

    /// A file of a message, or a person's picture, to show it: as it was kept here, or fetched.
    ///
    /// # Errors
    /// A code and a sentence for the person.
    pub async fn file(&self, file: FileId, thumbnail: bool) -> Result<Content, Failure> {
        let which = self.which(&file, thumbnail);
        if let Some(which) = &which
            && let Some(content) = self.received.get(which).await
        {
            return Ok(content);
        }
        let fetched = self
            .fetch(FileRequest::Show {
                file: file.clone(),
                thumbnail,
            })
            .await;
        match fetched {
            Ok(Response::File(content)) => {
                // Somebody else may have signed in meanwhile.
                if let Some(which) =
                    which.filter(|which| self.which(&file, thumbnail).as_ref() == Some(which))
                {
                    self.received.put(&which, &content).await;
                }
                Ok(content)
            }
            Ok(_) => Err(ApiError::NotKhaya.failure()),
            Err(error) => Err(error.failure()),
        }
    }

    /// Keeps no more than this of the files that were fetched to be shown, in bytes ([`crate::files::DEFAULT_QUOTA`] where
    /// it is not said); with 0, nothing. What was used the longest time ago goes at once.
    pub async fn keep_received(&self, bytes: u64) {
        self.received.set_quota(bytes).await;
    }

    /// A file of the one who is signed in.
    fn which(&self, file: &FileId, thumbnail: bool) -> Option<Which> {
        match &self.view.borrow().session {
            Session::SignedIn { me, server, .. } => Some(Which {
                server: server.clone(),
                user: me.id.clone(),
                file: file.clone(),
                thumbnail,
            }),
            Session::SignedOut { .. } | Session::SigningIn { .. } | Session::Locked { .. } => None,
        }
    }

    /// Fetches a file and keeps it at this place, whole or not at all.
    ///
    /// # Errors
    /// A code and a sentence for the person.
    pub async fn save(&self, file: FileId, to: PathBuf) -> Result<(), Failure> {
        if let Some(which) = self.which(&file, false)
            && let Some(content) = self.received.get(&which).await
        {
            let saved = received::save(&content, &to).await;
            return saved.map_err(|error| files::failure(&error));
        }
        let saved = self.fetch(FileRequest::Save { file, to }).await;
        saved.map(drop).map_err(|error| error.failure())
    }

    async fn fetch(&self, request: FileRequest) -> Result<Response, ApiError> {
        let (answer, answered) = oneshot::channel();
        let ended = |_| ApiError::Interrupted;
        self.to_actor
            .send(Message::File(request, answer))
            .await
            .map_err(|_| ApiError::Interrupted)?;
        answered.await.map_err(ended)?
    }

    /// Writes everything that is stored of who is signed in to a file of the person's, as `docs/export.md` describes
    /// it: whole or not at all. `progress` is called from another thread.
    ///
    /// # Errors
    /// A code and a sentence for the person.
    pub async fn export(
        &self,
        to: PathBuf,
        progress: impl Fn(Progress) + Send + 'static,
    ) -> Result<Exported, Failure> {
        let (answer, answered) = oneshot::channel();
        let message = Message::Export {
            to,
            progress: Box::new(progress),
            answer,
        };
        self.to_actor.send(message).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }

    /// Brings back what was not sent when a file was exported: drafts, where there is none here now; messages and edits,
    /// which wait for the person. Answers what the file has of it.
    ///
    /// # Errors
    /// A code and a sentence for the person: for a file of somebody else, too.
    pub async fn import(&self, from: PathBuf) -> Result<Restorable, Failure> {
        let found = task::spawn_blocking(move || archive::read(&from))
            .await
            .map_err(|_| ended())??;
        let is_ours = match &self.view.borrow().session {
            Session::SignedIn { me, server, .. } => found.is_of(server, &me.id),
            Session::SignedOut { .. } | Session::SigningIn { .. } | Session::Locked { .. } => {
                return Err(Failure::new("not_signed_in", "Sign in first."));
            }
        };
        if !is_ours {
            let Restorable { server, username, .. } = found;
            return Err(Failure::new(
                "export_of_other",
                format!(
                    "This file is of {username} at {server}. Sign in as that person to bring back what it has."
                ),
            ));
        }
        let (answer, answered) = oneshot::channel();
        let message = Message::Restore(Box::new(found.clone()), answer);
        self.to_actor.send(message).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?.map(|()| found)
    }

    /// How the app is, for who looks for a fault. It has no secret, no name and no text of a message.
    pub async fn diagnose(&self) -> Diagnosis {
        let (answer, answered) = oneshot::channel();
        // Where the actor has ended, what can be seen from outside is still told.
        self.to_actor.send(Message::Diagnose(answer)).await.ok();
        let (machine, work) = answered.await.unwrap_or_default();
        Diagnosis {
            version: format!(
                "Khaya {} on {} ({})",
                env!("CARGO_PKG_VERSION"),
                std::env::consts::OS,
                std::env::consts::ARCH
            ),
            at: run::wall(),
            machine,
            work,
            storage: self.storage().await,
        }
    }

    /// What takes room on the disk.
    pub async fn storage(&self) -> Storage {
        Storage::of_profile(&self.data_dir).await
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
/// the disk has, or says why that cannot be read yet.
///
/// # Errors
/// See [`StartError`].
pub async fn start(config: Config) -> Result<(Handle, mpsc::Receiver<ShellRequest>), StartError> {
    let Config {
        data_dir,
        http,
        secrets,
    } = config;
    let (to_actor, mut inbox) = mpsc::channel(INTENTS);
    let (shell, shell_requests) = mpsc::channel(SHELL_REQUESTS);
    let (show, mut view) = watch::channel(Arc::new(View::default()));
    let (ready, is_ready) = oneshot::channel();
    let outgoing = Outgoing::of_profile(&data_dir);
    let received = Received::of_profile(&data_dir);
    let handle = Handle {
        to_actor,
        view: view.clone(),
        outgoing: outgoing.clone(),
        received: received.clone(),
        data_dir: data_dir.as_path().into(),
    };
    let door = Door {
        folder: data_dir,
        secrets,
    };
    tokio::spawn(async move {
        let result = match door.open(&mut inbox, &show).await {
            Ok(Some(open)) => {
                received.unlock(open.file_key.clone());
                run::Actor::start(open, outgoing, http, inbox, shell, show).await
            }
            Ok(None) => return,
            Err(error) => Err(StartError::from(error)),
        };
        match result {
            Ok(actor) => {
                // Nobody waits any more where the person was asked for the key.
                let _ = ready.send(Ok(()));
                actor.run().await;
            }
            Err(error) => {
                tracing::error!(%error, "the chats cannot be started");
                let _ = ready.send(Err(error));
            }
        }
    });
    tokio::select! {
        biased;
        result = is_ready => result.map_err(io::Error::other)??,
        _ = view.wait_for(|view| matches!(view.session, Session::Locked { .. })) => {}
    }
    Ok((handle, shell_requests))
}

fn ended() -> Failure {
    Failure::new("ended", "Khaya is shutting down.")
}
