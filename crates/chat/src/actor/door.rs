//! Before the machine: finds the store's key and opens the store with it, or says what is in the way and waits for
//! the person.
//!
//! Never does: give up a store whose key may still be found. What cannot be opened stays where it is until the
//! person wants a new one, and then goes aside.

use std::{io, mem::discriminant, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task, time,
};

use super::{Message, errands::in_time, key::Keyholder};
use crate::{
    Intent, View,
    api::{ApiError, Response},
    diagnosis::{Condition, Work},
    intent::Secret,
    shell::{SecretName, Secrets},
    store::{self, FileKey, KeyFile, Store, StoreError, StoreKey, There},
    view::{Failure, Session},
};

/// After this long the person learns that it is the keyring which is waited for: it may be asking for a password.
const PATIENCE: Duration = Duration::from_secs(1);

/// The door of a profile's store.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) folder: PathBuf,
    pub(super) secrets: Arc<dyn Secrets>,
}

/// What is behind it.
pub(super) struct Open {
    pub(super) store: Store,
    /// Of the files beside it.
    pub(super) file_key: FileKey,
    pub(super) keyholder: Keyholder,
    /// What the person should know.
    pub(super) told: Vec<Failure>,
    /// What was told of the window and the system before there was a machine to hear it.
    pub(super) heard: Vec<Intent>,
}

/// Why it stays closed for now.
#[derive(Debug)]
struct Closed {
    failure: Failure,
    can_recover: bool,
}

/// Why there is nothing to wait for.
enum Stop {
    Closed(Closed),
    Failed(StoreError),
}

/// Where the key is to come from.
enum Way {
    Keyring,
    Passphrase(Secret),
    /// None is to be had: the store goes aside.
    Anew,
}

type Asked = Option<oneshot::Sender<Result<(), Failure>>>;

/// The way that the person wants to try.
type Wish = (Way, Asked);

impl Way {
    fn of(passphrase: Option<Secret>) -> Self {
        passphrase.map_or(Self::Keyring, Self::Passphrase)
    }
}

impl Door {
    /// Opens the store, and asks the person as long as it cannot. `None` when the app ends before.
    ///
    /// # Errors
    /// When not even a new store can be begun.
    pub(super) async fn open(
        self,
        inbox: &mut mpsc::Receiver<Message>,
        show: &watch::Sender<Arc<View>>,
    ) -> Result<Option<Open>, StoreError> {
        let (mut way, mut asked): Wish = (Way::Keyring, None);
        let mut heard = Vec::new();
        loop {
            // A keyring can be waited for as long as it likes to ask; what is wished meanwhile has its turn after that.
            let mut next: Option<Wish> = None;
            // A store with nothing wrong about its key is not put away.
            let (closed, may_begin_anew) = {
                let attempt = self.attempt(way);
                tokio::pin!(attempt);
                let result = loop {
                    tokio::select! {
                        biased;
                        result = &mut attempt => break result,
                        message = inbox.recv() => match message {
                            Some(Message::Intent(Intent::UnlockStore { passphrase }, asked)) => {
                                if let Some((_, before)) = next.replace((Way::of(passphrase), Some(asked))) {
                                    answer(before, Err(locked()));
                                }
                            }
                            Some(Message::Intent(intent, answer)) => hear(&mut heard, intent, answer),
                            Some(Message::File(_, answer)) => refuse(answer),
                            Some(Message::Diagnose(answer)) => tell_locked(answer),
                    Some(Message::Export { answer, .. }) => drop(answer.send(Err(locked()))),
                    Some(Message::Restore(_, answer)) => drop(answer.send(Err(locked()))),
                            Some(Message::ShutDown(done)) => return Ok(end(done)),
                            None => return Ok(None),
                        },
                        () = time::sleep(PATIENCE), if is_unsaid(show) => lock(show, Closed {
                            failure: Failure::new(
                                "keyring_waiting",
                                "Khaya waits for the system's keyring, which holds the key of the stored chats. It may be \
                                 asking for its password.",
                            ),
                            can_recover: false,
                        }),
                    }
                };
                match result {
                    Ok(open) => {
                        answer(asked, Ok(()));
                        answer(next.and_then(|(_, asked)| asked), Ok(()));
                        return Ok(Some(Open { heard, ..open }));
                    }
                    Err(Stop::Closed(closed)) => (closed, true),
                    Err(Stop::Failed(error)) if is_unsaid(show) && !error.may_pass() => return Err(error),
                    // The window tells, and the person can try once more.
                    Err(Stop::Failed(error)) => {
                        let closed = Closed {
                            failure: error.failure(),
                            can_recover: self.can_recover().await,
                        };
                        (closed, false)
                    }
                }
            };
            tracing::warn!(code = closed.failure.code, "the store stays closed");
            answer(asked, Err(closed.failure.clone()));
            lock(show, closed);
            if let Some(next) = next {
                (way, asked) = next;
                continue;
            }
            (way, asked) = loop {
                match inbox.recv().await {
                    Some(Message::Intent(Intent::UnlockStore { passphrase }, answer)) => {
                        break (Way::of(passphrase), Some(answer));
                    }
                    Some(Message::Intent(Intent::BeginStoreAnew, answer)) if may_begin_anew => {
                        break (Way::Anew, Some(answer));
                    }
                    Some(Message::Intent(intent, answer)) => hear(&mut heard, intent, answer),
                    Some(Message::File(_, answer)) => refuse(answer),
                    Some(Message::Diagnose(answer)) => tell_locked(answer),
                    Some(Message::Export { answer, .. }) => drop(answer.send(Err(locked()))),
                    Some(Message::Restore(_, answer)) => drop(answer.send(Err(locked()))),
                    Some(Message::ShutDown(done)) => return Ok(end(done)),
                    None => return Ok(None),
                }
            };
        }
    }

    async fn can_recover(&self) -> bool {
        let folder = self.folder.clone();
        let file = blocking(move || KeyFile::read(&folder)).await;
        matches!(file, Ok(Some(file)) if file.can_recover())
    }

    async fn attempt(&self, way: Way) -> Result<Open, Stop> {
        match way {
            Way::Keyring => self.by_keyring(Vec::new()).await,
            Way::Passphrase(passphrase) => self.by_passphrase(passphrase).await,
            Way::Anew => {
                let folder = self.folder.clone();
                let aside = blocking(move || store::set_aside_locked(&folder)).await?;
                self.by_keyring(vec![told_locked(&aside)]).await
            }
        }
    }

    async fn by_keyring(&self, mut told: Vec<Failure>) -> Result<Open, Stop> {
        let folder = self.folder.clone();
        let (mut found, file) =
            blocking(move || Ok((store::look(&folder)?, KeyFile::read(&folder)?))).await?;
        let can_recover = file.as_ref().is_some_and(KeyFile::can_recover);
        let loaded = in_time(self.secrets.load(SecretName::StoreKey)).await;
        let is_gone = found == There::Encrypted
            && file.as_ref().is_some_and(|file| !file.is_kept())
            && !can_recover
            && match &loaded {
                Ok(text) => !is_key_of(text.as_ref(), file.as_ref()),
                Err(_) => true,
            };
        if is_gone {
            // Its key was in the memory of a run that has ended, and the person knew. Nobody can ever read it.
            let folder = self.folder.clone();
            blocking(move || store::remove_unkept(&folder)).await?;
            found = There::Nothing;
        }
        let loaded = match loaded {
            Ok(text) => text,
            Err(error) if found == There::Nothing => {
                tracing::warn!(%error, "the store's key is in memory only");
                return self.open_with(StoreKey::generate()?, false, told).await;
            }
            Err(error) => return Err(closed("store_locked", error.message, can_recover)),
        };
        let key = loaded.as_ref().and_then(StoreKey::from_text);
        let is_lost = match (key.clone(), found) {
            (Some(key), There::Encrypted) => {
                let folder = self.folder.clone();
                !blocking(move || store::fits(&folder, &key)).await?
            }
            (None, There::Encrypted) => true,
            (_, There::Nothing | There::Plain) => false,
        };
        if is_lost && can_recover {
            let sentence = "The key of the stored chats is not in this computer's keyring any more. The recovery passphrase \
                            opens them.";
            return Err(closed("store_key_lost", sentence, true));
        }
        if is_lost {
            let folder = self.folder.clone();
            let aside = blocking(move || store::set_aside_locked(&folder)).await?;
            told.push(told_locked(&aside));
            found = There::Nothing;
        }
        match key {
            Some(key) => self.open_with(key, true, told).await,
            None => {
                let key = StoreKey::generate()?;
                let kept = in_time(self.secrets.store(SecretName::StoreKey, key.to_text())).await;
                match (kept, found) {
                    (Ok(()), _) => self.open_with(key, true, told).await,
                    (Err(_), There::Nothing | There::Encrypted) => self.open_with(key, false, told).await,
                    // What can be read without a key is not closed up with one that may be lost.
                    (Err(error), There::Plain) => Err(closed("store_locked", error.message, false)),
                }
            }
        }
    }

    async fn by_passphrase(&self, passphrase: Secret) -> Result<Open, Stop> {
        let folder = self.folder.clone();
        let recovered = blocking(move || {
            let file = KeyFile::read(&folder)?;
            Ok(file.and_then(|file| file.recover(&passphrase).ok()))
        });
        let Some(key) = recovered.await? else {
            return Err(closed(
                "wrong_passphrase",
                "This passphrase does not open the stored chats.",
                true,
            ));
        };
        let open = self.open_with(key, false, Vec::new()).await?;
        if let Err(error) = in_time(open.keyholder.keep()).await {
            tracing::warn!(%error, "the keyring does not take the store's key back");
        }
        Ok(open)
    }

    /// Writes down which key it is before anything is written with it.
    async fn open_with(&self, key: StoreKey, is_kept: bool, mut told: Vec<Failure>) -> Result<Open, Stop> {
        let (folder, with) = (self.folder.clone(), key.clone());
        let (opened, file) = blocking(move || {
            std::fs::create_dir_all(&folder).map_err(|error| StoreError::from(&error))?;
            let known = KeyFile::read(&folder)?;
            let mut file = match &known {
                Some(file) if file.is_of(&with) => file.clone(),
                Some(_) | None => KeyFile::new(&with, false),
            };
            file.set_kept(is_kept);
            // On a full disk, what need not be written is not in the way.
            if known.as_ref() != Some(&file) {
                file.write(&folder)?;
            }
            Ok((store::open(&folder, &with)?, file))
        })
        .await?;
        told.extend(opened.set_aside.iter().map(store::SetAside::failure));
        Ok(Open {
            store: opened.store,
            file_key: key.for_files(),
            keyholder: Keyholder::new(Arc::clone(&self.secrets), self.folder.clone(), key, file),
            told,
            heard: Vec::new(),
        })
    }
}

fn is_key_of(text: Option<&Secret>, file: Option<&KeyFile>) -> bool {
    match (text.and_then(StoreKey::from_text), file) {
        (Some(key), Some(file)) => file.is_of(&key),
        (_, _) => false,
    }
}

fn told_locked(aside: &[PathBuf]) -> Failure {
    let names: Vec<_> = aside.iter().map(|path| path.display().to_string()).collect();
    Failure::new(
        "store_set_aside",
        format!(
            "The key of the stored chats was not to be had. They have been set aside as {}, and are fetched anew. What was \
             not sent is in there and needs that key.",
            names.join(" and ")
        ),
    )
}

fn closed(code: &str, message: impl Into<String>, can_recover: bool) -> Stop {
    Stop::Closed(Closed {
        failure: Failure::new(code, message),
        can_recover,
    })
}

fn is_unsaid(show: &watch::Sender<Arc<View>>) -> bool {
    !matches!(show.borrow().session, Session::Locked { .. })
}

fn lock(show: &watch::Sender<Arc<View>>, Closed { failure, can_recover }: Closed) {
    show.send_replace(Arc::new(View {
        session: Session::Locked { failure, can_recover },
        ..View::default()
    }));
}

fn answer(asked: Asked, result: Result<(), Failure>) {
    if let Some(asked) = asked {
        // Who asked may have gone away.
        let _ = asked.send(result);
    }
}

/// Keeps what is only told once, the latest of each kind, and refuses the rest.
fn hear(heard: &mut Vec<Intent>, intent: Intent, asked: oneshot::Sender<Result<(), Failure>>) {
    let result = if matches!(
        intent,
        Intent::Focus { .. } | Intent::Network { .. } | Intent::Quiet(_)
    ) {
        heard.retain(|before| discriminant(before) != discriminant(&intent));
        heard.push(intent);
        Ok(())
    } else {
        Err(locked())
    };
    answer(Some(asked), result);
}

fn locked() -> Failure {
    Failure::new("store_locked", "The stored chats on this computer are locked.")
}

/// Nobody is signed in yet who could fetch a file.
fn refuse(answer: oneshot::Sender<Result<Response, ApiError>>) {
    // Who asked may have gone away.
    let _ = answer.send(Err(ApiError::Unreachable));
}

fn tell_locked(answer: oneshot::Sender<(Condition, Work)>) {
    let condition = Condition {
        session: "locked",
        ..Condition::default()
    };
    // Who asked may have gone away.
    let _ = answer.send((condition, Work::default()));
}

fn end<T>(done: oneshot::Sender<()>) -> Option<T> {
    // Who asked may have gone away.
    let _ = done.send(());
    None
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Stop> {
    task::spawn_blocking(work)
        .await
        .map_err(|error| StoreError::from(&io::Error::other(error)))?
        .map_err(Stop::Failed)
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}
